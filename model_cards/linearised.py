"""Errors of metrics from what each independent unit moves them by: the infinitesimal jackknife.

Where a metric is smooth in the units' weights, its variance is that of the sum of its derivatives by them (Jaeckel
1972; Efron & Tibshirani 1993, section 21.3). One pass over the units, where a bootstrap takes thousands.
"""

from math import exp, fsum, log, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from .normal import significant
from .statistics import Interval, wilson

Values = NDArray[np.float64]


def standard_error(influences: Values) -> float:
    """Of a metric that unit i moves by ``influences[i]``, [units]; their sum is 0, up to rounding."""
    n = len(influences)
    # fsum rounds once: numpy's order of adding, and with it the last bits, depends on the machine.
    return sqrt(n / (n - 1) * fsum((influences * influences).tolist())) if n > 1 else 0.0


def logit_t(value: float, variance: float, freedom: float, confidence: float = 0.95) -> Interval:
    """Symmetric on the logit scale, by Student's t: of a share between 0 and 1, so it does not leave them."""
    t = float(stdtrit(freedom, (1 + confidence) / 2))
    centre, spread = log(value / (1 - value)), t * sqrt(variance) / (value * (1 - value))
    # exp overflows from 710 on, where the share is 0 to every digit.
    low, high = (significant(1 / (1 + exp(min(700.0, -end)))) for end in (centre - spread, centre + spread))
    return Interval(low=low, high=high, confidence=confidence)


def plain_t(value: float, error: float, freedom: float, confidence: float = 0.95) -> Interval:
    """``value`` plus and minus Student's t times its standard error."""
    spread = float(stdtrit(freedom, (1 + confidence) / 2)) * error
    return Interval(low=significant(value - spread), high=significant(value + spread), confidence=confidence)


def interval_of(value: float, influences: Values, *, share: bool, confidence: float = 0.95) -> tuple[Interval, str]:
    """The interval and its method: ``logit-t`` of a share, ``t`` of any other figure, by units less one.

    Units that all say the same show no spread, which is not certainty: of a share the interval is then Wilson's, as if
    each unit had been wholly right or wrong, the widest that shares of that mean can be; of others it is the value.
    """
    error, n = standard_error(influences), len(influences)
    if share and not (error > 0 and 0 < value < 1):
        found = wilson(round(value * n), n, confidence)
        return Interval(low=min(value, found.low), high=max(value, found.high), confidence=confidence), "wilson"
    if share:
        return logit_t(value, error * error, n - 1, confidence), "logit-t"
    return plain_t(value, error, max(1, n - 1), confidence), "t"
