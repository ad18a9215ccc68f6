"""A series: several attempts at one target, each a run of its own, in one folder.

plan.json               what every attempt is to do and how many there are; written before the first, never changed
attempt-1/              a run (see run_folder.py); so are attempt-2/ and the others
attempt-1-failed.json   why an attempt ended without an answer, where it did
series.json             all attempts and what is told of them together; written last
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from roadworthy.model_cards import InputError, Series

from .attempt_request import PLAN, Plan
from .document import read_document, write_document
from .run_folder import RunFolder
from .training_record import series_told_by

_SERIES = TypeAdapter(Series)
_WHY = TypeAdapter(dict[str, str])


@dataclass(frozen=True, slots=True)
class SeriesFolder:
    """The files of a series, by name."""

    root: Path

    @property
    def plan_file(self) -> Path:
        return self.root / "plan.json"

    @property
    def series_file(self) -> Path:
        return self.root / "series.json"

    @property
    def is_series(self) -> bool:
        """Whether a series was begun here."""
        return self.plan_file.is_file()

    @property
    def is_finished(self) -> bool:
        """Whether every attempt has ended."""
        return self.series_file.is_file()

    def attempt(self, number: int) -> RunFolder:
        """The run of an attempt; ``number`` counts from 1."""
        return RunFolder(self.root / f"attempt-{number}")

    def failure(self, number: int) -> str | None:
        """Why an attempt ended without an answer; ``None`` where it did not."""
        path = self._failure_file(number)
        return read_document(path, _WHY, missing="")["why"] if path.is_file() else None

    def write_failure(self, number: int, why: str) -> None:
        """Notes that an attempt ended without an answer, so that it is never repeated silently."""
        write_document(self._failure_file(number), {"why": why})

    def write_plan(self, plan: Plan) -> None:
        """Raises StorageError where the folder cannot be written."""
        write_document(self.plan_file, dataclasses.asdict(plan))

    def read_plan(self) -> Plan:
        """Raises InputError where the file is missing or was edited into something else."""
        return read_document(self.plan_file, PLAN, missing=f"{self.root} is no series: plan.json is missing.")

    def told(self) -> Series:
        """The series as the logs of all attempts tell it."""
        runs = self.read_plan().runs
        return series_told_by([self.attempt(number).events for number in range(1, runs + 1)])

    def write_series(self, series: Series) -> None:
        """Marks the series as finished."""
        write_document(self.series_file, dataclasses.asdict(series))

    def read_series(self) -> Series:
        """The finished series.

        Raises:
            InputError: it is not finished, or its file does not say what the logs say.
        """
        missing = f"{self.root} is not a finished series: series.json is missing. Run the same command again."
        series = read_document(self.series_file, _SERIES, missing=missing)
        if series != self.told():
            raise InputError(
                f"{self.series_file} does not say what the logs of its attempts say: one of them was edited. "
                "Start a new series."
            )
        return series

    def shipped(self) -> RunFolder:
        """The run of the attempt that is shipped: the one nearest the median.

        Raises:
            InputError: the series is not finished, or no attempt left a candidate to ship.
        """
        number = self.read_series().shipped
        if (why := self.failure(number)) is not None:
            raise InputError(
                f"no attempt of the series in {self.root} reached its target, and attempt {number} ended without a "
                f"candidate ({why}). Expected a candidate to measure; start a new series."
            )
        return self.attempt(number)

    def _failure_file(self, number: int) -> Path:
        return self.root / f"attempt-{number}-failed.json"


def check_not_one_of_many(run: RunFolder) -> None:
    """Refuses to single out an attempt of a series.

    Raises:
        InputError: the run is one.
    """
    series = SeriesFolder(run.root.absolute().parent)
    if run.is_run and series.is_series and run.root.name.startswith("attempt-"):
        raise InputError(
            f"{run.root} is one attempt of a series; picked by hand it might be the luckiest. Expected the series, "
            f"whose attempt nearest the median is measured: {series.root}."
        )


def packaged_in(folder: Path) -> Path:
    """The snapshot that a run or a series offers; any other folder is taken as a snapshot itself.

    Raises:
        InputError: a series that is not finished.
    """
    series = SeriesFolder(folder)
    run = series.shipped() if series.is_series else RunFolder(folder)
    return run.candidate if run.is_run else folder
