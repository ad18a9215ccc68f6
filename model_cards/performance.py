"""A performance record: how fast a version answers on one machine, with its accuracy at each precision.

An in-toto Statement v1 about the version's weights and its certificate, signed as a DSSE envelope
(``envelope``). A version never changes, so records lie beside it.
"""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from . import statement
from .agreement import Agreement
from .certificate import Environment, SplitRecord
from .latency import Latency
from .protocol import Metric, Protocol
from .snapshot import CERTIFICATE, FileEntry
from .target import Relation

PREDICATE_TYPE = "urn:roadworthy:performance:v1"
REFERENCE_PRECISION = "float32"

# MLPerf Inference (inference_rules.adoc, mlcommons/inference_policies): a model counts where it keeps at least
# 99 % of the float32 reference's accuracy, under the stricter constraint 99.9 %.
Band = Literal["99.9 %", "99 %", "neither"]
_BANDS: tuple[tuple[Band, float], ...] = (("99.9 %", 0.999), ("99 %", 0.99))


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionAccuracy:
    """Accuracy at one precision. ``method`` says how the model was brought to it.

    ``metric`` is ``None`` where no data was given; ``agreement`` is with the certificate's evidence, ``None``
    where there is none or where it is on other examples.
    """

    precision: str
    method: str
    metric: Metric | None = None
    agreement: Agreement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """The predicate. ``example`` is one input's shape in words; ``test`` is the data that accuracy is on."""

    system: str
    protocol: Protocol
    example: str
    latencies: tuple[Latency, ...]
    accuracies: tuple[PrecisionAccuracy, ...]
    test: SplitRecord | None
    environment: Environment
    measured_at: str

    def band(self, precision: str) -> Band | None:
        """How much of the float32 accuracy of this record ``precision`` keeps; ``None`` is "not measured"."""
        metrics = {accuracy.precision: accuracy.metric for accuracy in self.accuracies}
        found, reference = metrics.get(precision), metrics.get(REFERENCE_PRECISION)
        if found is None or reference is None:
            return None
        return band(found.value, reference.value, self.protocol.relation)


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceRecord:
    """A performance bound to the digests of the files it was measured from."""

    files: tuple[FileEntry, ...]
    performance: Performance


def band(value: float, reference: float, relation: Relation) -> Band:
    """The strictest MLPerf Inference band that ``value`` is in, seen from the float32 ``reference``.

    Where less is better, at most ``reference / 0.999`` (``/ 0.99``) is.
    """
    for name, share in _BANDS:
        if value >= share * reference if relation == ">=" else value * share <= reference:
            return name
    return "neither"


def subjects_of(files: Iterable[FileEntry]) -> tuple[FileEntry, ...]:
    """The files of a snapshot that a record speaks of: the weights, and the certificate, which binds the rest."""
    return tuple(file for file in files if file.path == CERTIFICATE or file.path.endswith(".safetensors"))


def to_statement(record: PerformanceRecord) -> bytes:
    """The canonical bytes that are signed."""
    return statement.dump(record.files, PREDICATE_TYPE, dataclasses.asdict(record.performance))


def from_statement(data: bytes) -> PerformanceRecord:
    """The record that signed bytes hold. ``from_statement(to_statement(r)) == r``.

    Raises:
        DamagedError: not canonical, another type, or a field missing, unknown or of the wrong type.
    """
    files, performance = statement.parse(
        data, PREDICATE_TYPE, _PERFORMANCE, "the performance record", "measure again", dataclasses.asdict
    )
    return PerformanceRecord(files=files, performance=performance)


_PERFORMANCE = TypeAdapter(Performance)
