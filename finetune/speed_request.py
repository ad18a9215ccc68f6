"""What goes into the clean process that measures speed and what comes out: the seam, free of torch."""

from dataclasses import dataclass

from pydantic import TypeAdapter

from roadworthy.model_cards import FileEntry, Latency, PrecisionAccuracy, Protocol
from roadworthy.model_cards.certificate import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedRequest:
    """``out`` is an empty folder; ``data`` is ``None`` where accuracy is not asked for; ``seconds`` for each cell."""

    snapshot: str
    data: str | None
    out: str
    device: str | None
    batch_sizes: tuple[int, ...]
    precisions: tuple[str, ...]
    seconds: float
    options: dict[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedMeasured:
    """What was found. The answers at each precision lie beside it (`answers_file`), not yet scored."""

    files: tuple[FileEntry, ...]
    system: str
    protocol: Protocol
    example: str
    latencies: tuple[Latency, ...]
    accuracies: tuple[PrecisionAccuracy, ...]
    environment: Environment


def answers_file(precision: str) -> str:
    """Where the evidence at one precision lies in ``out``."""
    return f"{precision}.jsonl"


SPEED_REQUEST = TypeAdapter(SpeedRequest)
SPEED_MEASURED = TypeAdapter(SpeedMeasured)
