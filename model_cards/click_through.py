"""What click-through evidence proves: ROC-AUC, average precision, log loss; and two models on the same impressions."""

from collections.abc import Sequence
from math import exp

import numpy as np
from numpy.typing import NDArray

from .auc import auc, place
from .average_precision import average_precision
from .classification import Estimate
from .clicks import clicks_of
from .clustered_auc import clustered_auc, clustered_error
from .errors import InputError
from .evidence import Row
from .linearised import interval_of, standard_error
from .protocol_family import Parameters
from .score_comparison import Method, ScoreComparison, score_comparison
from .unit_means import UnitMean
from .units import summed

_APART = 1e-6  # how far a log-likelihood may lie from the probability beside it, as a probability


def auc_of(rows: Sequence[Row], _: Parameters) -> Estimate:
    """ROC-AUC, ties counting half, with DeLong's interval; by unit where rows name theirs.

    Raises:
        InputError: rows that are no evidence of clicks, or of fewer than two of a class.
    """
    clicks = clicks_of(rows)
    if clicks.by_unit:
        return clustered_auc(place(clicks.clicked, clicks.probability), clicks.clicked, clicks.units)
    found = auc(clicks.clicked, clicks.probability)
    return Estimate(value=found.value, interval=found.interval, method=found.method)


def compare_auc_of(new: Sequence[Row], old: Sequence[Row], _: Parameters) -> ScoreComparison:
    """DeLong's paired test, by unit where rows name theirs.

    Raises:
        InputError: as `auc_of`.
        ValueError: two AUC that differ while no example says by how much they might vary.
    """
    first, second = clicks_of(new), clicks_of(old)
    a, b = (place(first.clicked, clicks.probability) for clicks in (first, second))
    error = clustered_error(a, b, first.clicked, first.units)
    method: Method = "delong-by-unit" if first.by_unit else "delong"
    return score_comparison("auc", a.value - b.value, error, int(first.units.max()) + 1, method)


def average_precision_of(rows: Sequence[Row], _: Parameters) -> Estimate:
    """Average precision, by unit where rows name theirs.

    Raises:
        InputError: as `auc_of`.
    """
    clicks = clicks_of(rows)
    found = average_precision(clicks.clicked, clicks.probability)
    interval, method = interval_of(found.value, summed(clicks.units, found.influences), share=True)
    return Estimate(value=found.value, interval=interval, method=method)


def compare_average_precision(new: Sequence[Row], old: Sequence[Row], _: Parameters) -> ScoreComparison:
    """Two models' average precision on the same impressions.

    Raises:
        InputError, ValueError: as `compare_auc_of`.
    """
    first, second = clicks_of(new), clicks_of(old)
    a, b = (average_precision(first.clicked, clicks.probability) for clicks in (first, second))
    moved = summed(first.units, a.influences - b.influences)
    return score_comparison("average_precision", a.value - b.value, standard_error(moved), len(moved), "paired-t")


def _surprises(rows: Sequence[Row], _: Parameters) -> NDArray[np.float64]:
    """Minus the log-likelihood of each row, in nats, and 1."""
    for row in rows:
        p = row.confidence if row.truth == 1 else 1 - row.confidence
        if row.log_likelihood is None or not abs(exp(row.log_likelihood) - p) <= _APART:
            raise InputError(
                f"row {row.id[:16]} does not say how likely its truth was: expected the logarithm of {p!r}, found "
                f"{row.log_likelihood!r}. Log loss needs it of every row; measure the model again."
            )
    return np.array([(-row.log_likelihood, 1.0) for row in rows if row.log_likelihood is not None], dtype=np.float64)


LOG_LOSS = UnitMean(metric="log_loss", worths=_surprises, share=False)
