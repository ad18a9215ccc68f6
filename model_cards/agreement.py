"""How far two sets of answers to the same examples agree."""

from collections.abc import Sequence
from dataclasses import dataclass

from .evidence import Row, fingerprint_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """``same`` is the share of equal predictions; ``largest_difference`` is between the two probabilities
    that were given for one example's prediction, at most 1 and as exact as evidence is (six decimals)."""

    n: int
    same: float
    largest_difference: float


def agreement(rows: Sequence[Row], first: Sequence[Row]) -> Agreement | None:
    """The agreement of ``rows`` with what was answered ``first``; ``None`` if they are not on the same examples.

    Both are in the order in which evidence is stored: that of `evidence.load`.
    """
    if not rows or fingerprint_of(rows) != fingerprint_of(first):
        return None
    pairs = list(zip(rows, first, strict=True))
    return Agreement(
        n=len(rows),
        same=sum(a.prediction == b.prediction for a, b in pairs) / len(pairs),
        largest_difference=max(abs(a.confidence - b.confidence) for a, b in pairs),
    )
