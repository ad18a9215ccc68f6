"""The examples of a data set: what each is, which part it belongs to, what leaked. Nothing of pixels or tokens."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from roadworthy.model_cards import InputError
from roadworthy.model_cards.certificate import SplitRecord
from roadworthy.model_cards.evidence import Answer, fingerprint

from .seen import digests_of
from .split import Part, Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """``id``: the content's digest. ``name``: where the user finds it, such as a path or ``file.csv:17``.

    ``row`` is its place in the payload; ``group`` what it belongs to, where the user said how to tell.
    """

    id: str
    truth: Answer
    part: Part
    name: str
    row: int
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A file, or a row of one, that cannot be used, and what was found there instead."""

    name: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """All examples of a data set. ``origin`` is what messages call it; ``noun`` what one example is.

    Where there are too many to be held, a subclass makes each when it is asked for, and counts without making any.
    """

    labels: tuple[str, ...]
    members: Sequence[Example]
    split: Split
    origin: str
    noun: str

    def part(self, part: Part) -> Sequence[Example]:
        """The examples of one part, in the order of the user's files."""
        return tuple(example for example in self.members if example.part == part)

    def by_part(self) -> dict[Part, Sequence[Example]]:
        """All parts, the empty ones too."""
        return {part: self.part(part) for part in get_args(Part)}

    def record(self, part: Part) -> SplitRecord:
        """Size and fingerprint of one part, for the certificate."""
        examples = self.part(part)
        return SplitRecord(n=len(examples), fingerprint=fingerprint((e.id, e.truth) for e in examples))

    def leaked(self) -> Sequence[Example]:
        """Examples to train or stop on whose content is also in the test part."""
        test = {e.id for e in self.part("test")}
        return tuple(e for e in self.members if e.part != "test" and e.id in test)

    def without_leaked(self) -> "Examples":
        """The same data, what leaked left out of training and stopping; the test part stays whole."""
        leaked = {e.row for e in self.leaked()}
        return dataclasses.replace(self, members=tuple(e for e in self.members if e.row not in leaked))

    def exact_duplicates(self) -> int:
        """Test examples whose content was also trained or stopped on."""
        seen = {e.id for e in self.members if e.part != "test"}
        return sum(e.id in seen for e in self.part("test"))

    def different(self) -> int:
        """How many contents there are: a copy is no other."""
        return len({e.id for e in self.members})

    def seen(self) -> Iterator[NDArray[np.uint8]]:
        """Content digests of everything to train or stop on, ascending and each once, in pieces uint8 [n, W]."""
        return digests_of(e.id for e in self.members if e.part != "test")

    def seen_groups(self) -> frozenset[str]:
        """Groups of what is trained or stopped on."""
        return frozenset(e.group for e in self.members if e.part != "test" and e.group is not None)

    def crossing(self) -> Sequence[Example]:
        """Test examples of a group that is also trained or stopped on."""
        seen = self.seen_groups()
        return tuple(e for e in self.part("test") if e.group in seen)

    def counts(self, part: Part = "train") -> Counter[Answer]:
        """How many examples of each class a part has."""
        return Counter(e.truth for e in self.part(part))


Payload = TypeVar("Payload")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset(Generic[Payload]):
    """Examples with their payload (pixels, tokens). ``warm``: read from a cache of an earlier run."""

    examples: Examples
    payload: Payload
    warm: bool


def check_distinct(examples: Examples) -> None:
    """Refuses data on which nothing can be measured.

    Raises:
        InputError: nothing but copies of one example, or a test part that is wholly trained on.
    """
    if len(examples.members) > 1 and examples.different() == 1:
        raise InputError(
            f"all {len(examples.members)} {examples.noun}s in {examples.origin} are one and the same. Expected "
            "different ones. Check how the data was put together."
        )
    test = examples.part("test")
    if test and examples.exact_duplicates() == len(test):
        raise InputError(
            f"100 % of the {len(test)} test {examples.noun}s in {examples.origin} are also among those to train on. "
            f"A model cannot be measured on what it has seen. Give test {examples.noun}s of their own."
        )


def check_parts(examples: Examples) -> None:
    """Refuses data that a run cannot be trained, stopped and measured on.

    Raises:
        InputError: a part with too few examples, or a class without one to train on.
    """
    for part, least in _LEAST:
        n = len(examples.part(part))
        if n < least:
            raise InputError(
                f"the {part} part of {examples.origin} has {n} {examples.noun}s; expected at least {least}. "
                f"The split is {examples.split.rule}. Add {examples.noun}s, or give {examples.split.unit} train, "
                "val and test."
            )
    have = examples.counts() if examples.labels else Counter()  # where there are no classes, truths are not counted
    for number, label in enumerate(examples.labels):
        if number not in have:
            raise InputError(
                f"class {label!r} in {examples.origin} has no {examples.noun} in the train part "
                f"({examples.split.rule}). Add some to it, or give {examples.split.unit} train, val and test."
            )


_LEAST: tuple[tuple[Part, int], ...] = (("train", 2), ("validation", 1), ("test", 1))
