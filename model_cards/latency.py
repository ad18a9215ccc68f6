"""Latency and throughput of one batch size at one precision, from the times of single calls."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Calls made one after another, each waited for, after ``warmup`` calls that are not counted.

    ``p50_ms`` and ``p99_ms`` are milliseconds for a whole batch (`percentile`); ``per_second`` is examples
    answered in a second over all ``n`` calls. ``problem`` says why nothing was timed.
    """

    precision: str
    batch_size: int
    warmup: int
    n: int
    p50_ms: float | None
    p99_ms: float | None
    per_second: float | None
    problem: str | None = None


def percentile(times: Sequence[float], share: int) -> float:
    """The ``share``-th percentile (1 to 99), linear between the two nearest times.

    The definition is Hyndman & Fan 1996, type 7: numpy's default. It needs at least two times.
    """
    return statistics.quantiles(times, n=100, method="inclusive")[share - 1]


def summarise(times: Sequence[float], *, precision: str, batch_size: int, warmup: int) -> Latency:
    """What ``times``, in seconds, of calls with ``batch_size`` examples each come to."""
    return Latency(
        precision=precision,
        batch_size=batch_size,
        warmup=warmup,
        n=len(times),
        p50_ms=1000 * percentile(times, 50),
        p99_ms=1000 * percentile(times, 99),
        per_second=batch_size * len(times) / sum(times),
    )


def not_timed(problem: str, *, precision: str, batch_size: int) -> Latency:
    """A cell without a figure, such as one that was ``out of memory``."""
    return Latency(
        precision=precision,
        batch_size=batch_size,
        warmup=0,
        n=0,
        p50_ms=None,
        p99_ms=None,
        per_second=None,
        problem=problem,
    )
