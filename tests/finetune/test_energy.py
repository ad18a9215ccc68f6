"""Energy: a folder made like sysfs, a stand-in for NVML, and figures by hand."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from roadworthy.finetune import meter as metering
from roadworthy.finetune.energy import NvmlCounter, counter_for, rapl_counter, spent
from roadworthy.finetune.event_log import EventLog
from roadworthy.finetune.meter import Meter
from roadworthy.model_cards.clocks import parse


def zone(root: Path, name: str, says: str, energy: int, full: int = 1000) -> Path:
    """A zone as Linux shows it."""
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{says}\n")
    (folder / "energy_uj").write_text(f"{energy}\n")
    (folder / "max_energy_range_uj").write_text(f"{full}\n")
    return folder


def test_only_whole_packages_are_read(tmp_path: Path) -> None:
    """A package's parts are in it, and the board's zone holds the packages: counted twice otherwise."""
    zone(tmp_path, "intel-rapl:0", "package-0", 500)
    zone(tmp_path, "intel-rapl:0:0", "core", 300)
    zone(tmp_path, "intel-rapl:1", "package-1", 70, full=2000)
    zone(tmp_path, "intel-rapl:2", "psys", 900)
    zone(tmp_path, "intel-rapl-mmio:0", "package-0", 500)
    counter = rapl_counter(tmp_path)
    assert counter is not None
    assert counter.read() == (500, 70)
    assert counter.ranges == (1000, 2000)


def test_counters_that_may_not_be_read_are_none(tmp_path: Path) -> None:
    """Linux lets only root read them; here a folder that no one can read as a file stands for that."""
    folder = zone(tmp_path, "intel-rapl:0", "package-0", 500)
    (folder / "energy_uj").unlink()
    (folder / "energy_uj").mkdir()
    assert rapl_counter(tmp_path) is None


def test_a_machine_without_counters(tmp_path: Path) -> None:
    """No such folder, or nothing in it."""
    assert rapl_counter(tmp_path / "nowhere") is None
    assert rapl_counter(tmp_path) is None


@pytest.mark.parametrize(
    ("before", "now", "full", "expected"),
    [(100, 350, 1000, 250), (900, 50, 1000, 150), (100, 100, 1000, 0), (5, 7, None, 2), (7, 5, None, -2)],
)
def test_what_was_spent(before: int, now: int, full: int | None, expected: int) -> None:
    """From 900 to 1000 and on to 50 is 150."""
    assert spent(before, now, full) == expected


class _Refused(Exception):
    """What NVML raises."""


@dataclass
class _Library:
    """NVML's one call, in millijoules."""

    energy: dict[str, int]
    NVMLError = _Refused

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:
        if handle not in self.energy:
            raise self.NVMLError("Not Supported")
        return self.energy[handle]


def test_nvml_counts_millijoules() -> None:
    """Two boards; one that does not count is an OSError."""
    assert NvmlCounter(_Library({"a": 5, "b": 7}), ("a", "b")).read() == (5000, 7000)
    with pytest.raises(OSError, match="NVML: Not Supported"):
        NvmlCounter(_Library({"a": 5}), ("a", "b")).read()


def test_a_run_on_several_machines_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight processes, four of them here: the other machine's counters are out of reach."""
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert counter_for(torch.device("cpu"), 8) is None


@dataclass
class _Counter:
    """Gives its readings one by one; a text is a failure."""

    readings: list[tuple[int, ...] | str]
    ranges: Sequence[int | None] = (1000,)
    name: str = "a test's counter"
    read_often: threading.Event = field(default_factory=threading.Event)

    def read(self) -> tuple[int, ...]:
        reading = self.readings.pop(0)
        if len(self.readings) <= 1:
            self.read_often.set()
        if isinstance(reading, str):
            raise OSError(reading)
        return reading


def logged(path: Path) -> tuple[Any, str]:
    """The log's one event on energy."""
    (event,) = [event for event in parse(path.read_text()) if event.key == "energy"]
    return event.value, event.metadata["counter"]


def test_a_meter_notices_each_wrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """900, 100, 800, 50, 60 of 1000: 200 + 700 + 250 + 10 microjoules; after the stop nothing is added."""
    monkeypatch.setattr(metering, "_EVERY", 0.001)
    counter = _Counter([(900,), (100,), (800,), (50,), (60,), (999,)])
    with EventLog(tmp_path / "log") as log, Meter(log, counter) as meter:
        meter.start()
        assert counter.read_often.wait(5)
        meter.stop()
        meter.stop()
    value, name = logged(tmp_path / "log")
    assert name == "a test's counter"
    read = 6 - len(counter.readings)
    assert value == pytest.approx({5: 1160e-6, 6: (1160 + 939) * 1e-6}[read])


@pytest.mark.parametrize("readings", [["gone"], [(5,), "gone"]])
def test_a_counter_that_fails_is_not_measured(tmp_path: Path, readings: list[tuple[int, ...] | str]) -> None:
    """At the start, or later: a part of the energy is not the energy."""
    with EventLog(tmp_path / "log") as log, Meter(log, _Counter(readings)) as meter:
        meter.start()
    assert logged(tmp_path / "log") == (None, "none")


def test_a_counter_that_went_back_is_not_measured(tmp_path: Path) -> None:
    """A driver that was loaded anew counts from 0; it has no range to wrap at."""
    with EventLog(tmp_path / "log") as log, Meter(log, _Counter([(500,), (20,)], ranges=(None,))) as meter:
        meter.start()
    assert logged(tmp_path / "log") == (None, "none")


def test_a_run_that_fails_leaves_its_energy(tmp_path: Path) -> None:
    """It was drawn all the same."""

    def run() -> None:
        counter = _Counter([(0,), (500_000,)], ranges=(None,))
        with EventLog(tmp_path / "log") as log, Meter(log, counter) as meter:
            meter.start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run()
    assert logged(tmp_path / "log") == (0.5, "a test's counter")
