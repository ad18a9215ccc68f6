"""Two answers to one example: are they the same, and how far apart are the probabilities that were given?

A group's scores are the same answer where they put its items in the same order: their last bits differ between any two
machines.
"""

from math import inf
from typing import Any

from .evidence import Row


def same_answer(new: Row, old: Row) -> bool:
    """The same class, the same rank, the same order of a group's items."""
    if _are_scores(new.prediction) and _are_scores(old.prediction):
        return _order(new.prediction) == _order(old.prediction)
    return bool(new.prediction == old.prediction)


def apart(new: Row, old: Row) -> float:
    """The largest difference of two probabilities: of what was predicted, or of any item of a group."""
    if not (_are_scores(new.prediction) and _are_scores(old.prediction)):
        return abs(new.confidence - old.confidence)
    if len(new.prediction) != len(old.prediction):
        return inf
    return float(max(abs(a - b) for a, b in zip(new.prediction, old.prediction, strict=True)))


def _are_scores(prediction: Any) -> bool:
    return isinstance(prediction, list) and bool(prediction) and set(map(type, prediction)) <= {int, float}


def _order(scores: list[float]) -> list[int]:
    return sorted(range(len(scores)), key=lambda item: -scores[item])
