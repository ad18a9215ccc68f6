"""Which rows are trained on, stopped on and tested on.

By default what was known later is tested: with a timestamp, the latest rows, for a model that will meet the days after
those it was trained on; of ratings, the last item of each user. Without one, whole groups, or the row's content.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from roadworthy.finetune.groups import Grouping
from roadworthy.finetune.groups import digest as group_digest
from roadworthy.finetune.split import TEST_SHARE, VALIDATION_SHARE, Part, Split
from roadworthy.model_cards import InputError

from .latest import latest, order
from .schema import Schema
from .schema_file import By

NUMBER: Mapping[Part | None, int] = {"train": 0, "validation": 1, "test": 2}
LEFT_OUT = 3  # an item that its user had before
_POOL = 255  # no part was given


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSplit(Split):
    """``by``: "last" is each user's last item. ``column``: the timestamp, where there is one."""

    by: Literal["time", "group", "content", "last"] = "content"
    column: str | None = None

    @property
    def rule(self) -> str:
        """How the parts come about, in words that a card can print."""
        if self.by in ("group", "content"):
            return super(RowSplit, self).rule
        names = ", ".join(sorted(self.given))
        if "validation" in self.given:
            return f"as given by the {self.unit} {names}"
        if self.by == "time":
            what = "groups" if self.grouping else "rows"
            if self.given:
                return (
                    f"as given by the {self.unit} {names}; validation is the latest {VALIDATION_SHARE:.0%} of train's "
                    f"{what} by {self.column!r}"
                )
            return (
                f"by time, column {self.column!r}: the latest {TEST_SHARE:.0%} of the {what} are test, the "
                f"{VALIDATION_SHARE:.0%} before them validation"
            )
        last = f"last item by {self.column!r}" if self.column else "item with the highest SHA-256"
        if self.given:
            return f"as given by the {self.unit} {names}; validation is the {last} of each user in train"
        return f"by user: the {last} is test, the one before it validation; users with fewer than three are trained on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What a split looks at, for R rows.

    ``given``: uint8 [R], a part's number or 255. ``digest``: uint8 [R, 16]. ``time``: int64 [R]. ``group``, ``user``,
    ``item``: int32 [R], -1 where there is none; ``group_names`` the text of each group's number.
    """

    given: NDArray[np.uint8]
    digest: NDArray[np.uint8]
    time: NDArray[np.int64] | None
    group: NDArray[np.int32] | None
    group_names: Any
    user: NDArray[np.int32] | None
    item: NDArray[np.int32] | None


def split_of(schema: Schema, given: frozenset[Part], stated: By | None) -> RowSplit:
    """The split of a table, by default or as the user stated it.

    Raises:
        InputError: what it should go by is not there.
    """
    grouping_column = schema.group or (schema.user if schema.shape == "clicks" else None)
    by: Literal["time", "group", "content", "last"]
    if schema.shape == "ratings":
        if stated is not None:
            raise InputError(
                f"the schema says split = {stated!r}; ratings are split by each user's last item. Remove that line, or "
                "give files train, val and test."
            )
        by = "last"
    else:
        by = stated or ("time" if schema.timestamp else "group" if grouping_column else "content")
    if by == "time" and schema.timestamp is None:
        raise InputError('the schema says split = "time", and there is no timestamp. State one: timestamp = "NAME".')
    if by == "group" and grouping_column is None:
        raise InputError('the schema says split = "group", and there is no group. State one: group = "NAME".')
    if by == "content" and schema.group is not None:
        raise InputError(
            f'the schema says split = "content", and rows are ranked within {schema.group!r}: a group is one example, '
            'so it cannot be divided. Expected "group" or "time".'
        )
    column = schema.group if by == "time" else grouping_column if by == "group" else None
    return RowSplit(
        given=given,
        unit="files",
        content="row's",
        grouping=None if column is None else Grouping(by="column", name=column),
        by=by,
        column=schema.timestamp,
    )


def parts_of(split: RowSplit, keys: Keys) -> NDArray[np.uint8]:
    """uint8 [R]: 0 train, 1 validation, 2 test, 3 left out."""
    if split.by == "last":
        return _last(split, keys)
    parts = np.array(keys.given)
    pool = (parts == _POOL) if not split.given else (parts == NUMBER["train"])
    parts[pool] = NUMBER["train"]
    if "validation" in split.given:
        return parts
    if keys.group is None or split.grouping is None:
        drawn = _draw(split, keys.time, keys.digest, pool)
    else:
        drawn = _draw_groups(split, keys, pool)
    parts[drawn != 0] = drawn[drawn != 0]
    return parts


def _draw(
    split: RowSplit, time: NDArray[np.int64] | None, digest: NDArray[np.uint8], pool: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """uint8: 1 and 2 for what of ``pool`` goes into validation and test, 0 for the rest."""
    drawn = np.zeros(len(pool), dtype=np.uint8)
    if split.by != "time" or time is None:
        share = (order(digest)[0] >> np.uint64(4)).astype(np.float64) / 2.0**60  # as Split.part_of takes it
        drawn[pool & (share < (VALIDATION_SHARE if split.given else TEST_SHARE + VALIDATION_SHARE))] = 1
        if not split.given:
            drawn[pool & (share < TEST_SHARE)] = 2
        return drawn
    count = int(pool.sum())
    if not split.given:
        drawn[latest(time, digest, pool, round(TEST_SHARE * count))] = 2
    drawn[latest(time, digest, pool & (drawn == 0), round(VALIDATION_SHARE * count))] = 1
    return drawn


def _draw_groups(split: RowSplit, keys: Keys, pool: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """As ``_draw``, of whole groups: a group's time is that of its first row. Rows without one are their own group."""
    assert keys.group is not None
    names, has = keys.group_names, keys.group >= 0
    digests = np.array(
        [np.frombuffer(bytes.fromhex(group_digest(name))[:16], dtype=np.uint8) for name in names.to_pylist()]
    ).reshape(-1, 16)
    time = None
    if keys.time is not None:
        time = np.full(len(names), np.iinfo(np.int64).max)
        np.minimum.at(time, keys.group[has], keys.time[has])
    in_pool = np.zeros(len(names), dtype=bool)
    in_pool[keys.group[has & pool]] = True
    drawn = np.zeros(len(pool), dtype=np.uint8)
    drawn[has] = _draw(split, time, digests, in_pool)[keys.group[has]]
    drawn[~has] = _draw(split, keys.time, keys.digest, pool & ~has)[~has]
    drawn[~pool] = 0
    return drawn


