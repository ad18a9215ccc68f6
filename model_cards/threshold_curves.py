"""What a threshold on the scores would find: the points of the ROC and of the precision-recall curve."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

_MOST = 200  # points of a drawn curve: more than its pixels show


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdCurves:
    """At each distinct score, from the highest down: [thresholds] each.

    ``recall`` is the share of positives that score so much or more, ``false_alarms`` that of negatives, ``precision``
    the share of positives among all that do.
    """

    recall: Values
    false_alarms: Values
    precision: Values


def threshold_curves(is_positive: NDArray[np.bool_], scores: Values) -> ThresholdCurves:
    """The curves of at least one example of each class; equal scores are one threshold."""
    levels, place = np.unique(-scores, return_inverse=True)
    found = np.cumsum(np.bincount(place[is_positive], minlength=len(levels)))
    among = np.cumsum(np.bincount(place, minlength=len(levels)))
    return ThresholdCurves(
        recall=found / found[-1],
        false_alarms=(among - found) / (among[-1] - found[-1]),
        precision=found / among,
    )


def thinned(curves: ThresholdCurves, along: Values) -> ThresholdCurves:
    """At most some 200 of the points, the last among them, evenly by ``along``, which rises with them."""
    wanted = np.arange(_MOST + 1) * (along[-1] - along[0]) / _MOST + along[0]
    kept = np.unique(np.minimum(np.searchsorted(along, wanted), len(along) - 1))
    return ThresholdCurves(
        recall=curves.recall[kept], false_alarms=curves.false_alarms[kept], precision=curves.precision[kept]
    )
