"""The stopping rule, written before the run starts: the target is met when it holds, not when touched."""

from dataclasses import dataclass

from roadworthy.model_cards import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppingRule:
    """Stop once the last ``hold`` evaluations on validation all met ``target``; never, without one."""

    target: Target | None
    hold: int

    def holds(self, values: list[float]) -> bool:
        """Whether the metric's history, oldest first, ends in a target that holds."""
        if self.target is None or len(values) < self.hold:
            return False
        return all(self.target.met_by(value) for value in values[-self.hold :])
