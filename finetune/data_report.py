"""What a look at a user's data found: pure facts, counted over its examples."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .examples import Example, Examples, Unreadable
from .label_check import LabelCheck
from .leak_report import Against, GroupReport, NearReport, report_groups
from .split import PARTS, Part

SCARCE = 10  # training examples; a class with fewer is hardly learned, and its recall hardly measured
_BINS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCount:
    """How many examples of a class each part has."""

    label: str
    train: int
    validation: int
    test: int

    @property
    def total(self) -> int:
        """Over all parts."""
        return self.train + self.validation + self.test


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one of several copies lies."""

    name: str
    part: Part
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """Examples with the same content."""

    id: str
    places: tuple[Place, ...]

    @property
    def leak(self) -> bool:
        """Whether one of them is measured on and another trained or stopped on."""
        return len({place.part == "test" for place in self.places}) > 1

    @property
    def contradiction(self) -> bool:
        """Whether they have different labels."""
        return len({place.label for place in self.places}) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """One size of all examples: quantiles, and counts between ``edges``."""

    name: str
    low: float
    p5: float
    median: float
    p95: float
    high: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReport:
    """``imbalance``: training examples of the largest class for each of the smallest; ``None`` where one has none.

    ``blocking``: why training would be refused. ``not_checked``: why there is no ``label_check``,
    ``near_not_checked`` why there is no ``near``. ``groups`` and ``against`` only where they were asked for.
    """

    origin: str
    noun: str
    n: int
    split_rule: str
    classes: tuple[ClassCount, ...]
    imbalance: float | None
    scarce: tuple[str, ...]
    sizes: tuple[Distribution, ...]
    copies: tuple[Copies, ...]
    unreadable: tuple[Unreadable, ...]
    blocking: tuple[str, ...]
    label_check: LabelCheck | None
    not_checked: str | None
    near: NearReport | None = None
    near_not_checked: str | None = None
    groups: GroupReport | None = None
    against: Against | None = None

    @property
    def leaks(self) -> tuple[Copies, ...]:
        """Copies across the test part and what is trained or stopped on."""
        return tuple(copies for copies in self.copies if copies.leak)

    @property
    def contradictions(self) -> tuple[Copies, ...]:
        """Copies under different labels."""
        return tuple(copies for copies in self.copies if copies.contradiction)


def count_classes(examples: Examples) -> tuple[ClassCount, ...]:
    """Every class in the order of the labels, those without an example included; none where a task has none."""
    if not examples.labels:
        return ()
    found = {part: examples.counts(part) for part in PARTS}
    return tuple(
        ClassCount(
            label=label,
            train=found["train"][number],
            validation=found["validation"][number],
            test=found["test"][number],
        )
        for number, label in enumerate(examples.labels)
    )


def imbalance(classes: Sequence[ClassCount]) -> float | None:
    """The largest class over the smallest, among the training examples; ``None`` where a class has none."""
    counts = [one.train for one in classes]
    fewest = min(counts, default=0)
    return max(counts) / fewest if fewest else None


def find_copies(examples: Examples) -> tuple[Copies, ...]:
    """Groups of examples with equal content, contradictions and leaks first, then by name."""
    groups: defaultdict[str, list[Example]] = defaultdict(list)
    for example in examples.members:
        groups[example.id].append(example)
    copies = [
        Copies(
            id=digest,
            places=tuple(Place(name=e.name, part=e.part, label=examples.labels[e.truth]) for e in group),
        )
        for digest, group in groups.items()
        if len(group) > 1
    ]
    return tuple(sorted(copies, key=lambda one: (not one.contradiction, not one.leak, one.places[0].name)))


def distribution(name: str, values: Sequence[float]) -> Distribution:
    """Quantiles, and a histogram from the smallest to the largest value."""
    array: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    low, p5, median, p95, high = (float(value) for value in np.quantile(array, [0, 0.05, 0.5, 0.95, 1]))
    counts, edges = np.histogram(array, bins=min(_BINS, max(1, len(set(values)))))
    return Distribution(
        name=name,
        low=low,
        p5=p5,
        median=median,
        p95=p95,
        high=high,
        edges=tuple(edges.tolist()),
        counts=tuple(counts.tolist()),
    )


def describe(
    examples: Examples,
    *,
    sizes: Mapping[str, Sequence[float]],
    unreadable: Sequence[Unreadable],
    blocking: Sequence[str],
    label_check: LabelCheck | None,
    not_checked: str | None,
    near: NearReport | str | None = None,
    against: Against | None = None,
) -> DataReport:
    """The report on ``examples``; ``sizes`` has a value for each of them, by what is measured; ``near`` may be why
    there is none."""
    classes = count_classes(examples)
    return DataReport(
        origin=examples.origin,
        noun=examples.noun,
        n=len(examples.members),
        split_rule=examples.split.rule,
        classes=classes,
        imbalance=imbalance(classes),
        scarce=tuple(one.label for one in classes if one.train < SCARCE),
        sizes=tuple(distribution(name, values) for name, values in sizes.items()),
        copies=find_copies(examples),
        unreadable=tuple(unreadable),
        blocking=tuple(blocking),
        label_check=label_check,
        not_checked=not_checked,
        near=None if isinstance(near, str) else near,
        near_not_checked=near if isinstance(near, str) else None,
        groups=report_groups(examples),
        against=against,
    )


def sentence(examples: Examples) -> str:
    """The data in one paragraph, for whoever starts a run."""
    parts = {part: len(members) for part, members in examples.by_part().items()}
    classes = count_classes(examples)
    ratio = imbalance(classes)
    copies = len(examples.members) - examples.different()
    in_classes = f" in {len(classes):,} classes" if classes else ""
    words = [
        f"{len(examples.members):,} {examples.noun}s{in_classes}: {parts['train']:,} to train on, "
        f"{parts['validation']:,} for validation, {parts['test']:,} to test on ({examples.split.rule})."
    ]
    if ratio is not None and ratio >= 1.5:
        words.append(f"The largest class has {ratio:.1f} training {examples.noun}s for each of the smallest.")
    if scarce := [one.label for one in classes if one.train < SCARCE]:
        words.append(f"Fewer than {SCARCE} training {examples.noun}s: {_some(scarce)}.")
    if copies:
        leaked = len(examples.leaked())
        leaks = f", {leaked:,} of them in the test part too, which blocks publishing" if leaked else ""
        words.append(f"{copies:,} {_plural(copies, 'is a copy', 'are copies')} of others{leaks}.")
    if crossing := len(examples.crossing()):
        words.append(
            f"{crossing:,} test {examples.noun}s share a group ({examples.split.grouping}) with training, which blocks "
            "publishing."
        )
    return " ".join(words)


def _plural(n: int, one: str, many: str) -> str:
    return one if n == 1 else many


def _some(labels: Sequence[str], most: int = 5) -> str:
    more = f" and {len(labels) - most} more" if len(labels) > most else ""
    return ", ".join(labels[:most]) + more
