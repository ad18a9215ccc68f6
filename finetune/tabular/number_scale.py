"""How the numbers of a column become inputs of about unit size, fitted on the train part alone.

Counts with a long tail go through log(x + 1), as DLRM's reference does with all of Criteo's thirteen; what has no such
tail stays on its scale (an age gains nothing from a logarithm). Then both are standardised. Which of the two is decided
by the train part: nothing negative, and a skewness above 2 (that of an exponential distribution).

A missing number becomes the mean, 0 after standardising, and a column of its own says that it was missing.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SKEWED = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """One column. ``log``: log(x + 1) before standardising. ``indicator``: whether any was missing in training."""

    mean: float
    deviation: float
    log: bool
    indicator: bool

    def apply(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 [n], or [n, 2] with the indicator, of raw values [n] with NaN for the missing ones."""
        missing = np.isnan(raw)
        values = raw.astype(np.float64)
        if self.log:
            values = np.log1p(np.maximum(values, 0))  # a later negative is as near to none as can be said
        scaled = np.where(missing, 0.0, (values - self.mean) / self.deviation).astype(np.float32)
        return np.stack([scaled, missing.astype(np.float32)], axis=1) if self.indicator else scaled[:, None]

    @property
    def width(self) -> int:
        """Columns that it gives."""
        return 1 + self.indicator


def fit(blocks: Iterable[NDArray[np.float32]]) -> Scale:
    """Of the raw values of a column's train part, NaN where missing, in as many pieces as they come in."""
    plain, logs, missing, lowest = _Moments(), _Moments(), 0, np.inf
    for raw in blocks:
        present = raw[~np.isnan(raw)].astype(np.float64)
        missing += len(raw) - len(present)
        lowest = min(lowest, present.min(initial=np.inf))
        plain.add(present)
        if lowest >= 0:  # else no logarithm will be asked for
            logs.add(np.log1p(present))
    log = bool(lowest >= 0 and plain.skewness > _SKEWED)
    chosen = logs if log else plain
    # A column of one value is centred and stays 0.
    deviation = _rounded(chosen.deviation) or 1.0
    return Scale(mean=_rounded(chosen.mean), deviation=deviation, log=log, indicator=missing > 0)


def _rounded(value: float) -> float:
    """To nine digits: what the order of the rows changes lies behind them."""
    return float(f"{value:.9g}")


class _Moments:
    """Mean, deviation and skewness of what comes in pieces, joined as Chan et al. (1979) and Pébay (2008) do."""

    def __init__(self) -> None:
        self._n, self.mean, self._second, self._third = 0, 0.0, 0.0, 0.0

    def add(self, values: NDArray[np.float64]) -> None:
        """More of them."""
        if not len(values):
            return
        count, mean = len(values), float(values.mean())
        off = values - mean
        square = off * off
        second = float(np.sum(square))
        third = float(np.sum(np.multiply(square, off, out=off)))  # off**3 would take ten times as long
        n, delta = self._n + count, mean - self.mean
        self._third += (
            third
            + delta**3 * self._n * count * (self._n - count) / n**2
            + 3 * delta * (self._n * second - count * self._second) / n
        )
        self._second += second + delta**2 * self._n * count / n
        self.mean += delta * count / n
        self._n = n

    @property
    def deviation(self) -> float:
        """Of the population."""
        return float(np.sqrt(self._second / self._n)) if self._n else 0.0

    @property
    def skewness(self) -> float:
        """Third standardised moment; 0 where all are alike."""
        if not self._n or self._second <= 0:
            return 0.0
        return float(np.sqrt(self._n) * self._third / self._second**1.5)
