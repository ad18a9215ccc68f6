"""The area under the ROC curve (AUC), its interval, and two models' AUC on the same examples."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import fsum, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .linearised import logit_t
from .normal import quantile, significant, two_tails
from .statistics import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Auc:
    """The chance that a positive example scores above a negative one, ties counting half.

    ``variance`` is DeLong's; ``method`` says what the interval was made by.
    """

    value: float
    variance: float
    interval: Interval
    method: str
    positives: int
    negatives: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AucComparison:
    """Two models' scores of the same examples: ``difference`` is new minus old AUC, ``p_value`` two-sided."""

    new: float
    old: float
    difference: float
    interval: Interval
    p_value: float


@dataclass(frozen=True, slots=True)
class Placements:
    """Of each example the share of the other class below it, ties counting half; ``value`` is the AUC."""

    value: float
    positives: NDArray[np.float64]
    negatives: NDArray[np.float64]


def auc(truths: Sequence[bool] | NDArray[np.bool_], scores: ArrayLike, confidence: float = 0.95) -> Auc:
    """AUC with DeLong's variance (DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44:837), in O(n log n).

    The interval is symmetric on the logit scale (Pepe 2003, section 5.2.4), with Student's t at the degrees of freedom
    of Brunner & Munzel 2000. Where the variance is 0, as where the scores part the classes without error, it knows
    nothing: there the interval is Newcombe's (`newcombe`).

    Raises:
        ValueError: fewer than two examples of a class, a truth that is not 0 or 1, or scores that are no finite
            numbers, one for each truth.
    """
    placements = place(truths, scores)
    parts = _variances(placements.positives, placements.negatives)
    value, m, n = placements.value, len(placements.positives), len(placements.negatives)
    return Auc(
        value=value,
        variance=sum(parts),
        interval=_logit(value, parts, m, n, confidence) if any(parts) else newcombe(value, m, n, confidence),
        method="delong-logit-t" if any(parts) else "newcombe",
        positives=m,
        negatives=n,
    )


def compare_auc(
    truths: Sequence[bool] | NDArray[np.bool_], new: ArrayLike, old: ArrayLike, confidence: float = 0.95
) -> AucComparison:
    """DeLong's paired test (1988, equation 5) and interval of the difference of two AUC on the same examples.

    Raises:
        ValueError: as `auc`; or two AUC that differ while no example says by how much they might vary.
    """
    first, second = place(truths, new), place(truths, old)
    difference = first.value - second.value
    # The variance of a difference, example by example: the same as var + var - 2 cov, and never below 0.
    error = sqrt(sum(_variances(first.positives - second.positives, first.negatives - second.negatives)))
    if error == 0 and difference != 0:
        raise ValueError(f"AUC of {first.value} and {second.value}: the examples' differences do not vary")
    spread = quantile((1 + confidence) / 2) * error
    return AucComparison(
        new=first.value,
        old=second.value,
        difference=difference,
        interval=Interval(
            low=significant(max(-1.0, difference - spread)),
            high=significant(min(1.0, difference + spread)),
            confidence=confidence,
        ),
        p_value=two_tails(difference / error) if error else 1.0,
    )


def newcombe(value: float, positives: int, negatives: int, confidence: float = 0.95) -> Interval:
    """A score-like interval of an AUC from its value alone, defined at 0 and 1 too (Newcombe 2006, method 5).

    Its ends are the AUC t with ``|value - t| = z * sqrt(V(t))``, V being Hanley & McNeil's variance (1982) with both
    classes' numbers replaced by their mean (Newcombe 2006, Stat. Med. 25:559).

    Raises:
        ValueError: no example of a class, or an AUC beyond 0 and 1.
    """
    if positives < 1 or negatives < 1 or not 0 <= value <= 1:
        raise ValueError(f"an AUC of {value} from {positives} and {negatives} examples")
    z, extra = quantile((1 + confidence) / 2), (positives + negatives) / 2 - 1

    def beyond(end: float) -> bool:
        variance = end * (1 - end) * (1 + extra * ((1 - end) / (2 - end) + end / (1 + end)))
        return (value - end) * (value - end) > z * z * variance / (positives * negatives)

    return Interval(low=_edge(beyond, 0.0, value), high=_edge(beyond, 1.0, value), confidence=confidence)


def _edge(beyond: Callable[[float], bool], outside: float, inside: float) -> float:
    """Where ``beyond`` turns, by bisection: only sums, products and comparisons, so the same bits everywhere."""
    if not beyond(outside):
        return outside
    for _ in range(60):
        middle = (outside + inside) / 2
        outside, inside = (middle, inside) if beyond(middle) else (outside, middle)
    return significant(outside)


def _classes(
    truths: Sequence[bool] | NDArray[np.bool_], scores: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The scores of the positives and of the negatives."""
    is_positive, given = np.asarray(truths), np.asarray(scores, dtype=np.float64)
    if is_positive.ndim != 1 or given.shape != is_positive.shape or not np.isfinite(given).all():
        raise ValueError(
            f"AUC needs one finite score for each truth, got scores of {given.shape} for truths of {is_positive.shape}"
        )
    if not np.isin(is_positive, (0, 1)).all():
        raise ValueError("AUC needs truths that are 0 or 1")
    positives, negatives = given[is_positive == 1], given[is_positive == 0]
    if len(positives) < 2 or len(negatives) < 2:
        raise ValueError(
            f"AUC needs two examples of each class, got {len(positives)} positive and {len(negatives)} negative"
        )
    return positives, negatives


def place(truths: Sequence[bool] | NDArray[np.bool_], scores: ArrayLike) -> Placements:
    """Placements by binary search: as Sun & Xu 2014 (IEEE Sig. Proc. Lett. 21:1389), who get them from midranks.

    Raises:
        ValueError: as `auc`.
    """
    positives, negatives = _classes(truths, scores)
    m, n = len(positives), len(negatives)
    below = _twice_below(positives, np.sort(negatives))
    under = _twice_below(negatives, np.sort(positives))
    # Whole numbers until the division: the same AUC in any order of the examples.
    return Placements(int(below.sum()) / (2 * m * n), below / (2 * n), under / (2 * m))


def _twice_below(scores: NDArray[np.float64], ranked: NDArray[np.float64]) -> NDArray[np.intp]:
    """Twice the number of ``ranked`` below each score, ties counting half."""
    return np.searchsorted(ranked, scores, "left") + np.searchsorted(ranked, scores, "right")


def _variances(positives: NDArray[np.float64], negatives: NDArray[np.float64]) -> tuple[float, float]:
    """What either class adds to the variance: the sample variance of its placements by its number (equation 4)."""
    first, second = (_squares(part) / (len(part) - 1) / len(part) for part in (positives, negatives))
    return first, second


def _squares(values: NDArray[np.float64]) -> float:
    # fsum rounds once: numpy's order of adding, and with it the last bits, depends on the machine.
    mean = fsum(values.tolist()) / len(values)
    return fsum(((values - mean) ** 2).tolist())


def _logit(value: float, parts: tuple[float, float], m: int, n: int, confidence: float) -> Interval:
    variance = sum(parts)
    freedom = variance**2 / (parts[0] ** 2 / (m - 1) + parts[1] ** 2 / (n - 1))
    return logit_t(value, variance, freedom, confidence)
