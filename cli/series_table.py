"""All attempts of a series, as a table for people and as a document for scripts."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roadworthy.model_cards import Attempt, Series

_CLOCKS = ("run", "total", "train_only")


def series_lines(series: "Series", shipped: str = "shipped") -> Iterator[str]:
    """One line for each attempt, then median, olympic mean and pass rate.

    ``shipped`` is what the attempt nearest the median is called.
    """
    yield _line("attempt", "seed", *(clock.replace("_", " ") for clock in _CLOCKS), "samples")
    for number, attempt in enumerate(series.attempts, start=1):
        samples = f"{attempt.clocks.samples:,}" if attempt.clocks else "none"
        times = [_time(attempt, clock) for clock in _CLOCKS]
        yield _line(f"{number}", f"{attempt.seed}", *times, samples) + _remarks(number, series, shipped)
    yield _line("median", "", *(_told(getattr(series, clock).median, "infinite") for clock in _CLOCKS))
    missing = "invalid" if series.failures > 1 else "none"
    yield _line("olympic", "", *(_told(getattr(series, clock).olympic_mean, missing) for clock in _CLOCKS))
    reached = len(series.attempts) - series.failures
    yield f"{reached} of {len(series.attempts)} attempts reached the target ({100 * series.pass_rate:.0f} %)"


def series_document(series: "Series") -> dict[str, Any]:
    """The fields of a series that scripts rely on; a time that is infinite or does not exist is null."""
    return {
        "attempts": [
            {
                "seed": attempt.seed,
                "failed": attempt.failed,
                "resumed": attempt.clocks.resumed if attempt.clocks else None,
                "samples": attempt.clocks.samples if attempt.clocks else None,
                **{clock: getattr(attempt.clocks, clock) if attempt.clocks else None for clock in _CLOCKS},
            }
            for attempt in series.attempts
        ],
        "shipped": series.shipped,
        "pass_rate": series.pass_rate,
        "median": {clock: getattr(series, clock).median for clock in _CLOCKS},
        "olympic_mean": {clock: getattr(series, clock).olympic_mean for clock in _CLOCKS},
    }


def _line(first: str, seed: str, *cells: str) -> str:
    return f"{first:<9}{seed:>16}" + "".join(f"{cell:>16}" for cell in cells)


def _time(attempt: "Attempt", clock: str) -> str:
    seconds = _told(getattr(attempt.clocks, clock) if attempt.clocks else None, "")
    return f"failed {seconds}".rstrip() if attempt.failed else seconds


def _told(seconds: float | None, missing: str) -> str:
    return missing if seconds is None else f"{seconds:,.1f} s"


def _remarks(number: int, series: "Series", shipped: str) -> str:
    attempt = series.attempts[number - 1]
    remarks = [shipped] if number == series.shipped else []
    remarks += ["resumed"] if attempt.clocks and attempt.clocks.resumed else []
    return f"  {', '.join(remarks)}" if remarks else ""
