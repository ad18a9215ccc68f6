"""A run: one training attempt in one folder.

run.json           the run's specification, written before the data is touched, never changed
seen.bin           content digests of what was trained or stopped on
data.json          what the data turned out to be: counts, fingerprints, groups that were trained on
events.log         MLLOG lines: the clocks and the curve
checkpoint.pt      where it stands; replaced as a whole
tables-*           the rows of each process, where they share tables; the checkpoint says whose
validation.jsonl   the last answers on validation, a row of evidence each; names.json says where to find the examples
held-out.npz       what a fitted head says of labels that it had not seen; for the report, never published
cache/             decoded images, tokenised texts
candidate/         the snapshot that will be verified and published
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from roadworthy.model_cards import InputError, Metric, Row, Target, evidence
from roadworthy.model_cards.certificate import Data, Environment, Start

from .document import read_document, write_bytes, write_document
from .seen import Seen

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
    """What the data turned out to be, the groups (digests) that were trained on, the last validation metric."""

    data: Data
    validation: Metric | None
    seen_groups: tuple[str, ...] = ()


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
    def seen_file(self) -> Path:
        return self.root / "seen.bin"

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
        write_document(self.spec_file, dataclasses.asdict(spec))

    def write_answers(self, rows: Sequence[Row], names: Mapping[str, str]) -> None:
        """The last answers on validation, and where each example is found, by its id: for the run's own report."""
        write_document(self.names_file, dict(names))
        write_bytes(self.validation, evidence.dump(rows))

    def write_data(self, data: RunData) -> None:
        """Marks the run as finished."""
        write_document(self.data_file, dataclasses.asdict(data))

    def read_spec(self) -> RunSpec:
        """Raises InputError where the file is missing or was edited into something else."""
        return read_document(self.spec_file, _SPEC, missing=self._missing(self.spec_file))

    def read_data(self) -> RunData:
        """Raises InputError where the run is not finished."""
        return read_document(self.data_file, _DATA, missing=self._missing(self.data_file))

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

    def read_seen(self) -> Seen:
        """Raises InputError where the run is not finished."""
        return Seen(self.seen_file)

    def _missing(self, path: Path) -> str:
        return f"{self.root} is not a finished run: {path.name} is missing. Run the same finetune command again."
