"""DeLong's variance where examples come in units: the clicks of one user are not independent of each other."""

from math import fsum, sqrt

import numpy as np
from numpy.typing import NDArray

from .auc import Placements, newcombe
from .classification import Estimate
from .linearised import logit_t
from .units import summed

Numbers = NDArray[np.intp]
Values = NDArray[np.float64]


def clustered_variance(positives: Values, negatives: Values, is_positive: NDArray[np.bool_], units: Numbers) -> float:
    """Obuchowski's variance of an AUC, or of a difference of two (1997, Biometrics 53:567, equations 5 to 8).

    ``positives`` and ``negatives`` are the placements of the rows of either class, or their differences, in the order
    of ``is_positive``, [rows]; ``units`` are the rows' unit numbers. Where every row is a unit it is DeLong's.
    """
    of_positives, of_negatives = units[is_positive], units[~is_positive]
    influences = np.zeros((len(units), 2))
    influences[is_positive, 0] = (positives - _mean(positives)) / len(positives)
    influences[~is_positive, 1] = -(negatives - _mean(negatives)) / len(negatives)
    first, second = summed(units, influences).T
    parts = (
        _corrected(len(np.unique(of_positives))) * fsum((first * first).tolist()),
        _corrected(len(np.unique(of_negatives))) * fsum((second * second).tolist()),
        _corrected(len(first)) * 2 * fsum((first * second).tolist()),
    )
    return max(0.0, fsum(parts))


def clustered_auc(found: Placements, is_positive: NDArray[np.bool_], units: Numbers) -> Estimate:
    """The AUC with the interval that the units support, on the logit scale, by Student's t.

    Its degrees of freedom are those of the class that fewer units have, less one. Where there is no variance it is
    Newcombe's, as if units were examples.
    """
    variance = clustered_variance(found.positives, found.negatives, is_positive, units)
    m, n = (len(np.unique(units[part])) for part in (is_positive, ~is_positive))
    if variance == 0 or min(m, n) < 2:
        return Estimate(value=found.value, interval=newcombe(found.value, m, n), method="newcombe")
    interval = logit_t(found.value, variance, min(m, n) - 1)
    return Estimate(value=found.value, interval=interval, method="delong-by-unit-logit-t")


def clustered_error(new: Placements, old: Placements, is_positive: NDArray[np.bool_], units: Numbers) -> float:
    """The standard error of the difference of two AUC on the same examples."""
    moved = new.positives - old.positives, new.negatives - old.negatives
    return sqrt(clustered_variance(*moved, is_positive, units))


def _mean(values: Values) -> float:
    return fsum(values.tolist()) / len(values)


def _corrected(n: int) -> float:
    return n / (n - 1) if n > 1 else 1.0