def _last(split: RowSplit, keys: Keys) -> NDArray[np.uint8]:
    """Of each user's items the last and the one before; an item that a user had twice counts the first time."""
    assert keys.user is not None
    assert keys.item is not None
    high, low = order(keys.digest)
    time = keys.time if keys.time is not None else np.zeros(len(high), dtype=np.int64)
    parts = np.array(keys.given)
    parts[parts == _POOL] = NUMBER["train"]
    by_pair = np.lexsort((low, high, time, keys.item, keys.user))
    user, item = keys.user[by_pair], keys.item[by_pair]
    again = by_pair[1:][(user[1:] == user[:-1]) & (item[1:] == item[:-1])]
    if not split.given:
        parts[again] = LEFT_OUT
    if "validation" in split.given:
        return parts
    rows = np.lexsort((low, high, time, keys.user))
    rows = rows[parts[rows] == NUMBER["train"]]
    user = keys.user[rows]
    ends = np.flatnonzero(np.append(user[1:] != user[:-1], len(user) > 0))
    sizes = np.diff(np.append(-1, ends))
    if split.given:
        parts[rows[ends[sizes >= 2]]] = NUMBER["validation"]
        return parts
    parts[rows[ends[sizes >= 3]]] = NUMBER["test"]
    parts[rows[ends[sizes >= 3] - 1]] = NUMBER["validation"]
    return parts
