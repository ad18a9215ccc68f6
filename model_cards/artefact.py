"""An exported artefact: which files came from which weights, and how accurate they are as they are run.

An in-toto Statement v1 about every file of the export but the record itself, signed as a DSSE envelope and
kept beside them as ``verification.json``.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter
from securesystemslib.signer import Key

from . import evidence, statement
from .agreement import Agreement
from .certificate import Environment, SplitRecord
from .envelope import open_envelope
from .errors import CheckError, InputError
from .protocol import Metric, Protocol, score
from .snapshot import FileEntry, list_files
from .target import Target

PREDICATE_TYPE = "urn:roadworthy:artefact:v1"
RECORD = "verification.json"
EVIDENCE = "evidence.jsonl"

Format = Literal["onnx", "torch-export"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """The predicate. ``source`` are the weights and the certificate it was exported from; ``opened_by`` is
    what ran it when it was measured; ``agreement`` is with the certificate's evidence, where that is known."""

    format: Format
    opened_by: str
    source: tuple[FileEntry, ...]
    system: str
    protocol: Protocol
    metric: Metric
    target: Target
    test: SplitRecord
    agreement: Agreement | None
    environment: Environment
    measured_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtefactRecord:
    """What was measured, bound to the digests of the exported files."""

    files: tuple[FileEntry, ...]
    artefact: Artefact


def to_statement(record: ArtefactRecord) -> bytes:
    """The canonical bytes that are signed."""
    return statement.dump(record.files, PREDICATE_TYPE, dataclasses.asdict(record.artefact))


def from_statement(data: bytes) -> ArtefactRecord:
    """The record that signed bytes hold. ``from_statement(to_statement(r)) == r``.

    Raises:
        DamagedError: not canonical, another type, or a field missing, unknown or of the wrong type.
    """
    files, artefact = statement.parse(
        data, PREDICATE_TYPE, _ARTEFACT, "the export's record", "export again", dataclasses.asdict
    )
    return ArtefactRecord(files=files, artefact=artefact)


def check(folder: Path, keys: Sequence[Key]) -> ArtefactRecord:
    """The record of an export, if one of ``keys`` signed it for exactly these files and this evidence.

    Raises:
        InputError: no export in ``folder``.
        DamagedError: the record is not readable.
        CheckError: no such signature, a file that changed, or a metric that does not follow from the evidence.
    """
    path = folder / RECORD
    if not path.is_file():
        raise InputError(f"no {RECORD} in {folder}. Expected a folder that `roadworthy export` wrote.")
    record = from_statement(open_envelope(path.read_bytes(), keys, "the export's record").payload)
    found = {file for file in list_files(folder) if file.path != RECORD}
    if changed := sorted({file.path for file in found ^ set(record.files)}):
        raise CheckError(f"{', '.join(changed)} in {folder}: not as it was when it was measured. Export again.")
    try:
        metric = score(record.artefact.protocol, evidence.load((folder / EVIDENCE).read_bytes()))
    except (OSError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # Signed bytes that cannot be replayed are a no, whatever exactly is wrong with them.
        raise CheckError(
            f"the evidence of the export in {folder} cannot be replayed: {error}. Export again."
        ) from error
    if not _equal(metric, record.artefact.metric):
        raise CheckError(f"the export's record says {record.artefact.metric}; its evidence gives {metric}.")
    return record


def _equal(found: Metric, stated: Metric) -> bool:
    # The interval's ends may differ in their last bit between platforms; everything else is exact.
    close = math.isclose(found.low, stated.low, abs_tol=1e-9) and math.isclose(found.high, stated.high, abs_tol=1e-9)
    return close and replace(found, low=stated.low, high=stated.high) == stated


_ARTEFACT = TypeAdapter(Artefact)
