"""The clock, the same for every contender: it starts with the process and stops when the target holds.

Imports are part of what a user waits for. The target holds when two validation evaluations in a row are at
or above it. Everything after that (measuring on the test part) is off the clock.
"""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil
from answers import Model, correct_on_test
from case import Case

HOLD = 2  # consecutive evaluations


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One look at validation: seconds since the process began, samples trained on, accuracy."""

    seconds: float
    samples: int
    value: float


@dataclass(slots=True)
class Clock:
    """Runs from the start of the process until the target holds, or until it is time to give up."""

    case: Case
    started: float = field(default_factory=lambda: psutil.Process().create_time())
    touched: float | None = None
    history: list[Evaluation] = field(default_factory=list)

    def touch(self) -> None:
        """Called right before the first example is read."""
        self.touched = time.time()

    def evaluated(self, value: float, samples: int) -> bool:
        """Notes an evaluation; true once the run is over, for better or for worse."""
        self.history.append(Evaluation(round(time.time() - self.started, 3), samples, float(value)))
        # Also beside the result, for the referee: a run that must be killed leaves what it saw.
        with beside(self.case.out).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(self.history[-1])) + "\n")
        return self.held or (self.case.give_up is not None and self.history[-1].seconds >= self.case.give_up)

    @property
    def held(self) -> bool:
        """Whether the last evaluations were all at or above the target."""
        last = self.history[-HOLD:]
        return len(last) == HOLD and all(evaluation.value >= self.case.target for evaluation in last)

    def finish(self, model: Model) -> None:
        """Measures the weights as they are now on the whole test part, and writes the result."""
        before_data = (self.touched or self.started) - self.started
        end = self.history[-1]
        write(
            self.case,
            held=self.held,
            total=end.seconds,
            from_data=end.seconds - before_data,
            history=self.history,
            model=model,
        )


def beside(out: Path) -> Path:
    """Where the evaluations of a run are noted one by one."""
    return out.with_suffix(".evaluations")


def write(
    case: Case,
    *,
    held: bool,
    total: float,
    from_data: float,
    history: list[Evaluation],
    model: Model,
    parts: dict[str, float] | None = None,
) -> None:
    """Writes one result. ``total`` and ``from_data`` end with the last evaluation, held or not.

    ``parts``: where the time went, in seconds, where the contender can tell.
    """
    import torch

    result = {
        "seed": case.seed,
        "held": held,
        "seconds": round(total, 3) if held else None,
        "seconds_from_data": round(from_data, 3) if held else None,
        "gave_up_after": None if held else round(total, 3),
        "samples": history[-1].samples,
        "first_at_target": next((e.seconds for e in history if e.value >= case.target), None),
        "history": [asdict(evaluation) for evaluation in history],
        "threads": torch.get_num_threads(),
        "test_correct": correct_on_test(case, model),
        "test_n": len(case.test),
        "parts": parts,
    }
    aside = case.out.with_suffix(".tmp")
    aside.write_text(json.dumps(result, indent=1), encoding="utf-8")
    aside.replace(case.out)
