"""The result in rows: medians that count what was not reached as longer than everything that was."""

from math import inf
from statistics import mean, median_low
from typing import Any

from contenders import Benchmark, Contender
from document import Document

from roadworthy.model_cards import wilson

HEAD = (
    "contender",
    "n",
    "median s to target",
    "all runs, s",
    "÷ ours",
    "s to first at target",
    "samples",
    "test accuracy, mean",
    "median run [Wilson 95 %]",
)
Run = dict[str, Any]


def seconds(run: Run) -> float:
    """Time to target; infinite where it was not reached."""
    return run["seconds"] if run["held"] else inf


def lasted(run: Run) -> float:
    """How long a run is known to have taken at least."""
    return run["seconds"] if run["held"] else run["gave_up_after"]


def median_run(runs: list[Run]) -> Run:
    """The run in the middle; the quicker one of two, so that it is a run that was measured."""
    ordered = sorted(runs, key=lambda run: (seconds(run), lasted(run)))
    return ordered[(len(ordered) - 1) // 2]


def median_at_least(runs: list[Run]) -> float:
    """A lower bound of the median: each run that was given up counts with the time it had."""
    return median_low(lasted(run) for run in runs)


def ratio(runs: list[Run], ours: list[Run]) -> tuple[float, bool] | None:
    """(how many times our median, whether that is only a lower bound); none where ours has no median."""
    if not ours or seconds(median_run(ours)) == inf:
        return None
    middle = seconds(median_run(runs))
    reached = middle < inf
    return (middle if reached else median_at_least(runs)) / seconds(median_run(ours)), not reached


def rows(benchmark: Benchmark, document: Document) -> list[tuple[str, ...]]:
    """One row for each contender that was measured or broke."""
    ours = document.runs.get("ours", [])
    made = []
    for contender in benchmark.contenders:
        if runs := document.runs.get(contender.name):
            made.append(_row(contender, runs, ours))
        elif contender.name in document.failed:
            made.append((contender.title, "0", "failed", *[""] * (len(HEAD) - 3)))
    return made


def _row(contender: Contender, runs: list[Run], ours: list[Run]) -> tuple[str, ...]:
    middle = median_run(runs)
    measured = [run for run in runs if run["test_correct"] is not None]
    first = median_low(run["first_at_target"] or inf for run in runs)
    return (
        contender.title,
        str(len(runs)),
        _shown(middle) if middle["held"] else f"> {median_at_least(runs):.1f}",
        ", ".join(_shown(run) for run in runs),
        _times(ratio(runs, ours)),
        f"{first:.1f}" if first < inf else "not reached",
        f"{middle['samples']:,}",
        _accuracy(measured),
        _interval(middle),
    )


def _shown(run: Run) -> str:
    return f"{run['seconds']:.1f}" if run["held"] else f"> {run['gave_up_after']:.1f}"


def _times(found: tuple[float, bool] | None) -> str:
    if found is None:
        return "—"
    times, at_least = found
    return f"> {times:.2f}" if at_least else f"{times:.2f}"


def _accuracy(runs: list[Run]) -> str:
    return f"{100 * mean(run['test_correct'] / run['test_n'] for run in runs):.1f} %" if runs else "not measured"


def _interval(run: Run) -> str:
    if run["test_correct"] is None:
        return "not measured"
    correct, n = run["test_correct"], run["test_n"]
    interval = wilson(correct, n)
    return f"{100 * correct / n:.1f} % [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def as_text(benchmark: Benchmark, document: Document) -> str:
    """Columns for a terminal."""
    table = [HEAD, *rows(benchmark, document)]
    widths = [max(len(row[column]) for row in table) for column in range(len(HEAD))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table)
