"""Quantiles and tails of the normal distribution, the same bits on every machine. No dependencies."""

from math import erfc, sqrt
from statistics import NormalDist


def quantile(share: float) -> float:
    """The z below which ``share`` of a standard normal distribution lies."""
    # Rounded, because mathematical libraries differ in the last place and an audit compares for equality.
    return round(NormalDist().inv_cdf(share), 12)


def below(z: float) -> float:
    """The share of a standard normal distribution below ``z``."""
    return round(erfc(-z / sqrt(2)) / 2, 12)


def upper_tail(z: float) -> float:
    """The one-sided p-value of ``z``, to nine significant digits; of a z of 30 too."""
    return significant(erfc(z / sqrt(2)) / 2)


def two_tails(z: float) -> float:
    """The two-sided p-value of ``z``, to nine significant digits."""
    return significant(erfc(abs(z) / sqrt(2)))


def significant(value: float, digits: int = 9) -> float:
    """``value`` to so many significant digits: what is left where machines differ in the last places."""
    return float(f"{value:.{digits}g}")
