"""What goes into the clean process and what comes out: the seam, free of torch."""

from dataclasses import dataclass

from pydantic import TypeAdapter

from roadworthy.model_cards import FileEntry, Protocol
from roadworthy.model_cards.certificate import Environment, SplitRecord
from roadworthy.model_cards.flops import Flops


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """``out`` is an empty folder; ``parent`` a snapshot to be measured on the same examples; ``parent_data`` that
    parent's own data, whose test part this version is measured on too.

    ``show_examples``: of how many of the surest errors a picture is to be left in ``out``. ``train``: what was trained
    on; where ``data`` has it, near duplicates of it are looked for in the test part.
    """

    snapshot: str
    parent: str | None
    data: str
    out: str
    device: str | None
    options: dict[str, str | int]
    show_examples: int = 0
    parent_data: str | None = None
    train: SplitRecord | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NearFound:
    """How near duplicates were looked for; those found lie in near.jsonl."""

    method: str
    thresholds: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the clean process found. Its evidence lies beside it as test.jsonl, parent.jsonl and parent-test.jsonl.

    ``near_not_measured``: why near duplicates were not looked for.
    """

    task: str
    system: str
    architecture: str
    parameters: int
    architecture_sha256: str
    protocol: Protocol
    labels: tuple[str, ...]
    split_rule: str
    n: int
    fingerprint: str
    files: tuple[FileEntry, ...]
    environment: Environment
    parent_not_compared: str | None
    flops: Flops | None = None
    near: NearFound | None = None
    near_not_measured: str | None = None


REQUEST = TypeAdapter(Request)
MEASURED = TypeAdapter(Measured)
