"""The stopping rule, written before the run starts: the target is met when it holds, not when touched."""

from collections.abc import Sequence
from dataclasses import dataclass

from .target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppingRule:
    """Stop once the last ``hold`` evaluations on validation all met ``target``; never, without one."""

    target: Target | None
    hold: int

    def holds(self, values: Sequence[float]) -> bool:
        """Whether the metric's history, oldest first, ends in a target that holds."""
        return self.target is not None and self.met(values) >= self.hold

    def met(self, values: Sequence[float]) -> int:
        """How many evaluations in a row, the last one among them, met the target; ``hold`` at most."""
        met = 0
        for value in reversed(values[-self.hold :]):
            if self.target is None or not self.target.met_by(value):
                break
            met += 1
        return met
