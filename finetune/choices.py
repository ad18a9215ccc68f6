"""What a run measured and chose for itself, once; kept in its checkpoint, its log and its certificate."""

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """How steps are computed. ``micro_batch``: examples in a forward pass of one process."""

    precision: Literal["float32", "bfloat16"]
    channels_last: bool
    compiled: bool
    micro_batch: int
    learning_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A choice, in words why, and the figures it was made from."""

    choices: Choices
    why: str
    measured: dict[str, Any] = field(default_factory=dict)
