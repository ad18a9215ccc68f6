"""Intervals for metrics without a formula of their own: the bootstrap by the independent unit.

The unit is what was drawn independently of the others: an image for mAP, a question or an article for F1, a user for
MAP@12, a sentence for BLEU, a block of text for perplexity. Resampling anything smaller makes intervals too narrow.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import fsum, isfinite, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from .normal import below, quantile, significant
from .resampling import Indices, Method, Resampling, check_units, draw
from .statistics import Interval

Values = NDArray[np.float64]

_PLAN = Resampling()
_TIE = 1e-9  # of the replicates' range: closer ones are equal, whatever the last bits of a logarithm say


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """A figure of all ``n`` units, its interval, and all that is needed to compute both again."""

    value: float
    interval: Interval
    method: Method
    n: int
    resamples: int
    seed: int


def bootstrap(n: int, metric: Callable[[Indices], float], plan: Resampling = _PLAN) -> Bootstrap:
    """The interval of a ``metric`` of ``n`` units, called with the indices of the units to measure it on.

    It is called once for all units, once for each resample and, unless by percentiles, once without each unit.

    Raises:
        ValueError: fewer than two units, a metric that is undefined on a resample, or one that is always the same.
    """
    whole = np.arange(n)
    replicates = np.array([metric(indices) for block in draw(n, plan) for indices in block])
    return _bootstrap(
        n, float(metric(whole)), replicates, lambda: np.array([metric(np.delete(whole, left)) for left in whole]), plan
    )


def bootstrap_sums(contributions: ArrayLike, metric: Callable[[Values], Values], plan: Resampling = _PLAN) -> Bootstrap:
    """The interval of a ``metric`` that is a function of sums over units, such as F1, BLEU, perplexity or any mean.

    ``contributions`` is [units, k]: what each unit adds to the k sums. ``metric`` gets sums as [..., k] and gives
    [...]: for F1 from true positives, false positives and misses,
    ``lambda sums: 2 * sums[..., 0] / (2 * sums[..., 0] + sums[..., 1] + sums[..., 2])``; a mean needs a column of ones
    to divide by, because BCa leaves units out. It is faster than `bootstrap`, and its sums are exact: they depend
    neither on the machine nor on the order of adding.

    Raises:
        ValueError: as `bootstrap`; or contributions that are no finite numbers in two dimensions.
    """
    exact = _exactly_addable(contributions)
    n = len(exact)
    sums = [_counts(block) @ exact for block in draw(n, plan)]
    total = exact.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):  # what is undefined is refused below, with a reason
        replicates = np.asarray(metric(np.concatenate(sums)), dtype=np.float64)
        value, left_out = float(metric(total)), metric(total - exact)
    return _bootstrap(n, value, replicates, lambda: left_out, plan)


def compare_bootstrap(
    n: int, new: Callable[[Indices], float], old: Callable[[Indices], float], plan: Resampling = _PLAN
) -> Bootstrap:
    """The difference of two models, new minus old, on the same units: both are measured on each resample.

    Raises:
        ValueError: as `bootstrap`.
    """
    return bootstrap(n, lambda indices: new(indices) - old(indices), plan)


def compare_bootstrap_sums(
    new: ArrayLike, old: ArrayLike, metric: Callable[[Values], Values], plan: Resampling = _PLAN
) -> Bootstrap:
    """The difference of two models, new minus old, from what each of the same units adds to the sums of either.

    Raises:
        ValueError: as `bootstrap_sums`; or contributions of unequal shapes.
    """
    first, second = np.asarray(new, dtype=np.float64), np.asarray(old, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 2:
        raise ValueError(f"a paired bootstrap needs the same units and sums, got {first.shape} and {second.shape}")
    k = first.shape[1]
    return bootstrap_sums(np.hstack([first, second]), lambda sums: metric(sums[..., :k]) - metric(sums[..., k:]), plan)


def sum_by_unit(units: Sequence[Hashable], contributions: ArrayLike) -> Values:
    """Adds up the contributions [examples, k] of the examples of one unit, such as the questions of an article.

    Units come in the order of their first example. Read the examples in the order of the evidence file, which does
    not change: the resamples depend on the order.

    Raises:
        ValueError: not one unit for each example.
    """
    rows = np.asarray(contributions, dtype=np.float64)
    if rows.ndim != 2 or len(rows) != len(units):
        raise ValueError(f"every example needs one unit, got {len(units)} units for contributions of {rows.shape}")
    place = {unit: i for i, unit in enumerate(dict.fromkeys(units))}
    sums = np.zeros((len(place), rows.shape[1]))
    np.add.at(sums, [place[unit] for unit in units], rows)  # one after another, so in the same order everywhere
    return sums


def _exactly_addable(contributions: ArrayLike) -> Values:
    """The contributions, rounded to a grid on which any sum of n of them is exact in double precision.

    Each column has a grid of its own, a power of two: all its multiples up to n times the largest contribution fit
    into 52 bits. Whole numbers stay as they are up to sums of 2**52; of 10,000 others 38 bits are kept, which moves a
    mean by less than 1e-11 of the largest.
    """
    rows = np.asarray(contributions, dtype=np.float64)
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise ValueError(f"contributions are finite numbers, [units, k], got an array of {rows.shape}")
    check_units(len(rows))
    # frexp: the largest sum lies below 2**exponent.
    _, exponent = np.frexp(np.abs(rows).max(axis=0) * len(rows))
    shift = 52 - exponent
    exact: Values = np.ldexp(np.rint(np.ldexp(rows, shift)), -shift)
    return exact


def _counts(block: Indices) -> Values:
    """How often each resample, a row, holds each unit."""
    rows, n = block.shape
    flat = block + n * np.arange(rows)[:, None]
    return np.bincount(flat.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)


def _bootstrap(
    n: int, value: float, replicates: Values, leave_one_out: Callable[[], Values], plan: Resampling
) -> Bootstrap:
    if replicates.shape != (plan.resamples,):
        raise ValueError(f"a metric of sums [..., k] gives one value for each, got {replicates.shape}")
    undefined = int(np.count_nonzero(~np.isfinite(replicates)))
    if undefined or not isfinite(value):
        raise ValueError(
            f"the metric is undefined on {undefined} of {plan.resamples} resamples (on all units it is {value}): it "
            "must say what it is where it divides by nothing"
        )
    ordered = np.sort(replicates)
    if ordered[-1] - ordered[0] <= 1e-12 * np.abs(ordered).max():
        raise ValueError(f"the metric is {ordered[0]} on every resample: a bootstrap knows no spread there")
    z = quantile((1 + plan.confidence) / 2)
    if plan.method == "expanded-bca":
        # Resamples spread less than the metric does, by a factor of sqrt((n - 1) / n), and know no t.
        z = round(sqrt(n / (n - 1)) * float(stdtrit(n - 1, (1 + plan.confidence) / 2)), 12)
    shares = below(-z), below(z)
    if plan.method != "percentile":
        shares = _bca_shares(value, ordered, leave_one_out(), z)
    low, high = (significant(_quantile(ordered, share)) for share in shares)
    return Bootstrap(
        value=value,
        interval=Interval(low=low, high=high, confidence=plan.confidence),
        method=plan.method,
        n=n,
        resamples=plan.resamples,
        seed=plan.seed,
    )


def _bca_shares(value: float, ordered: Values, left_out: Values, z: float) -> tuple[float, float]:
    """The shares of replicates below the ends (Efron 1987, JASA 82:171; Efron & Tibshirani 1993, eq. 14.9 to 14.15).

    ``z`` is the normal quantile of the confidence, or the wider one of Hesterberg 2015 (Am. Stat. 69:371).
    """
    tie = _TIE * (ordered[-1] - ordered[0])
    below_it, up_to_it = np.searchsorted(ordered, value - tie), np.searchsorted(ordered, value + tie, "right")
    share = float(below_it + up_to_it) / (2 * len(ordered))  # half of the ties, which a metric of counts has many of
    if not 0 < share < 1:
        raise ValueError("every resample is on one side of the metric of all units: BCa cannot correct such a bias")
    if not np.isfinite(left_out).all():
        raise ValueError("the metric is undefined without one of the units: BCa has no acceleration there")
    values = left_out.tolist()
    mean = fsum(values) / len(values)
    squares = fsum((mean - one) * (mean - one) for one in values)
    cubes = fsum((mean - one) * (mean - one) * (mean - one) for one in values)
    acceleration = cubes / (6 * squares * sqrt(squares)) if squares else 0.0
    bias = quantile(share)

    def moved(z: float) -> float:
        shrink = 1 - acceleration * (bias + z)
        if shrink <= 0:
            raise ValueError(f"an acceleration of {acceleration:.3f} is too large for BCa at this confidence")
        return below(bias + (bias + z) / shrink)

    return moved(-z), moved(z)


def _quantile(ordered: Values, share: float) -> float:
    """Linear between the two nearest replicates (Hyndman & Fan 1996, type 7)."""
    place = share * (len(ordered) - 1)
    left = min(int(place), len(ordered) - 2)
    return float(ordered[left] + (place - left) * (ordered[left + 1] - ordered[left]))
