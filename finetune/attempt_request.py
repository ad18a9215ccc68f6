"""What goes into an attempt's process: the seam, free of torch."""

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What every attempt of a series is to do, and how many there are: the arguments of ``finetune`` but the seed.

    ``start_folder`` is a snapshot; without one, ``named`` is trained from scratch.
    """

    runs: int
    start_folder: str | None
    named: str | None
    data: str
    target: str
    device: str | None
    recipe: str | None
    leave_out_leaked: bool
    reference: str | None
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRequest:
    """One attempt; ``out`` is its run folder."""

    plan: Plan
    out: str


PLAN = TypeAdapter(Plan)
ATTEMPT = TypeAdapter(AttemptRequest)
