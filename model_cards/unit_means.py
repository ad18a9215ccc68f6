"""Metrics that are a mean of what rows of evidence are worth, with intervals and comparisons by the unit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import fsum

import numpy as np
from numpy.typing import NDArray

from .bootstrap import bootstrap_sums
from .classification import Estimate
from .evidence import Row
from .linearised import interval_of, standard_error
from .protocol_family import Parameters
from .score_comparison import ScoreComparison, score_comparison
from .units import summed, units_of

Values = NDArray[np.float64]

# Up to here the bootstrap corrects for skewness; beyond, it would take seconds and correct nothing.
MOST_RESAMPLED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitMean:
    """The metric ``(prior + sum of worths) / (prior + sum of counts)``.

    ``worths`` gives both of each row, [rows, 2]; ``share`` says that a mean lies between 0 and 1.
    """

    metric: str
    worths: Callable[[Sequence[Row], Parameters], Values]
    share: bool
    prior: float = 0.0

    def estimate(self, rows: Sequence[Row], parameters: Parameters) -> Estimate:
        """The metric and its interval: the bootstrap of decision 13 for up to 1,000 units, linearised beyond.

        Raises:
            InputError: rows that are no evidence of this metric.
        """
        worths = self.worths(rows, parameters)
        value = self._value(worths)
        units = summed(units_of(rows), worths)
        if len(units) <= MOST_RESAMPLED:
            try:
                found = bootstrap_sums(units, lambda sums: (self.prior + sums[..., 0]) / (self.prior + sums[..., 1]))
            except ValueError:  # fewer than two units, or all alike: resamples show no spread
                pass
            else:
                return Estimate(value=value, interval=found.interval, method=found.method)
        interval, method = interval_of(value, self._influences(units, value), share=self.share)
        return Estimate(value=value, interval=interval, method=method)

    def compare(self, new: Sequence[Row], old: Sequence[Row], parameters: Parameters) -> ScoreComparison:
        """The paired comparison on the same rows, unit by unit.

        Raises:
            ValueError: the models differ by the same in every unit.
        """
        first, second = (self.worths(rows, parameters) for rows in (new, old))
        a, b = self._value(first), self._value(second)
        numbers = units_of(new)
        moved = self._influences(summed(numbers, first), a) - self._influences(summed(numbers, second), b)
        return score_comparison(self.metric, a - b, standard_error(moved), len(moved), "paired-t")

    def _value(self, worths: Values) -> float:
        total, count = (fsum(column) for column in worths.T.tolist())
        return (self.prior + total) / (self.prior + count)

    def _influences(self, units: Values, value: float) -> Values:
        """By how much each unit moves the metric: the linear part of a ratio of sums (Cochran 1977, section 6.3)."""
        moved: Values = (units[:, 0] - value * units[:, 1]) / (self.prior + fsum(units[:, 1].tolist()))
        return moved
