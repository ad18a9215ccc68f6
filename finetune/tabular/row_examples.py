"""Examples of a table that are no objects before somebody asks for one, however many there are."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from roadworthy.finetune.examples import Example, Examples
from roadworthy.finetune.progress import Report, silent
from roadworthy.finetune.split import PARTS, Part
from roadworthy.model_cards.certificate import SplitRecord
from roadworthy.model_cards.evidence import Answer

from . import contents
from .row_split import NUMBER
from .source import Source


class Members(Sequence[Example]):
    """Some examples of a source, by their ``numbers``."""

    def __init__(self, source: Source, numbers: NDArray[np.integer]) -> None:
        self.source, self.numbers = source, numbers
        self._names: Any = None

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, place: int) -> Example: ...

    @overload
    def __getitem__(self, place: slice) -> "Members": ...

    def __getitem__(self, place: int | slice) -> "Example | Members":
        if isinstance(place, slice):
            return Members(self.source, self.numbers[place])
        number, source = int(self.numbers[place]), self.source
        return Example(
            id=bytes(source.digest[number]).hex(),
            truth=source.truth(number),
            part=PARTS[int(source.part[number])],
            name=source.where(number),
            row=number,
            group=self._group(number),
        )

    def of(self, places: Sequence[int]) -> "Members":
        """Those at these places."""
        return Members(self.source, self.numbers[np.asarray(places, dtype=np.int64)])

    def _group(self, number: int) -> str | None:
        belongs = self.source.belongs
        if belongs is None or belongs[number] < 0:
            return None
        if self._names is None:
            self._names = self.source.names()
        return str(self._names[int(belongs[number])])


def chosen(members: Sequence[Example], places: Sequence[int]) -> Members:
    """Those of a part of `RowExamples` that are at these places."""
    assert isinstance(members, Members)
    return members.of(places)


def used(source: Source) -> NDArray[np.integer]:
    """Numbers of the examples that are in a part, in their order; four bytes each."""
    there = np.asarray(source.part) < len(PARTS)
    kind = np.int32 if len(there) < 2**31 else np.int64
    return np.arange(len(there), dtype=kind) if there.all() else np.flatnonzero(there).astype(kind)


@dataclass(frozen=True, kw_only=True)
class RowExamples(Examples):
    """The examples of a source, of which all else is counted where they lie.

    ``report``: told how far the counting is, which takes minutes where there are a hundred million.
    """

    members: Members
    report: Report = field(default=silent, repr=False)

    @property
    def source(self) -> Source:
        """Where they lie."""
        return self.members.source

    @cached_property
    def _numbers(self) -> dict[Part, NDArray[np.integer]]:
        numbers = self.members.numbers
        part = np.asarray(self.source.part)[numbers]
        return {name: numbers[part == NUMBER[name]] for name in PARTS}

    @property
    def _seen(self) -> NDArray[np.integer]:
        # Not kept: four bytes for each of very many rows.
        return np.concatenate([self._numbers["train"], self._numbers["validation"]])

    def _of(self, numbers: NDArray[np.integer]) -> Members:
        return Members(self.source, numbers)

    def part(self, part: Part) -> Members:
        """The examples of one part."""
        return self._of(self._numbers[part])

    def record(self, part: Part) -> SplitRecord:
        """Size and fingerprint of one part, for the certificate."""
        numbers = self._numbers[part]
        return SplitRecord(n=len(numbers), fingerprint=contents.fingerprint(self.source, numbers, self.report))

    @cached_property
    def _leaked(self) -> NDArray[np.integer]:
        seen = self._seen
        return seen[contents.among(self.source, seen, self._numbers["test"], self.report)]

    def leaked(self) -> Members:
        """Examples to train or stop on whose content is also in the test part."""
        return self._of(self._leaked)

    def without_leaked(self) -> "RowExamples":
        """The same data, what leaked left out of training and stopping; the test part stays whole."""
        numbers = self.members.numbers
        return replace(self, members=self._of(numbers[~np.isin(numbers, self._leaked)]))

    def exact_duplicates(self) -> int:
        """Test examples whose content was also trained or stopped on."""
        if not len(self._leaked):  # then nothing is on either side
            return 0
        return int(contents.among(self.source, self._numbers["test"], self._seen, self.report).sum())

    def different(self) -> int:
        """How many contents there are."""
        return self._different

    @cached_property
    def _different(self) -> int:
        return contents.different(self.source, self.members.numbers, self.report)

    def seen(self) -> Iterator[NDArray[np.uint8]]:
        """Content digests of everything to train or stop on, ascending and each once, in pieces uint8 [n, W]."""
        return (share.digest[share.first] for share in contents.in_order(self.source, self._seen, self.report))

    def _groups(self, numbers: NDArray[np.integer]) -> NDArray[np.int32]:
        belongs = self.source.belongs
        return np.full(len(numbers), -1, dtype=np.int32) if belongs is None else np.asarray(belongs[numbers])

    def seen_groups(self) -> frozenset[str]:
        """Groups of what is trained or stopped on."""
        groups = np.unique(self._groups(self._seen))
        groups = groups[groups >= 0]
        return frozenset(self.source.names().take(groups).to_pylist()) if len(groups) else frozenset()

    def crossing(self) -> Members:
        """Test examples of a group that is also trained or stopped on."""
        test = self._groups(self._numbers["test"])
        return self._of(self._numbers["test"][(test >= 0) & np.isin(test, self._groups(self._seen))])

    def counts(self, part: Part = "train") -> Counter[Answer]:
        """How many examples of each class a part has."""
        truths = self.source.binary(self._numbers[part])
        if truths is None:
            return super().counts(part)
        ones = int(np.count_nonzero(truths))
        return Counter({truth: n for truth, n in enumerate((len(truths) - ones, ones)) if n})
