"""Calibration: whether a classifier that says 80 % is right in 80 of 100 cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import fsum

from .evidence import Row
from .statistics import Interval, wilson

BINS = 15
_ROUNDING = 1e-6  # how far beyond 1 a softmax in single precision may come out


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Examples of similar confidence: their mean confidence, and the share of them that was answered rightly."""

    n: int
    confidence: float
    accuracy: float
    interval: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The expected calibration error (ECE), a share, and the bins that it is the mean gap of."""

    error: float
    bins: tuple[Bin, ...]


def calibrate(rows: Sequence[Row], bins: int = BINS) -> Calibration | None:
    """ECE over ``bins`` of equal mass, from the probability that each row gives its predicted class.

    ``sum_b n_b / n * |accuracy_b - confidence_b|`` (Naeini, Cooper & Hauskrecht 2015), the examples sorted by
    confidence and cut into bins whose sizes differ by one at most, the larger first (Nguyen & O'Connor 2015).
    ``None`` where there are no rows, or where their confidences are no probabilities.
    """
    if not rows or not all(0 <= row.confidence <= 1 + _ROUNDING for row in rows):
        return None
    # Equal confidences may fall on both sides of a cut: the digests of the examples decide, not their order in a file.
    ranked = sorted(rows, key=lambda row: (row.confidence, row.id, row.prediction == row.truth))
    found = tuple(_bin(part) for part in _cut(ranked, min(bins, len(ranked))))
    gaps = fsum(one.n * abs(one.accuracy - one.confidence) for one in found)
    return Calibration(error=gaps / len(rows), bins=found)


def _cut(ranked: Sequence[Row], parts: int) -> list[Sequence[Row]]:
    size, larger = divmod(len(ranked), parts)
    starts = [i * size + min(i, larger) for i in range(parts + 1)]
    return [ranked[start:end] for start, end in pairwise(starts)]


def _bin(rows: Sequence[Row]) -> Bin:
    right = sum(row.prediction == row.truth for row in rows)
    return Bin(
        n=len(rows),
        confidence=fsum(row.confidence for row in rows) / len(rows),
        accuracy=right / len(rows),
        interval=wilson(right, len(rows)),
    )
