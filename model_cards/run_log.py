"""What a run's log tells besides its clocks and its curve: the energy it drew, and what it chose by itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .clocks import Event, segments


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Joules over the run clock, and in words the counter that they were read off."""

    joules: float
    counter: str


def energy_of(events: Sequence[Event]) -> Energy | None:
    """The sum over the segments of a run, each from its ``run_start`` to its end.

    ``None``, that is "not measured", where a segment has no reading (it was killed, or nothing could be read), or
    where the segments were read off different counters: a part of the energy is not the energy.

    Raises:
        LookupError, TypeError, ValueError: an event lacks what its key promises.
    """
    readings = []
    for segment in segments(events):
        if any(event.key == "run_start" for event in segment):
            readings.append(next((event for event in reversed(segment) if event.key == "energy"), None))
    found = [reading for reading in readings if reading is not None and reading.value is not None]
    counters = {str(reading.metadata["counter"]) for reading in found}
    if not found or len(found) < len(readings) or len(counters) > 1:
        return None
    return Energy(joules=round(sum(float(reading.value) for reading in found), 3), counter=counters.pop())


def choices_of(events: Sequence[Event]) -> dict[str, Any]:
    """What the run measured and chose last; empty where it chose nothing.

    Raises:
        TypeError, ValueError: the choices are no object.
    """
    last = [event.value for event in events if event.key == "choices"][-1:]
    return dict(last[0]) if last else {}
