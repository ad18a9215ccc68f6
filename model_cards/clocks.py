"""The three clocks and the curve, read off an event log in MLLOG format.

The same function serves the run that writes its certificate and the reader who audits it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .errors import DamagedError

PREFIX = ":::MLLOG "
# Evaluations of the training part by folds, as a look at its labels makes them, are on no curve.
NOT_VALIDATION = ("out-of-fold",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """Time-to-solution in seconds, and what shortened it.

    ``run``: first touch of the data until the target was met and held, evaluations included.
    ``total``: process start until then: what a user waits. ``train_only``: the optimizer's steps alone.
    """

    run: float
    total: float
    train_only: float
    samples: int
    epochs: float
    target_met: bool
    resumed: bool
    replayed_seed: bool
    cache: Literal["cold", "warm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the log. ``time`` is in seconds since the Unix epoch."""

    time: float
    kind: str
    key: str
    value: Any
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One evaluation: seconds on the run clock, samples seen, the metric."""

    seconds: float
    samples: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Road:
    """What a log tells: its clocks (``None`` until something was trained), the curve, and the seed if it names one."""

    clocks: Clocks | None
    curve: tuple[Point, ...]
    seed: int | None = None


def parse(text: str) -> tuple[Event, ...]:
    """The events of a log; lines of other programs are passed over.

    Raises:
        DamagedError: an MLLOG line that cannot be read.
    """
    return tuple(_events(text))


def _events(text: str) -> Iterator[Event]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.startswith(PREFIX):
            continue
        try:
            fields = json.loads(line.removeprefix(PREFIX))
            if not isinstance(fields["metadata"], dict):
                raise TypeError("its metadata is not an object")
            yield Event(
                time=fields["time_ms"] / 1000,
                kind=fields["event_type"],
                key=fields["key"],
                value=fields["value"],
                metadata=fields["metadata"],
            )
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise DamagedError(f"line {number} of the event log cannot be read ({error}).") from error


def read(events: tuple[Event, ...]) -> Road:
    """Adds up the segments of a run.

    A run that was killed has several segments, each beginning with ``init_start``. Each counts from its
    own start to the last thing it recorded, work that was lost with it included; the sum is marked as
    resumed, because the pause between the segments is not in it.

    Raises:
        LookupError, TypeError, ValueError, ArithmeticError: an event lacks what its key promises.
    """
    parts = segments(events)
    curve: list[Point] = []
    run = total = train_only = 0.0
    samples, epochs, met, cache, trained = 0, 0.0, False, "cold", False
    seed, replayed = None, False
    for segment in parts:
        started = _first(segment, "run_start")
        process = float(segment[0].metadata.get("process_started", segment[0].time))
        if started is None:  # killed before it touched the data, but waited for all the same
            total += segment[-1].time - process
            continue
        reached = started.time
        measured: list[Point] = []
        for event in segment:
            if event.key == "seed":
                seed, replayed = event.value, bool(event.metadata.get("replayed", False))
            if event.key == "cache":
                cache = str(event.value)
            reached = max(reached, event.time)
            if event.key == "eval_accuracy" and event.metadata.get("look") not in NOT_VALIDATION:
                at = run + event.time - started.time
                measured.append(Point(seconds=at, samples=event.metadata["samples_count"], value=event.value))
            if event.key in ("checkpoint", "run_stop"):
                trained = True
                train_only = float(event.metadata["train_seconds"])
                samples, epochs = int(event.metadata["samples_count"]), float(event.metadata["epoch_num"])
            if event.key == "run_stop":
                met = event.metadata["status"] == "success"
                break
        run += reached - started.time
        total += reached - process
        # What the segment before measured after its last checkpoint, this one measured again.
        if measured:
            curve = [point for point in curve if point.samples < measured[0].samples] + measured
    if not trained:
        return Road(clocks=None, curve=tuple(curve), seed=seed)
    clocks = Clocks(
        run=round(run, 3),
        total=round(total, 3),
        train_only=round(train_only, 3),
        samples=samples,
        epochs=round(epochs, 4),
        target_met=met,
        resumed=len(parts) > 1,
        replayed_seed=replayed,
        cache="warm" if cache == "warm" else "cold",
    )
    return Road(clocks=clocks, curve=tuple(curve), seed=seed)


def segments(events: Sequence[Event]) -> list[list[Event]]:
    """The events by process: each segment begins with ``init_start``; what comes before the first is left out."""
    found: list[list[Event]] = []
    for event in events:
        if event.key == "init_start":
            found.append([])
        if found:
            found[-1].append(event)
    return found


def _first(events: list[Event], key: str) -> Event | None:
    return next((event for event in events if event.key == key), None)
