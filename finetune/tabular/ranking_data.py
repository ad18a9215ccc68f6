"""A user's table of groups as a data set: a display or a query, with the rows of which the right one is to be found."""

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roadworthy.finetune.examples import Dataset, check_distinct
from roadworthy.finetune.progress import Report
from roadworthy.finetune.split import PARTS
from roadworthy.model_cards import InputError, Protocol
from roadworthy.model_cards.evidence import Answer

from .click_data import stated
from .content import BYTES
from .encoder import Encoder
from .row_examples import Members, RowExamples, used
from .row_split import LEFT_OUT
from .store import Store
from .store_build import read_table

LEGACY = "ranking-legacy"  # the family of protocols
_TOLD_EVERY = 50_000  # groups between two reports


@dataclass(frozen=True, kw_only=True)
class Groups:
    """G groups, a `source.Source`. The rows of group g are ``rows[starts[g] : starts[g + 1]]``, as the files have them.

    ``digest`` uint8 [G, 32] is of the contents of its rows, in whatever order they lie: a group that is copied is the
    same. ``placed``: a group's truth says how many rows of its part come before it.
    """

    store: Store
    rows: NDArray[np.int64]
    starts: NDArray[np.int64]
    digest: NDArray[np.uint8]
    placed: bool

    def of(self, group: int) -> NDArray[np.int64]:
        """The rows of one group."""
        return self.rows[self.starts[group] : self.starts[group + 1]]

    @property
    def sizes(self) -> NDArray[np.int64]:
        """How many rows each has, int64 [G]."""
        return np.diff(self.starts)

    @cached_property
    def part(self) -> NDArray[np.uint8]:
        """That of its rows, uint8 [G]."""
        return np.asarray(self.store.part)[self.rows[self.starts[:-1]]]

    @cached_property
    def belongs(self) -> NDArray[np.int32] | None:
        """Its number among the names of groups, int32 [G]: a group may be in one part only, where we make the parts."""
        if self.store.split.grouping is None:
            return None
        return np.asarray(self.store.group)[self.rows[self.starts[:-1]]]

    @cached_property
    def _before(self) -> NDArray[np.int64]:
        """How many rows of its part come before each group, int64 [G]."""
        before = np.zeros(len(self.part), dtype=np.int64)
        for number in range(len(PARTS)):
            mine = self.part == number
            before[mine] = np.cumsum(self.sizes[mine]) - self.sizes[mine]
        return before

    def names(self) -> Any:
        """Of groups."""
        return self.store.names("group")

    def binary(self, numbers: NDArray[np.integer]) -> None:
        """A truth is a list of labels."""
        return

    def truth(self, number: int) -> Answer:
        """The labels of its rows."""
        assert self.store.label is not None
        labels = self.store.label[self.of(number)].tolist()
        if self.placed and PARTS[self.part[number]] != "train":
            return {"labels": labels, "start": int(self._before[number])}
        return labels

    def where(self, number: int) -> str:
        """Where its first row lies."""
        return self.store.where(int(self.rows[self.starts[number]]))

    def give_back(self) -> None:
        """Of all files of the store."""
        self.store.give_back()


def read_groups(
    root: Path,
    cache: Path,
    *,
    encoder: Encoder | None,
    options: Mapping[str, str | int],
    protocol: Protocol,
    to_measure: bool,
    report: Report,
) -> Dataset[Groups]:
    """Reads a table of rows with a label and a group into ``cache``; each group is one example.

    Raises:
        InputError: data that cannot be used; rows are named.
        StorageError: ``cache`` cannot be written.
    """
    store, warm = read_table(
        root,
        cache,
        stated=stated(root, options, ranked=True),
        encoder=encoder,
        grow=not to_measure,
        only_test=to_measure,
        report=report,
    )
    if store.schema.shape != "ranking" or store.label is None or store.group is None:
        raise InputError(
            f"{root} holds {store.schema.shape}; expected rows with a label and a group, such as a display or a query. "
            "Say which column is the group: --group-column NAME."
        )
    groups = _groups(store, placed=protocol.family == LEGACY, report=report)
    examples = RowExamples(
        labels=(),
        members=Members(groups, used(groups)),
        split=store.split,
        origin=str(root),
        noun="group",
        report=report,
    )
    check_distinct(examples)
    return Dataset(examples=examples, payload=groups, warm=warm)


def _groups(store: Store, *, placed: bool, report: Report) -> Groups:
    """The groups of each part of a store, in the order in which their first rows lie in the files."""
    # A group that the user laid into two parts is one in each: what is measured never takes in what is trained on.
    group = np.asarray(store.group).astype(np.int64) * (LEFT_OUT + 1) + np.asarray(store.part)
    # Sorted by where their group's first row lies, rows of one group lie together as the files have them.
    _, first, place = np.unique(group, return_index=True, return_inverse=True)
    rows = np.argsort(first[place], kind="stable").astype(np.int64)
    starts = np.append(np.flatnonzero(np.diff(group[rows], prepend=-2)), len(rows)).astype(np.int64)
    return Groups(store=store, rows=rows, starts=starts, digest=_digests(store, rows, starts, report), placed=placed)


def _digests(store: Store, rows: NDArray[np.int64], starts: NDArray[np.int64], report: Report) -> NDArray[np.uint8]:
    count = len(starts) - 1
    found = np.empty((count, 32), dtype=np.uint8)
    for begin in range(0, count, _TOLD_EVERY):
        end = min(begin + _TOLD_EVERY, count)
        report("groups", begin, count)
        data = store.digest[rows[starts[begin] : starts[end]]].tobytes()
        each = [data[at : at + BYTES] for at in range(0, len(data), BYTES)]
        bounds = (starts[begin : end + 1] - starts[begin]).tolist()
        for number, (start, stop) in enumerate(itertools.pairwise(bounds)):
            digest = hashlib.sha256(b"".join(sorted(each[start:stop]))).digest()
            found[begin + number] = np.frombuffer(digest, dtype=np.uint8)
    store.give_back()
    return found
