"""What a look at a user's data says of leaks: near duplicates and groups across parts, and another version's sketch."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from roadworthy.model_cards.sketch import Sketch, held_by, rate_of

from .examples import Example, Examples
from .near import LookAlike, NearMethod
from .split import PARTS, Part


@dataclass(frozen=True, slots=True, kw_only=True)
class NearPair:
    """A test example and one to train or stop on, by name. ``similarity``: ``None`` where only the hash was asked."""

    test: str
    other: str
    part: Part
    distance: float
    similarity: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NearReport:
    """The nearest pair of each test content that has one, but copies, which are told as such.

    ``confirmed``: whether more than the hash was asked.
    """

    method: str
    thresholds: dict[str, float]
    confirmed: bool
    pairs: tuple[NearPair, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupReport:
    """``n`` groups; ``crossing``: test examples of a group that is also trained or stopped on, by name."""

    by: str
    n: int
    without: int
    crossing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """How many examples of each part a version was trained on, or one it descends from, by its sketch of ``n``."""

    name: str
    n: int
    filters: int
    false_positive_rate: float
    found: dict[Part, int]


def report_near(method: NearMethod, found: Sequence[LookAlike], *, confirmed: bool) -> NearReport:
    """The pairs by name, the nearest first."""
    pairs = [
        NearPair(
            test=one.test.name,
            other=one.train.name,
            part=one.train.part,
            distance=one.distance,
            similarity=one.similarity,
        )
        for one in found
        if not one.same
    ]
    return NearReport(
        method=method.name,
        thresholds=dict(method.thresholds) if confirmed else {"distance": method.alone},
        confirmed=confirmed,
        pairs=tuple(sorted(pairs, key=lambda pair: (pair.distance, -(pair.similarity or 0.0), pair.test))),
    )


def report_groups(examples: Examples) -> GroupReport | None:
    """Where the user said how to tell groups."""
    if examples.split.grouping is None:
        return None
    return GroupReport(
        by=str(examples.split.grouping),
        n=len({e.group for e in examples.members if e.group is not None}),
        without=sum(e.group is None for e in examples.members),
        crossing=tuple(e.name for e in examples.crossing()),
    )


def held_against(examples: Examples, sketch: Sketch, name: str) -> Against:
    """Each part asked of the sketch of the version called ``name``."""
    members: Sequence[Example] = examples.members
    held = held_by(sketch.filters, (e.id for e in members))
    counted = Counter(e.part for e, is_held in zip(members, held, strict=True) if is_held)
    return Against(
        name=name,
        n=sketch.own.n,
        filters=len(sketch.filters),
        false_positive_rate=rate_of(sketch.filters),
        found={part: counted[part] for part in PARTS},
    )
