"""Which rows are trained on, stopped on and tested on.

By default what was known later is tested: with a timestamp, the latest rows, for a model that will meet the days after
those it was trained on; of ratings, the last item of each user. Without one, whole groups, or the row's content.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from roadworthy.finetune.groups import Grouping
from roadworthy.finetune.groups import digest as group_digest
from roadworthy.finetune.split import Part, Share, Split
from roadworthy.model_cards import InputError

from .latest import latest, order
from .row_files import spans
from .schema import Schema
from .schema_file import By

NUMBER: Mapping[Part | None, int] = {"train": 0, "validation": 1, "test": 2}
LEFT_OUT = 3  # an item that its user had before
MOST_TEST, MOST_VALIDATION = 500_000, 100_000  # rows: an AUC near 0.8 is then known to 0.0015 and 0.003
_POOL = 255  # no part was given


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSplit(Split):
    """``by``: "last" is each user's last item. ``column``: the timestamp, where there is one.

    ``rows``: how many are divided, once that is known.
    """

    by: Literal["time", "group", "content", "last"] = "content"
    column: str | None = None
    rows: int | None = None

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
            test, validation = self._latest("test"), self._latest("validation")
            if self.given:
                return (
                    f"as given by the {self.unit} {names}; validation is the latest {validation} of train's {what} by "
                    f"{self.column!r}"
                )
            return (
                f"by time, column {self.column!r}: the latest {test} of the {what} are test, the {validation} before "
                "them validation"
            )
        last = f"last item by {self.column!r}" if self.column else "item with the highest SHA-256"
        if self.given:
            return f"as given by the {self.unit} {names}; validation is the {last} of each user in train"
        return f"by user: the {last} is test, the one before it validation; users with fewer than three are trained on"

    def pool(self, given: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Which rows are divided, bool [R], as ``Keys.given`` says."""
        pool: NDArray[np.bool_] = given == (NUMBER["train"] if self.given else _POOL)
        return pool

    def dividing(self, given: NDArray[np.uint8]) -> "RowSplit":
        """The same, which knows how many rows it divides."""
        return replace(self, rows=int(np.count_nonzero(self.pool(given))))

    def _latest(self, part: Literal["validation", "test"]) -> str:
        share = self.share(part)
        return str(share) if share.capped is None or self.grouping else f"{share.capped[0]:,}"

    def share(self, part: Literal["validation", "test"]) -> Share:
        """Of many rows so small a one that no more are taken than measuring needs.

        It follows from their number alone; so where the content decides, it decides the same on every machine.
        """
        most = MOST_TEST if part == "test" else MOST_VALIDATION
        usual = super(RowSplit, self).share(part)
        if self.rows is None or most >= usual.of_all * self.rows:
            return usual
        return Share(of_all=most / self.rows, capped=(most, self.rows))


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
    """uint8 [R]: 0 train, 1 validation, 2 test, 3 left out.

    Takes two bytes a row, and of what is mapped a block at a time; but for ratings, of which it sorts all.
    """
    if split.by == "last":
        return _last(split, keys)
    parts, pool = np.array(keys.given), split.pool(keys.given)
    parts[pool] = NUMBER["train"]
    if "validation" in split.given:
        return parts
    if keys.group is None or split.grouping is None:
        _draw(split, keys.time, keys.digest, pool, parts)
    else:
        _draw_groups(split, keys, pool, parts)
    return parts


def _draw(
    split: RowSplit,
    time: NDArray[np.int64] | None,
    digest: NDArray[np.uint8],
    pool: NDArray[np.bool_],
    parts: NDArray[np.uint8],
) -> None:
    """Writes 1 and 2 for what goes into validation and test, and takes it out of ``pool`` where it goes by time."""
    test, validation = 0.0 if split.given else split.share("test").of_all, split.share("validation").of_all
    if split.by != "time" or time is None:
        for span in spans(len(pool), digest):
            drawn = (order(digest[span])[0] >> np.uint64(4)).astype(np.float64) / 2.0**60  # as Split.part_of takes it
            parts[span][pool[span] & (drawn < test + validation)] = NUMBER["validation"]
            parts[span][pool[span] & (drawn < test)] = NUMBER["test"]
        return
    count = np.count_nonzero(pool)
    for part, share in ((NUMBER["test"], test), (NUMBER["validation"], validation)):
        rows = latest(time, digest, pool, round(share * count))
        parts[rows] = part
        pool[rows] = False


def _draw_groups(split: RowSplit, keys: Keys, pool: NDArray[np.bool_], parts: NDArray[np.uint8]) -> None:
    """As ``_draw``, of whole groups: a group's time is that of its first row. Rows without one are their own group."""
    assert keys.group is not None
    names = keys.group_names
    digests = np.array(
        [np.frombuffer(bytes.fromhex(group_digest(name))[:16], dtype=np.uint8) for name in names.to_pylist()]
    ).reshape(-1, 16)
    time = None if keys.time is None else np.full(len(names), np.iinfo(np.int64).max)
    in_pool = np.zeros(len(names), dtype=bool)
    for span in spans(len(pool), keys.group, keys.time):
        group = keys.group[span]
        in_pool[group[(group >= 0) & pool[span]]] = True
        if time is not None and keys.time is not None:
            np.minimum.at(time, group[group >= 0], keys.time[span][group >= 0])
    drawn = np.full(len(names), NUMBER["train"], dtype=np.uint8)
    _draw(split, time, digests, in_pool, drawn)
    for span in spans(len(pool), keys.group):
        group = keys.group[span]
        of_groups = pool[span] & (group >= 0)
        parts[span][of_groups] = drawn[group[of_groups]]
        pool[span] &= group < 0
    _draw(split, keys.time, keys.digest, pool, parts)


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
