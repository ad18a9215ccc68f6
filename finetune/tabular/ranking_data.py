"""A user's table of groups as a data set: a display or a query, with the rows of which the right one is to be found."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roadworthy.finetune.examples import Dataset, Example, Examples, check_distinct
from roadworthy.finetune.progress import Report
from roadworthy.finetune.split import PARTS
from roadworthy.model_cards import InputError, Protocol

from .click_data import stated
from .encoder import Encoder
from .store import Store
from .store_build import read_table

LEGACY = "ranking-legacy"  # the family of protocols
_TOLD_EVERY = 50_000  # groups between two reports


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """The rows of each group, in the order of the files: those of group g are ``rows[starts[g] : starts[g + 1]]``."""

    store: Store
    rows: NDArray[np.int64]
    starts: NDArray[np.int64]

    def of(self, group: int) -> NDArray[np.int64]:
        """The rows of one group."""
        return self.rows[self.starts[group] : self.starts[group + 1]]


def read_groups(
    root: Path,
    cache: Path,
    *,
    encoder: Encoder | None,
    options: Mapping[str, str | int],
    protocol: Protocol,
    only_test: bool,
    report: Report,
) -> Dataset[Groups]:
    """Reads a table of rows with a label and a group into ``cache``; each group is one example.

    Raises:
        InputError: data that cannot be used; rows are named.
        StorageError: ``cache`` cannot be written.
    """
    store, warm = read_table(
        root, cache, stated=stated(root, options, ranked=True), encoder=encoder, only_test=only_test, report=report
    )
    if store.schema.shape != "ranking" or store.label is None or store.group is None:
        raise InputError(
            f"{root} holds {store.schema.shape}; expected rows with a label and a group, such as a display or a query. "
            "Say which column is the group: --group-column NAME."
        )
    group = np.asarray(store.group)
    rows = np.argsort(group, kind="stable").astype(np.int64)
    starts = np.flatnonzero(np.diff(group[rows], prepend=-2)).astype(np.int64)
    order = np.argsort(rows[starts], kind="stable")  # of the groups: as their first rows lie in the files
    ends = np.append(starts, len(rows))[1:]
    groups = Groups(
        store=store,
        rows=np.concatenate([rows[starts[g] : ends[g]] for g in order]),
        starts=np.concatenate([[0], np.cumsum((ends - starts)[order])]).astype(np.int64),
    )
    examples = Examples(
        labels=(),
        members=_members(groups, placed=protocol.family == LEGACY, report=report),
        split=store.split,
        origin=str(root),
        noun="group",
    )
    check_distinct(examples)
    return Dataset(examples=examples, payload=groups, warm=warm)


def _members(groups: Groups, *, placed: bool, report: Report) -> tuple[Example, ...]:
    store, found, before = groups.store, [], Counter[int]()  # rows of each part that came before
    assert store.label is not None
    count = len(groups.starts) - 1
    for number in range(count):
        if number % _TOLD_EVERY == 0:
            report("groups", number, count)
        rows = groups.of(number)
        labels = np.asarray(store.label)[rows].tolist()
        part = int(store.part[rows[0]])
        if part >= len(PARTS):
            continue
        truth: object = labels
        if placed and PARTS[part] != "train":
            truth = {"labels": labels, "start": before[part]}
            before[part] += len(rows)
        found.append(
            Example(
                # Of its rows, in whatever order they lie: a group that is copied is the same.
                id=hashlib.sha256(b"".join(sorted(bytes(store.digest[row]) for row in rows))).hexdigest(),
                truth=truth,
                part=PARTS[part],
                name=store.where(int(rows[0])),
                row=number,
            )
        )
    return tuple(found)
