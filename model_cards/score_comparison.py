"""Two models' figures on the same examples, where the figure is no share of right answers: AUC, NDCG, MAP, log loss."""

from dataclasses import dataclass
from typing import Literal

from .metric import kind_of
from .normal import quantile, significant, upper_tail

Method = Literal["delong", "delong-by-unit", "paired-t"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreComparison:
    """``difference`` is new minus old ``metric`` on ``n`` independent units (users, groups or examples).

    ``error`` is its standard error, which knows that the units are the same: DeLong's of two AUC, that of the mean of
    the units' differences for a metric that is a mean. ``low`` and ``high`` bound it at 95 %; ``p_value`` is two-sided.
    """

    metric: str
    n: int
    difference: float
    error: float
    low: float
    high: float
    p_value: float
    method: Method


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreNonInferiority:
    """Whether a new model's ``metric`` is worse than the old one's by less than ``margin``.

    ``gain`` is the difference, turned so that more is better; ``low`` bounds it from below, one-sided at
    ``confidence``; ``p_value`` is that of the hypothesis that it is -margin or less. It ``holds`` where ``low`` lies
    above ``-margin``.
    """

    metric: str
    margin: float
    gain: float
    low: float
    confidence: float
    p_value: float
    holds: bool


def score_comparison(metric: str, difference: float, error: float, n: int, method: Method) -> ScoreComparison:
    """The comparison that a difference and its standard error make.

    Raises:
        ValueError: the models differ, and the units do not say by how much they might vary.
    """
    if error == 0 and difference != 0:
        raise ValueError(f"{metric} differs by {difference}: the units' differences do not vary")
    spread = _quantile(0.975, n, method) * error
    return ScoreComparison(
        metric=metric,
        n=n,
        difference=difference,
        error=significant(error),
        low=significant(difference - spread),
        high=significant(difference + spread),
        p_value=min(1.0, significant(2 * _tail(abs(difference) / error, n, method))) if error else 1.0,
        method=method,
    )


def score_non_inferiority(found: ScoreComparison, margin: float, confidence: float = 0.95) -> ScoreNonInferiority:
    """By the one-sided end of the paired interval.

    Raises:
        ValueError: a margin that is not between 0 and 1.
    """
    if not 0 < margin < 1:
        raise ValueError(f"a margin of non-inferiority lies between 0 and 1, got {margin}")
    gain = found.difference if kind_of(found.metric).relation == ">=" else 0.0 - found.difference
    low = significant(gain - _quantile(confidence, found.n, found.method) * found.error)
    return ScoreNonInferiority(
        metric=found.metric,
        margin=margin,
        gain=gain,
        low=low,
        confidence=confidence,
        p_value=_against(gain + margin, found),
        holds=low > -margin,
    )


def _against(above: float, found: ScoreComparison) -> float:
    """The p-value of the hypothesis that the gain is no more than what the found one lies ``above``."""
    if found.error == 0:
        return 0.0 if above > 0 else 1.0
    return significant(_tail(above / found.error, found.n, found.method))


# DeLong's test is by the normal distribution, as in the paper; the others are by Student's t of the units less one.
# scipy is imported where it is needed: an audit of a classifier is over before it would have been loaded.


def _quantile(share: float, n: int, method: Method) -> float:
    if method == "delong":
        return quantile(share)
    from scipy.special import stdtrit

    return round(float(stdtrit(max(1, n - 1), share)), 12)


def _tail(statistic: float, n: int, method: Method) -> float:
    if method == "delong":
        return upper_tail(statistic)
    from scipy.special import stdtr

    return float(stdtr(max(1, n - 1), -statistic))
