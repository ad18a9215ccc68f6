"""The rows of a store as examples: none of them is an object before it is asked for, however many there are."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from roadworthy.finetune.examples import Example, Examples
from roadworthy.finetune.progress import Report, silent
from roadworthy.finetune.split import PARTS, Part
from roadworthy.model_cards import evidence
from roadworthy.model_cards.certificate import SplitRecord
from roadworthy.model_cards.evidence import Answer

from . import contents
from .row_split import NUMBER
from .store import Store


class RowMembers(Sequence[Example]):
    """Some rows of a store. ``told``: the truth of those whose truth is no label, by the row's number."""

    def __init__(self, store: Store, rows: NDArray[np.integer], told: Mapping[int, Answer]) -> None:
        self.store, self.rows, self._told = store, rows, told
        self._names: Any = None

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, number: int) -> Example: ...

    @overload
    def __getitem__(self, number: slice) -> "RowMembers": ...

    def __getitem__(self, number: int | slice) -> "Example | RowMembers":
        if isinstance(number, slice):
            return RowMembers(self.store, self.rows[number], self._told)
        row, store = int(self.rows[number]), self.store
        truth = self._told.get(row)
        if truth is None:
            truth = 1 if store.label is None else int(store.label[row])
        return Example(
            id=store.id(row),
            truth=truth,
            part=PARTS[int(store.part[row])],
            name=store.where(row),
            row=row,
            group=self._group(row),
        )

    def of(self, numbers: Sequence[int]) -> "RowMembers":
        """Those with these numbers."""
        return RowMembers(self.store, self.rows[np.asarray(numbers, dtype=np.int64)], self._told)

    def _group(self, row: int) -> str | None:
        keys = grouped(self.store)
        if keys is None or keys[row] < 0:
            return None
        if self._names is None:
            self._names = self.store.names(_key(self.store))
        return str(self._names[int(keys[row])])


def chosen(members: Sequence[Example], numbers: Sequence[int]) -> RowMembers:
    """Those of a part of rows that have these numbers."""
    assert isinstance(members, RowMembers)
    return members.of(numbers)


def used_rows(store: Store) -> NDArray[np.integer]:
    """Numbers of the rows of a table that are in a part, in the order of the files; four bytes each."""
    used = np.asarray(store.part) < len(PARTS)
    kind = np.int32 if len(used) < 2**31 else np.int64
    return np.arange(len(used), dtype=kind) if used.all() else np.flatnonzero(used).astype(kind)


def grouped(store: Store) -> NDArray[np.int32] | None:
    """The number of what each row belongs to, where no group may lie in two parts."""
    if store.split.grouping is None:
        return None
    return store.group if store.group is not None else store.user


def _key(store: Store) -> Any:
    return "group" if store.group is not None else "user"


@dataclass(frozen=True, kw_only=True)
class RowExamples(Examples):
    """The examples of a store, each a row. ``members`` are `RowMembers`; all else is counted in its files.

    ``report``: told how far the counting is, which takes minutes where there are a hundred million.
    """

    store: Store = field(repr=False)
    told: Mapping[int, Answer] = field(default_factory=dict, repr=False)
    report: Report = field(default=silent, repr=False)

    @cached_property
    def _rows(self) -> dict[Part, NDArray[np.integer]]:
        rows = self._members.rows
        part = np.asarray(self.store.part)[rows]
        return {name: rows[part == NUMBER[name]] for name in PARTS}

    @property
    def _members(self) -> RowMembers:
        assert isinstance(self.members, RowMembers)
        return self.members

    @cached_property
    def _seen(self) -> NDArray[np.integer]:
        return np.concatenate([self._rows["train"], self._rows["validation"]])

    def _of(self, rows: NDArray[np.integer]) -> RowMembers:
        return RowMembers(self.store, rows, self.told)

    def part(self, part: Part) -> RowMembers:
        """The examples of one part."""
        return self._of(self._rows[part])

    def record(self, part: Part) -> SplitRecord:
        """Size and fingerprint of one part, for the certificate."""
        rows = self._rows[part]
        told = any(int(row) in self.told for row in rows[:1])
        found = (
            evidence.fingerprint((e.id, e.truth) for e in self._of(rows))
            if told
            else contents.fingerprint(self.store, rows, self.report)
        )
        return SplitRecord(n=len(rows), fingerprint=found)

    @cached_property
    def _leaked(self) -> NDArray[np.integer]:
        return self._seen[contents.among(self.store, self._seen, self._rows["test"], self.report)]

    def leaked(self) -> RowMembers:
        """Rows to train or stop on whose content is also in the test part."""
        return self._of(self._leaked)

    def without_leaked(self) -> "RowExamples":
        """The same data, what leaked left out of training and stopping; the test part stays whole."""
        rows = self._members.rows
        return replace(self, members=self._of(rows[~np.isin(rows, self._leaked)]))

    def exact_duplicates(self) -> int:
        """Test rows whose content was also trained or stopped on."""
        return int(contents.among(self.store, self._rows["test"], self._seen, self.report).sum())

    def different(self) -> int:
        """How many contents there are."""
        return contents.different(self.store, self._members.rows, self.report)

    def seen(self) -> Iterator[NDArray[np.uint8]]:
        """Content digests of everything to train or stop on, ascending and each once, in pieces uint8 [n, 16]."""
        return (share.digest[share.first] for share in contents.in_order(self.store, self._seen, self.report))

    def _groups(self, rows: NDArray[np.integer]) -> NDArray[np.int32]:
        keys = grouped(self.store)
        return np.full(len(rows), -1, dtype=np.int32) if keys is None else np.asarray(keys[rows])

    def seen_groups(self) -> frozenset[str]:
        """Groups of what is trained or stopped on."""
        numbers = np.unique(self._groups(self._seen))
        numbers = numbers[numbers >= 0]
        return frozenset(self.store.names(_key(self.store)).take(numbers).to_pylist()) if len(numbers) else frozenset()

    def crossing(self) -> RowMembers:
        """Test rows of a group that is also trained or stopped on."""
        test = self._groups(self._rows["test"])
        return self._of(self._rows["test"][(test >= 0) & np.isin(test, self._groups(self._seen))])

    def counts(self) -> Counter[Answer]:
        """How many rows of each class there are to train on."""
        rows = self._rows["train"]
        ones = len(rows) if self.store.label is None else int(np.count_nonzero(self.store.label[rows]))
        return Counter({truth: n for truth, n in enumerate((len(rows) - ones, ones)) if n})
