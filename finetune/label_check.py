"""Suspected label errors, and how far a head alone would get, from a head fitted on frozen features.

The examples are answered out of fold; cleanlab (Northcutt, Jiang & Chuang 2021, confident learning) says whose labels
its answers contradict.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from .held_out import HeldOut

MISSING = "cleanlab is not installed; suspected label errors need it. Run: pip install 'roadworthy[report]'"
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
class LabelCheck:
    """``suspects`` among ``n`` examples, the surest first. ``head_accuracy``: share of answers that are the label."""

    n: int
    head_accuracy: float
    suspects: tuple[Suspect, ...]


def can_check() -> bool:
    """Whether cleanlab is installed."""
    return find_spec("cleanlab") is not None


def check_labels(answers: HeldOut, labels: Sequence[str]) -> LabelCheck:
    """Finds the labels that the out-of-fold answers contradict."""
    answered = answers.probabilities.argmax(1)
    return LabelCheck(
        n=len(answers.names),
        head_accuracy=float((answered == answers.truths).mean()),
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


def _suspected(answers: HeldOut) -> list[int]:
    from cleanlab.filter import find_label_issues

    # Half precision on the way through a run's folder leaves sums that are not quite 1.
    probabilities = answers.probabilities / answers.probabilities.sum(1, keepdims=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of cleanlab, on classes too small to estimate their noise
        places: np.ndarray[tuple[int], np.dtype[np.int64]] = find_label_issues(
            answers.truths,
            probabilities,
            return_indices_ranked_by="self_confidence",
            filter_by=_FILTER,
            n_jobs=1,
        )
    return [int(place) for place in places if probabilities[place].argmax() != answers.truths[place]]
