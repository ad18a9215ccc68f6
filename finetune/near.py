"""Near duplicates: test examples that are nearly the same as one to train on. Candidates by a hash of each example,
confirmed by a closer look.

A task brings its ``NearMethod`` as the attribute ``near``; without one, nothing is measured and its cards say so.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from typing import Protocol as Interface

import numpy as np
from numpy.typing import NDArray

from .examples import Example, Examples
from .model_config import ModelConfig
from .progress import Report

if TYPE_CHECKING:
    from .open_model import Opened

_STRANGERS = 64  # training examples that tell how alike two different ones are
_CHANCE = 0.999
# The model's own features of examples, float32 [N, D].
Embed = Callable[[Sequence[Example]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """``examples``, and for each of them, by its row, what it is compared by. ``source``: for the method's own use."""

    examples: Examples
    prints: Sequence[Any] | NDArray[Any]
    source: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LookAlike:
    """A test example beside one to train on. ``similarity`` is ``None`` where nothing confirmed it."""

    test: Example
    train: Example
    distance: float
    similarity: float | None

    @property
    def same(self) -> bool:
        """Whether both have the same content."""
        return self.test.id == self.train.id


class NearMethod(Interface):
    """How a task finds near duplicates. Implementations are plain objects without state."""

    @property
    def name(self) -> str:
        """With its version, for the certificate."""

    @property
    def thresholds(self) -> Mapping[str, float]:
        """``distance``: at most; ``similarity``: at least."""

    @property
    def alone(self) -> float:
        """The distance at most where nothing confirms a candidate."""

    def read(self, data: Path, config: ModelConfig, options: Mapping[str, str | int], report: Report) -> Printed:
        """All of a user's data, as ``Task.read`` reads it to train on."""

    def candidates(
        self, printed: Printed, test: Sequence[Example], train: Sequence[Example], report: Report
    ) -> Iterator[LookAlike]:
        """Pairs within the distance. One that needs no model to be sure confirms them itself."""

    def embed(self, printed: Printed, opened: "Opened", cache: Path, report: Report) -> Embed | None:
        """What confirms the candidates by their cosine; ``None`` where they have a similarity from the start."""


def method_of(task: Any) -> NearMethod | None:
    """The task's method; ``None`` where it has none, or was written before there were any."""
    found: NearMethod | None = getattr(task, "near", None)
    return found


def look_alikes(
    method: NearMethod,
    printed: Printed,
    test: Sequence[Example],
    train: Sequence[Example],
    embed: Embed | None,
    report: Report,
) -> tuple[LookAlike, ...]:
    """For each content of ``test`` that has one, the nearest of ``train``, by name; exact copies are the nearest.

    Without ``embed``, what it would have confirmed has to be nearer.
    """
    known = {e.id: e for e in reversed(train)}
    asked = {e.id: e for e in reversed(test)}
    best = {
        e.id: LookAlike(test=e, train=known[e.id], distance=0.0, similarity=1.0)
        for e in asked.values()
        if e.id in known
    }
    others = [e for e in asked.values() if e.id not in known]
    found = list(method.candidates(printed, others, list(known.values()), report)) if others else []
    if embed is not None and any(one.similarity is None for one in found):
        strangers = sorted(known.values(), key=lambda e: e.id)[:_STRANGERS]
        found = list(_confirmed(found, strangers, embed, method.thresholds["similarity"]))
    for one in sorted(found, key=_nearest_first):
        if one.similarity is not None or one.distance <= method.alone:
            best.setdefault(one.test.id, one)
    return tuple(sorted(best.values(), key=lambda one: one.test.name))


def _nearest_first(one: LookAlike) -> tuple[float, float, str]:
    return (-(one.similarity or 0.0), one.distance, one.train.id)


def _confirmed(
    found: Sequence[LookAlike], strangers: Sequence[Example], embed: Embed, least: float
) -> Iterator[LookAlike]:
    """Those at least as similar as asked for, and more than test examples are to training examples picked blindly: a
    model that has learned little finds everything alike."""
    shown = {e.row: e for e in (*(e for one in found for e in (one.test, one.train)), *strangers)}
    features_ND = embed(list(shown.values())).astype(np.float64)
    features_ND /= np.maximum(np.linalg.norm(features_ND, axis=1, keepdims=True), 1e-12)
    features = dict(zip(shown, features_ND, strict=True))
    candidates = {(one.test.row, one.train.row) for one in found}
    tested = dict.fromkeys(one.test.row for one in found)
    by_chance = [
        features[row] @ features[other.row]
        for row in tested
        for other in strangers
        if (row, other.row) not in candidates
    ]
    bar = max(least, float(np.quantile(by_chance, _CHANCE))) if by_chance else least
    for one in found:
        # Six digits: what comes after them differs between machines.
        similarity = round(float(features[one.test.row] @ features[one.train.row]), 6)
        if similarity >= bar:
            yield LookAlike(test=one.test, train=one.train, distance=one.distance, similarity=similarity)
