"""Speed, with the accuracy that goes with it: measured in a clean process, on this machine.

No torch here: this side starts the process and scores the answers it wrote.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from roadworthy.model_cards import InputError, Performance, PerformanceRecord, PrecisionAccuracy, evidence
from roadworthy.model_cards.agreement import agreement
from roadworthy.model_cards.certificate import SplitRecord
from roadworthy.model_cards.evidence import fingerprint_of
from roadworthy.model_cards.performance import REFERENCE_PRECISION
from roadworthy.model_cards.protocol import score
from roadworthy.model_cards.snapshot import CERTIFICATE, EVIDENCE

from . import clean_call
from .progress import Report, silent
from .speed_request import SPEED_MEASURED, SPEED_REQUEST, SpeedMeasured, SpeedRequest, answers_file

BATCH_SIZES = (1, 8, 32, 128)
PRECISIONS = (REFERENCE_PRECISION, "bfloat16")
SECONDS = 2.0  # for each cell


def bench(
    snapshot: Path | str,
    *,
    data: Path | str | None = None,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    precisions: Sequence[str] = PRECISIONS,
    device: str | None = None,
    seconds: float = SECONDS,
    options: Mapping[str, str | int] | None = None,
    report: Report = silent,
) -> PerformanceRecord:
    """Times a snapshot's model at each precision and batch size; with ``data``, measures its accuracy at each too.

    A cell takes about ``seconds``. Where memory does not suffice for a batch, its cell says so and the others
    are measured. Without ``data``, accuracy is not measured. ``options`` say which columns of a table to read.

    Raises:
        InputError: no snapshot, an unknown precision, or data that cannot be measured on.
        StorageError: the clean process died.

    Example:
        >>> from roadworthy.finetune import bench
        >>> record = bench("run/candidate", batch_sizes=(1, 4), precisions=("float32",), seconds=0.1)
        >>> [(latency.precision, latency.batch_size) for latency in record.performance.latencies]
        [('float32', 1), ('float32', 4)]
    """
    folder = Path(snapshot)
    if not folder.is_dir():
        raise InputError(f"no snapshot at {folder}. Expected a snapshot folder or a reference.")
    _check(batch_sizes, precisions)
    with tempfile.TemporaryDirectory(prefix="roadworthy-bench-") as aside:
        request = SpeedRequest(
            snapshot=str(folder.resolve()),
            data=str(Path(data).resolve()) if data is not None else None,
            out=aside,
            device=device,
            batch_sizes=tuple(batch_sizes),
            precisions=tuple(precisions),
            seconds=seconds,
            options=dict(options or {}),
        )
        asked = SPEED_REQUEST.dump_json(request).decode()
        measured = SPEED_MEASURED.validate_python(clean_call.call("speed_process", asked, Path(aside), report))
        return _record(folder, measured, Path(aside))


def _check(batch_sizes: Sequence[int], precisions: Sequence[str]) -> None:
    if not batch_sizes or min(batch_sizes) < 1 or not precisions:
        raise InputError(
            f"nothing to time with batch sizes {list(batch_sizes)} and precisions {list(precisions)}. "
            "Expected at least one of each, and batches of at least 1."
        )
    for given in (batch_sizes, precisions):
        if len(set(given)) != len(given):
            raise InputError(f"{', '.join(map(str, given))} names one of them twice. Expected each once.")


def _record(folder: Path, measured: SpeedMeasured, aside: Path) -> PerformanceRecord:
    first = evidence.load((folder / EVIDENCE).read_bytes()) if (folder / CERTIFICATE).is_file() else ()
    accuracies: list[PrecisionAccuracy] = []
    test = None
    for accuracy in measured.accuracies:
        path = aside / answers_file(accuracy.precision)
        if path.is_file():
            rows = evidence.load(path.read_bytes())
            test = SplitRecord(n=len(rows), fingerprint=fingerprint_of(rows))
            metric = score(measured.protocol, rows)
            accuracy = replace(accuracy, metric=metric, agreement=agreement(rows, first))
        accuracies.append(accuracy)
    performance = Performance(
        system=measured.system,
        protocol=measured.protocol,
        example=measured.example,
        latencies=measured.latencies,
        accuracies=tuple(accuracies),
        test=test,
        environment=measured.environment,
        measured_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    return PerformanceRecord(files=measured.files, performance=performance)
