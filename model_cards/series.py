"""Several attempts at one target: what is told of them together, by the rules of MLPerf Training.

The olympic mean drops the fastest and the slowest attempt and is the mean of the rest. An attempt that failed
took infinitely long: one counts as the slowest, two make the mean invalid (MLCommons training_policies,
training_rules.adoc, "Run Results"). No attempt is left out for being slow.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .clocks import Clocks

Clock = Literal["run", "total", "train_only"]
FEWEST = 3  # attempts of which two can be dropped


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt, told by its log: its seed and its clocks, ``None`` if it died before anything was trained."""

    seed: int
    clocks: Clocks | None

    @property
    def failed(self) -> bool:
        """Whether the target was not reached."""
        return self.clocks is None or not self.clocks.target_met

    def seconds(self, clock: Clock) -> float:
        """Seconds to the target on ``clock``; infinity for a failure."""
        if self.clocks is None or not self.clocks.target_met:
            return math.inf
        seconds: float = getattr(self.clocks, clock)
        return seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Middle:
    """Seconds in the middle of the attempts on one clock.

    ``median`` is ``None`` where it is infinite: half of the attempts or more failed. ``olympic_mean`` is ``None``
    for fewer than three attempts, and where two or more failed.
    """

    median: float | None
    olympic_mean: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """All attempts in the order they were made; ``shipped`` counts from 1 and is the one whose weights these are.

    ``pass_rate`` is the share of attempts that reached the target.
    """

    attempts: tuple[Attempt, ...]
    shipped: int
    pass_rate: float
    run: Middle
    total: Middle
    train_only: Middle

    @property
    def failures(self) -> int:
        """How many attempts did not reach the target."""
        return sum(attempt.failed for attempt in self.attempts)


def series_of(attempts: Sequence[Attempt]) -> Series:
    """Everything that is told of ``attempts``.

    Raises:
        ValueError: no attempt.
    """
    if not attempts:
        raise ValueError("a series needs an attempt, got none")
    return Series(
        attempts=tuple(attempts),
        shipped=nearest_median(attempts),
        pass_rate=sum(not attempt.failed for attempt in attempts) / len(attempts),
        run=_middle(attempts, "run"),
        total=_middle(attempts, "total"),
        train_only=_middle(attempts, "train_only"),
    )


def nearest_median(attempts: Sequence[Attempt]) -> int:
    """Which attempt to ship, counting from 1: the one nearest the median on the run clock, so not the luckiest.

    Of two equally near ones the slower; with an infinite median the slowest that reached the target; if none did,
    the first.
    """
    times = [attempt.seconds("run") for attempt in attempts]
    reached = [i for i, time in enumerate(times) if time < math.inf]
    if not reached:
        return 1
    median = statistics.median(times)
    if median == math.inf:
        return 1 + max(reached, key=lambda i: (times[i], -i))
    return 1 + min(reached, key=lambda i: (abs(times[i] - median), -times[i], i))


def _middle(attempts: Sequence[Attempt], clock: Clock) -> Middle:
    times = sorted(attempt.seconds(clock) for attempt in attempts)
    kept = times[1:-1]
    olympic = statistics.fmean(kept) if len(times) >= FEWEST and kept[-1] < math.inf else None
    median = statistics.median(times)
    return Middle(
        median=round(median, 3) if median < math.inf else None,
        olympic_mean=None if olympic is None else round(olympic, 3),
    )
