"""A run: one training attempt in one folder.

run.json           the run's specification, written before the data is touched, never changed
data.json          what the data turned out to be: counts, fingerprints, ids of what was trained on
events.log         MLLOG lines: the clocks and the curve
checkpoint.pt      where it stands; replaced as a whole
validation.jsonl   the last answers on validation, a row of evidence each; names.json says where to find the examples
held-out.npz       what a fitted head says of labels that it had not seen; for the report, never published
cache/             decoded images, tokenised texts
candidate/         the snapshot that will be verified and published
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from roadworthy.model_cards import InputError, Metric, Row, StorageError, Target, evidence
from roadworthy.model_cards.certificate import Data, Environment, Start

HELD_OUT = "held-out.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """Everything that is decided before a run touches its data. ``named``: the start as it was called."""

    start: Start
    start_folder: str | None
    start_certificate_sha256: str | None
    task: str
    architecture: str
    system: str
    named: str
    data: str
    options: dict[str, str | int]
    leave_out_leaked: bool
    target: Target | None
    seed: int
    replayed_seed: bool
    device: str
    processes: int
    recipe: dict[str, Any]
    environment: Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class RunData:
    """What the data turned out to be, the ids that were trained or stopped on, the last validation metric."""

    data: Data
    seen: tuple[str, ...]
    validation: Metric | None


_T = TypeVar("_T")
_SPEC = TypeAdapter(RunSpec)
_DATA = TypeAdapter(RunData)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of a run, by name."""

    root: Path

    @property
    def spec_file(self) -> Path:
        return self.root / "run.json"

    @property
    def data_file(self) -> Path:
        return self.root / "data.json"

    @property
    def events(self) -> Path:
        return self.root / "events.log"

    @property
    def checkpoint(self) -> Path:
        return self.root / "checkpoint.pt"

    @property
    def validation(self) -> Path:
        return self.root / "validation.jsonl"

    @property
    def names_file(self) -> Path:
        return self.root / "names.json"

    @property
    def held_out(self) -> Path:
        return self.root / HELD_OUT

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def candidate(self) -> Path:
        return self.root / "candidate"

    @property
    def is_run(self) -> bool:
        """Whether a run was begun here."""
        return self.spec_file.is_file()

    @property
    def is_finished(self) -> bool:
        """Whether the candidate is complete; its data file is written last."""
        return self.data_file.is_file()

    def write_spec(self, spec: RunSpec) -> None:
        """Raises StorageError where the folder cannot be written."""
        self._write(self.spec_file, _json(dataclasses.asdict(spec)))

    def write_answers(self, rows: Sequence[Row], names: Mapping[str, str]) -> None:
        """The last answers on validation, and where each example is found, by its id: for the run's own report."""
        self._write(self.names_file, _json(dict(names)))
        self._write(self.validation, evidence.dump(rows))

    def write_data(self, data: RunData) -> None:
        """Marks the run as finished."""
        self._write(self.data_file, _json(dataclasses.asdict(data)))

    def read_spec(self) -> RunSpec:
        """Raises InputError where the file is missing or was edited into something else."""
        return self._read(self.spec_file, _SPEC)

    def read_data(self) -> RunData:
        """Raises InputError where the run is not finished."""
        return self._read(self.data_file, _DATA)

    def check_empty(self) -> None:
        """Raises InputError where the folder holds something that is no run."""
        if self.root.is_dir() and any(self.root.iterdir()):
            raise InputError(
                f"{self.root} is not empty and is not a run. Expected a new folder or an earlier run. "
                "Choose another --out."
            )

    def forget_failed_start(self) -> None:
        """An attempt that ended at the data, before anything could be trained, is no segment of this run."""
        if self.events.is_file() and "train_samples" not in self.events.read_text(encoding="utf-8"):
            self.events.unlink()

    def _write(self, path: Path, content: bytes) -> None:
        aside = path.with_suffix(".tmp")
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(content)
            aside.replace(path)
        except OSError as error:
            raise StorageError(
                f"cannot write {path}: {error.strerror}. Expected a folder that can be written; choose another --out."
            ) from error

    def _read(self, path: Path, form: "TypeAdapter[_T]") -> _T:
        try:
            return form.validate_json(path.read_bytes())
        except FileNotFoundError:
            raise InputError(
                f"{self.root} is not a finished run: {path.name} is missing. Run the same finetune command again."
            ) from None
        except ValidationError as error:
            place = ".".join(map(str, error.errors()[0]["loc"]))
            raise InputError(f"{path} was edited: {place}: {error.errors()[0]['msg']}. Start a new run.") from error


def _json(document: Any) -> bytes:
    return json.dumps(document, indent=2).encode()
