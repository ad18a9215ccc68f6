"""Whether a log agrees with itself and with what its certificate says of its data: times, samples, epochs, pace."""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime

from .certificate import Data
from .clocks import Clocks, Event, segments

Check = tuple[str, list[str]]

_SET_BACK = 1.0  # seconds that a machine's clock may be corrected by during a run
_APART = 300.0  # seconds that the clocks of two machines may differ by
_ROUNDED = 0.002  # seconds: two figures, each rounded to a millisecond
# The stopwatch stands for a moment at each evaluation, and the log's times are whole milliseconds.
_SHARE, _SLACK = 0.9, 0.5


def consistency_checks(events: Sequence[Event], clocks: Clocks, data: Data, measured_at: str) -> Iterator[Check]:
    """Each check in words, and what speaks against it, with what was expected and found.

    Raises:
        LookupError, TypeError, ValueError: an event lacks what its key promises.
    """
    parts = [_whole(segment) for segment in segments(events)]
    yield "times and samples of the log run forward", [*_times(parts), *_samples(parts)]
    yield "evaluations lie within the run", list(_within(parts))
    yield "train_only ≤ run ≤ total", list(_order(clocks))
    yield "samples, epochs and parts of the data agree", list(_epochs(events, clocks, data))
    yield "train_only keeps pace with the evaluations", list(_pace(parts, clocks))
    yield "measured after the run ended", list(_after(events, measured_at))


def _whole(segment: Sequence[Event]) -> list[Event]:
    """The segment up to where its clock stops: what comes later is not on it."""
    stop = next((number for number, event in enumerate(segment) if event.key == "run_stop"), len(segment))
    return list(segment[: stop + 1])


def _times(parts: Sequence[Sequence[Event]]) -> Iterator[str]:
    for events in parts:
        latest = events[0].time
        for event in events:
            if event.time < latest - _SET_BACK:
                yield (
                    f"the log's {event.key} comes {latest - event.time:.3f} s before an event that precedes it: "
                    "expected times that run forward"
                )
                return
            latest = max(latest, event.time)


def _samples(parts: Sequence[Sequence[Event]]) -> Iterator[str]:
    for events in parts:
        before = 0
        for event in events:
            samples = event.metadata.get("samples_count", before)
            if samples < before:
                yield (
                    f"the log's {event.key} has {samples:,} samples after {before:,}: expected at least as many as "
                    "before"
                )
                return
            before = samples


def _within(parts: Sequence[Sequence[Event]]) -> Iterator[str]:
    for events in parts:
        started = next((event.time for event in events if event.key == "run_start"), math.inf)
        if any(event.key == "eval_accuracy" and event.time < started for event in events):
            yield "the log has an evaluation before its run_start: expected each between run_start and run_stop"


def _order(clocks: Clocks) -> Iterator[str]:
    if not 0 <= clocks.train_only <= clocks.run + _ROUNDED + 0.001 * clocks.run:
        yield f"train_only is {clocks.train_only} s: expected 0 or more, and no more than run, {clocks.run} s"
    if not 0 <= clocks.run <= clocks.total + _ROUNDED:
        yield f"run is {clocks.run} s: expected 0 or more, and no more than total, {clocks.total} s"


def _epochs(events: Sequence[Event], clocks: Clocks, data: Data) -> Iterator[str]:
    for key, part in (("train_samples", data.train), ("eval_samples", data.validation)):
        logged = {event.value for event in events if event.key == key}
        if part is not None and logged and logged != {part.n}:
            found = ", ".join(map(str, sorted(logged)))
            yield f"the log's {key} is {found}: expected {part.n:,}, as in the certificate"
    if data.train is not None:
        expected = clocks.samples / data.train.n
        if not math.isclose(clocks.epochs, expected, rel_tol=1e-6, abs_tol=1e-4):
            yield (
                f"{clocks.samples:,} samples are {clocks.epochs} epochs: expected {expected:.4f} of "
                f"{data.train.n:,} training examples"
            )


def _pace(parts: Sequence[Sequence[Event]], clocks: Clocks) -> Iterator[str]:
    """From one evaluation to the start of the next a run does little else than take steps."""
    if len(parts) != 1:
        return  # what a killed process trained after its last checkpoint is on no stopwatch
    taken = sum(_stretches(parts[0]))
    if clocks.train_only < _SHARE * taken - _SLACK:
        yield (
            f"train_only is {clocks.train_only} s ({clocks.samples / max(clocks.train_only, 0.001):,.0f} samples/s): "
            f"expected about the {taken:.3f} s that the log has between its evaluations"
        )


def _stretches(events: Sequence[Event]) -> Iterator[float]:
    """Seconds of steps that end with an evaluation, each since the last thing before it that was not a step."""
    began: Event | None = None
    for number, event in enumerate(events):
        if event.key in ("eval_accuracy", "checkpoint"):
            began = event
        elif event.key == "eval_start":
            trained = began is not None and event.metadata["samples_count"] > began.metadata["samples_count"]
            if began is not None and trained and not _of_head(events[number:]):
                yield event.time - began.time
            began = None
        elif event.key != "cache":  # a probe, a choice, something else that took time
            began = None


def _of_head(events: Sequence[Event]) -> bool:
    """Whether the evaluation that begins here looks at a fitted head, which no step of the optimizer made."""
    found = next((event for event in events if event.key == "eval_accuracy"), None)
    return found is None or found.metadata.get("stage") == "head"


def _after(events: Sequence[Event], measured_at: str) -> Iterator[str]:
    if not events:
        return
    last = max(event.time for event in events)
    measured = datetime.fromisoformat(measured_at)
    if measured.timestamp() + 1 < last - _APART:
        ended = datetime.fromtimestamp(last, measured.tzinfo)
        yield f"it was measured at {measured_at}: expected later than the log's last event, {ended:%Y-%m-%dT%H:%M:%SZ}"
