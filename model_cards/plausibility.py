"""Whether a run can have been as fast as it says, by the arithmetic that it cannot have done without.

Only what is certain counts: a forward pass of each sample, or of each distinct example where a recipe freezes layers
whose results may be kept (decision 10), and one of each validation example; a backward pass only where every layer is
trained by every sample. That is far less than most runs do, so a refusal is never a matter of taste.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .certificate import Claim, Training
from .clocks import Clocks, Event
from .crossing import evaluations
from .flops import told
from .peak_flops import peak_of, unknown_in

# Fewer multiplications than are counted: Winograd's F(4x4, 3x3) needs a quarter of them (Lavin & Gray 2016). That also
# covers what else is left out where it can be, such as a text's last layer for all but the token that is read.
MARGIN = 4
_ROUNDED = 0.0005  # seconds: clocks are rounded to a millisecond


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """``passes`` forward passes at least, or what costs as much, of ``flops`` each."""

    passes: int
    flops: int

    @property
    def total(self) -> int:
        """FLOPs."""
        return self.passes * self.flops


def plausibility_check(
    claim: Claim, training: Training, clocks: Clocks, events: Sequence[Event]
) -> tuple[str, list[str]]:
    """The check in words, and what speaks against ``clocks``, those of the run or of another attempt.

    Raises:
        LookupError, TypeError, ValueError: an event lacks what its key promises.
    """
    if claim.flops is None:
        return "time against arithmetic not checked: the FLOPs of a pass were not counted", []
    environment = training.environment
    precision = str(training.choices.get("precision", environment.precision))
    peak = peak_of(environment, precision=precision, processes=_processes(events))
    if peak is None:
        return f"time against arithmetic not checked: peak rate of {unknown_in(environment)} is unknown", []
    work = least_work(claim, training, clocks, events)
    seconds = clocks.run + _ROUNDED
    rate, most = work.total / seconds, MARGIN * peak.rate
    says = f"{work.passes:,} passes of {told(work.flops)} or more in {clocks.run} s are {told(rate)}/s"
    bound = f"at most {told(most)}/s ({peak.source}; times {MARGIN} for what need not be computed)"
    check = f"no faster than its hardware: {says}, {bound}"
    return check, [f"the time is implausible: {says}; expected {bound}"] if rate > most else []


def least_work(claim: Claim, training: Training, clocks: Clocks, events: Sequence[Event]) -> Work:
    """What the run has computed for certain."""
    recipe, data = training.recipe, claim.data
    trained = clocks.samples if _all_trained(recipe) else min(clocks.samples, data.train.n if data.train else 1)
    # Forward, and for each layer the gradient of its weights, which costs as much again.
    passes = trained * (2 if _all_trained(recipe) and not recipe.get("fit_head_first", True) else 1)
    looked = any(one.validation for one in evaluations(events))
    if looked and data.validation is not None:
        passes += data.validation.n
    return Work(passes=passes, flops=claim.flops.least if claim.flops else 0)


def _all_trained(recipe: dict[str, Any]) -> bool:
    """Whether no layer stays as it was, so that nothing that was computed once serves again."""
    return recipe.get("frozen_share") == 0 and recipe.get("lora_rank") is None


def _processes(events: Sequence[Event]) -> int:
    return max((int(event.value) for event in events if event.key in ("processes", "processes_changed")), default=1)
