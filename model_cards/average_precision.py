"""Average precision: the area under the precision-recall curve, ties being one threshold."""

from dataclasses import dataclass
from math import fsum

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class AveragePrecision:
    """``value``, and what each example's weight moves it by, [examples] (`linearised`)."""

    value: float
    influences: Values


def average_precision(is_positive: NDArray[np.bool_], scores: Values) -> AveragePrecision:
    """``sum_t (recall_t - recall_(t-1)) * precision_t`` over the distinct scores, descending, as scikit-learn has it.

    With T_t and N_t the weight of positives and of all examples that score t or more, and p_t that of positives at t,
    it is ``sum_t p_t T_t / N_t / P``; the influences are its derivatives by the examples' weights.
    """
    levels, place = np.unique(-scores, return_inverse=True)
    at = np.bincount(place[is_positive], minlength=len(levels))
    up_to = np.cumsum(at)
    among = np.cumsum(np.bincount(place, minlength=len(levels)))
    positives = int(up_to[-1])
    precision = up_to / among
    value = fsum((at * precision).tolist()) / positives
    # What is at a threshold or below it counts: sums from the lowest score upwards.
    gained = np.cumsum((at / among)[::-1])[::-1][place]
    spent = np.cumsum((at * up_to / among / among)[::-1])[::-1][place]
    influences: Values = (is_positive * (precision[place] + gained - value) - spent) / positives
    return AveragePrecision(value=value, influences=influences)
