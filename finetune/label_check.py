"""Suspected label errors, and how far a head alone would get, from a head fitted on frozen features.

The examples are answered out of fold; cleanlab (Northcutt, Jiang & Chuang 2021, confident learning) says whose labels
its answers contradict.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from .held_out import HeldOut
from .split import PARTS, Part

MISSING = "cleanlab is not installed; suspected label errors need it. Run: pip install 'roadworthy[report]'"
_LEAST_SKILL = 0.5
_FILTER = "both"  # the joint estimate and the noise rate have to agree: fewer right labels are suspected


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """An example whose label the model's answers contradict.

    ``confidence``: the probability of the suggested label; ``given_confidence`` that of the label it has.
    """

    name: str
    given: str
    suggested: str
    confidence: float
    given_confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadAccuracy:
    """On ``n`` examples of a part, the share that the head answered with their label, none of them seen before."""

    part: Part
    n: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCheck:
    """``suspects`` among ``n`` examples, the surest first; ``head_accuracy`` on each part that has any.

    ``skill``: how far the head gets from always naming the largest class (0) to always being right (1).
    """

    n: int
    skill: float
    head_accuracy: tuple[HeadAccuracy, ...]
    suspects: tuple[Suspect, ...]

    @property
    def weak(self) -> bool:
        """Whether the head knows too little of these classes for its word to count against a label."""
        return self.skill < _LEAST_SKILL


def can_check() -> bool:
    """Whether cleanlab is installed."""
    return find_spec("cleanlab") is not None


def check_labels(answers: HeldOut, labels: Sequence[str]) -> LabelCheck:
    """Finds the labels that the out-of-fold answers contradict."""
    answered = answers.probabilities.argmax(1)
    largest = float(np.bincount(answers.truths).max() / len(answers.truths))
    right = float((answered == answers.truths).mean())
    return LabelCheck(
        n=len(answers.names),
        skill=(right - largest) / (1 - largest) if largest < 1 else 0.0,
        head_accuracy=tuple(_accuracies(answers, answered == answers.truths)),
        suspects=tuple(
            Suspect(
                name=answers.names[place],
                given=labels[int(answers.truths[place])],
                suggested=labels[int(answered[place])],
                confidence=float(answers.probabilities[place, answered[place]]),
                given_confidence=float(answers.probabilities[place, answers.truths[place]]),
            )
            for place in _suspected(answers)
        ),
    )


def _accuracies(answers: HeldOut, right_N: NDArray[np.bool_]) -> Iterator[HeadAccuracy]:
    parts_N = np.array(answers.parts)
    for part in PARTS:
        right = right_N[parts_N == part]
        if right.size:
            yield HeadAccuracy(part=part, n=right.size, value=float(right.mean()))


def _suspected(answers: HeldOut) -> list[int]:
    from cleanlab.filter import find_label_issues

    # Half precision on the way through a run's folder leaves sums that are not quite 1.
    probabilities = answers.probabilities / answers.probabilities.sum(1, keepdims=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of cleanlab, on classes too small to estimate their noise
        places: NDArray[np.int64] = find_label_issues(
            answers.truths,
            probabilities,
            return_indices_ranked_by="self_confidence",
            filter_by=_FILTER,
            n_jobs=1,
        )
    return [int(place) for place in places if probabilities[place].argmax() != answers.truths[place]]
