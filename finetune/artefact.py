"""Export: a snapshot becomes an ONNX file or a torch.export program, and that file is measured before it is kept.

No torch here: this side starts one clean process that writes the artefact and another that runs it, scores
its answers, and signs what was found.
"""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

from securesystemslib.signer import CryptoSigner

from roadworthy.model_cards import (
    Artefact,
    ArtefactRecord,
    CheckError,
    InputError,
    Protocol,
    StorageError,
    Target,
    evidence,
)
from roadworthy.model_cards.agreement import agreement
from roadworthy.model_cards.artefact import EVIDENCE as EXPORTED_EVIDENCE
from roadworthy.model_cards.artefact import RECORD, Format, to_statement
from roadworthy.model_cards.certificate import Certificate, SplitRecord, from_statement
from roadworthy.model_cards.envelope import payload_of, seal
from roadworthy.model_cards.evidence import fingerprint_of
from roadworthy.model_cards.protocol import score
from roadworthy.model_cards.snapshot import CERTIFICATE, EVIDENCE, FileEntry, list_files

from . import clean_call
from .export_request import (
    ARTEFACT_MEASURED,
    ARTEFACT_REQUEST,
    EXPORT_REQUEST,
    WRITTEN,
    ArtefactMeasured,
    ArtefactRequest,
    ExportRequest,
)
from .progress import Report, silent

_NEEDED = ("onnx", "onnxruntime", "onnxscript")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The folder that came to be, and what its ``verification.json`` says."""

    folder: Path
    record: ArtefactRecord


def export(
    snapshot: Path | str,
    *,
    to: Format,
    out: Path | str,
    data: Path | str,
    signer: CryptoSigner,
    target: Target | str | None = None,
    options: Mapping[str, str | int] | None = None,
    report: Report = silent,
) -> Exported:
    """Exports a snapshot's model and measures the exported file on the test part of ``data`` in a clean process.

    ``out`` receives the artefact, its config, its evidence and the signed ``verification.json``; all of them or,
    where the target is missed, nothing. The target is the certificate's unless one is given; ``options`` say which
    columns of a table to read.

    Raises:
        CheckError: the exported model misses the target, or cannot be exported.
        InputError: no snapshot or target, ``out`` is taken, a missing package, or data that cannot be measured on.
        StorageError: ``out`` cannot be written, or a clean process died.

    Example:
        >>> from roadworthy.finetune import export
        >>> from roadworthy.registry import signing_key
        >>> exported = export("run/candidate", to="torch-export", out="pt2", data="photos", signer=signing_key())
        >>> exported.record.artefact.metric.n
        30
    """
    folder, place = Path(snapshot), Path(out).resolve()
    _check_request(folder, to, place)
    certificate = _certificate(folder)
    goal = _goal(target, certificate)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        # Beside ``out``, so that what is done is moved there in one step.
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}-") as aside:
            made = Path(aside) / "made"
            made.mkdir()
            record = _make(folder, made, Path(aside), to, Path(data), goal, certificate, dict(options or {}), report)
            (made / RECORD).write_bytes(seal(to_statement(record), signer))
            made.rename(place)
    except OSError as error:
        raise StorageError(f"cannot write the export to {place}: {error.strerror}. Choose another --out.") from error
    return Exported(folder=place, record=record)


def _check_request(folder: Path, to: str, place: Path) -> None:
    if not folder.is_dir():
        raise InputError(f"no snapshot at {folder}. Expected a snapshot folder or a reference.")
    if to not in get_args(Format):
        raise InputError(f"format {to!r} is not known. Expected one of: {', '.join(get_args(Format))}.")
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if to == "onnx" and missing:
        raise InputError(
            f"an ONNX export needs {', '.join(missing)}, not installed. Run: pip install 'roadworthy[export]'"
        )
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise InputError(f"{place} is not an empty folder; nothing in it was touched. Choose a new --out.")


def _certificate(folder: Path) -> Certificate | None:
    path = folder / CERTIFICATE
    return from_statement(payload_of(path.read_bytes())) if path.is_file() else None


def _goal(target: Target | str | None, certificate: Certificate | None) -> Target:
    goal = Target.parse(target) if isinstance(target, str) else target
    if certificate is not None:
        claim = certificate.claim
        _check_metric(goal or claim.target, claim.protocol)
        return goal or claim.target
    if goal is None:
        raise InputError("no target to verify the export against. State one, for example --target 'top1>=0.9'.")
    return goal


def _check_metric(goal: Target, protocol: Protocol) -> None:
    if protocol.metric != goal.metric:
        raise InputError(f"the target is on {goal.metric!r}; protocol {protocol.name} gives {protocol.metric!r}.")


def _make(
    folder: Path,
    made: Path,
    aside: Path,
    to: Format,
    data: Path,
    goal: Target,
    certificate: Certificate | None,
    options: dict[str, str | int],
    report: Report,
) -> ArtefactRecord:
    """Fills ``made`` with everything but the signed record, which is returned unsigned."""
    writing, measuring = aside / "writing", aside / "measuring"
    writing.mkdir()
    measuring.mkdir()
    wish = ExportRequest(snapshot=str(folder.resolve()), format=to, folder=str(made), out=str(writing))
    asked = EXPORT_REQUEST.dump_json(wish).decode()
    source = WRITTEN.validate_python(clean_call.call("export_process", asked, writing, report)).source
    question = ArtefactRequest(
        folder=str(made), format=to, data=str(data.resolve()), out=str(measuring), options=options
    )
    asked = ARTEFACT_REQUEST.dump_json(question).decode()
    measured = ARTEFACT_MEASURED.validate_python(clean_call.call("artefact_process", asked, measuring, report))
    if list_files(made) != measured.files:
        raise CheckError("the exported files changed while they were being measured. Nothing was kept; export again.")
    shutil.copyfile(measuring / "test.jsonl", made / EXPORTED_EVIDENCE)
    first = evidence.load((folder / EVIDENCE).read_bytes()) if certificate else ()
    artefact = _artefact(measured, source, (made / EXPORTED_EVIDENCE).read_bytes(), to, goal, first)
    if not goal.met_by(artefact.metric.value):
        raise CheckError(
            f"target missed by the exported model: {artefact.metric.name} {artefact.metric.value:.4f}, expected "
            f"{goal}, n = {artefact.metric.n}. Nothing was kept."
        )
    return ArtefactRecord(files=list_files(made), artefact=artefact)


def _artefact(
    measured: ArtefactMeasured,
    source: tuple[FileEntry, ...],
    proof: bytes,
    to: Format,
    goal: Target,
    first: tuple[evidence.Row, ...],
) -> Artefact:
    rows = evidence.load(proof)
    _check_metric(goal, measured.protocol)
    return Artefact(
        format=to,
        opened_by=measured.opened_by,
        source=source,
        system=measured.system,
        protocol=measured.protocol,
        metric=score(measured.protocol, rows),
        target=goal,
        test=SplitRecord(n=len(rows), fingerprint=fingerprint_of(rows)),
        agreement=agreement(rows, first),
        environment=measured.environment,
        measured_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
