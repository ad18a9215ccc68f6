"""Energy and choices of a log, added up by hand."""

from collections.abc import Callable

import pytest

from roadworthy.model_cards.clocks import parse
from roadworthy.model_cards.run_log import Energy, choices_of, energy_of

Line = Callable[..., str]


def segment(line: Line, start: float, *events: str, ran: bool = True) -> str:
    """A process's part of the log."""
    return line(start, "init_start") + (line(start + 1, "run_start") if ran else "") + "".join(events)


def test_energy_is_the_sum_of_the_segments(line: Line) -> None:
    """100.5 J, then 20.25 J after going on; of one segment the last reading counts."""
    log = segment(line, 0, line(5, "energy", 90.0, counter="NVML"), line(6, "energy", 100.5, counter="NVML"))
    log += segment(line, 10, line(15, "energy", 20.25, counter="NVML"))
    assert energy_of(parse(log)) == Energy(joules=120.75, counter="NVML")


def test_a_process_that_died_before_the_data_drew_nothing_of_the_run(line: Line) -> None:
    """The run clock had not started."""
    log = segment(line, 0, ran=False) + segment(line, 10, line(15, "energy", 20.0, counter="RAPL"))
    assert energy_of(parse(log)) == Energy(joules=20.0, counter="RAPL")


@pytest.mark.parametrize("second", [[], [("energy", None, "none")], [("energy", 7.0, "RAPL")]])
def test_a_part_of_the_energy_is_not_the_energy(line: Line, second: list[tuple[str, float | None, str]]) -> None:
    """One segment was killed, had no counter, or was read off another one."""
    log = segment(line, 0, line(5, "energy", 90.0, counter="NVML"))
    log += segment(line, 10, *(line(15, key, value, counter=counter) for key, value, counter in second))
    assert energy_of(parse(log)) is None


def test_a_log_without_readings(line: Line) -> None:
    """Nothing was measured; nor was it of no log at all."""
    assert energy_of(parse(segment(line, 0))) is None
    assert energy_of(()) is None


def test_the_last_choices_count(line: Line) -> None:
    """What the probe found goes before what the run began with."""
    log = segment(line, 0, line(2, "choices", {"micro_batch": 8}), line(3, "choices", {"micro_batch": 32}))
    assert choices_of(parse(log)) == {"micro_batch": 32}
    assert choices_of(parse(segment(line, 0))) == {}
