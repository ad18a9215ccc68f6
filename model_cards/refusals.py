"""What a claim itself says against becoming a version, by the gate that it was measured for, and what of it was waived.

The same answer for whoever measures and for the registry that is asked to publish.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from .certificate import Claim
from .comparison import non_inferiority
from .gate import Gate
from .leakage import leaks
from .metric import told, told_change
from .noninferiority import NonInferiority
from .waiver import RefusalKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One thing that speaks against it: of which kind, what was expected and found."""

    kind: RefusalKind
    reason: str

    def __str__(self) -> str:
        return self.reason


def refusals(claim: Claim, gate: Gate | None = None) -> tuple[Refusal, ...]:
    """Everything that speaks against the claim, waived or not, by ``gate`` or by the one in the claim."""
    return (
        *_of_gate(claim, gate or claim.gate),
        *(Refusal(kind="leak", reason=reason) for reason in leaks(claim.data)),
        *_of_convergence(claim),
        *_of_parent(claim),
    )


def standing(claim: Claim, gate: Gate | None = None) -> tuple[Refusal, ...]:
    """What of it was not waived: none where the claim may become a version."""
    waived = {waiver.kind for waiver in claim.waivers}
    return tuple(refusal for refusal in refusals(claim, gate) if refusal.kind not in waived)


def _of_gate(claim: Claim, gate: Gate) -> Iterator[Refusal]:
    metric = claim.metric
    value, low, high = (told(metric.name, figure) for figure in (metric.value, metric.low, metric.high))
    if gate.kind == "non-inferior":
        yield from _non_inferior(claim, gate.margin or 0.0)
    elif not claim.verdicts.reproduced:
        # Whoever is asked for the interval's end is asked for the point before.
        yield Refusal(
            kind="target", reason=f"the target was not met: expected {claim.target}, found {metric.name} {value}"
        )
    elif gate.kind == "lower-bound" and not claim.verdicts.generalises:
        yield Refusal(
            kind="lower-bound",
            reason=f"the interval does not meet the target: expected {claim.target} at its worse end too, found "
            f"{metric.name} {value} ({low} to {high}, n = {metric.n:,}). Measure on more examples, or train a better "
            "model",
        )


def _non_inferior(claim: Claim, margin: float) -> Iterator[Refusal]:
    parent = claim.parent
    if parent is None or parent.comparison is None:
        yield Refusal(
            kind="non-inferior",
            reason="there is no parent that answered the same examples: expected one to be not inferior to. Take the "
            "gate point or lower-bound",
        )
        return
    if claim.metric.name == "balanced_accuracy":
        yield Refusal(
            kind="non-inferior",
            reason="a margin on right answers says nothing of balanced_accuracy: expected a target on the share of "
            "right answers. Take the gate point or lower-bound",
        )
        return
    try:
        found = non_inferiority(claim.protocol, parent.comparison, Gate(kind="non-inferior", margin=margin))
    except ValueError as error:  # figures that nothing can have been measured as: an audit finds them, too
        yield Refusal(kind="non-inferior", reason=f"the comparison with its parent cannot be tested: {error}")
        return
    if found is None:
        yield Refusal(
            kind="non-inferior",
            reason=f"this release cannot test a margin on {claim.metric.name}. Take the gate point or lower-bound",
        )
        return
    if not found.holds:
        # A share of right answers is told in points, whatever the metric is called.
        name, change = (
            ("accuracy", found.difference) if isinstance(found, NonInferiority) else (found.metric, found.gain)
        )
        yield Refusal(
            kind="non-inferior",
            reason=f"not shown to be as good as its parent {parent.reference}: expected a difference above "
            f"{told_change(name, -margin)}, found {told_change(name, change)} (one-sided 95 % bound "
            f"{told_change(name, found.low)}, n = {parent.comparison.n:,})",
        )
    if parent.worse_classes:
        names = ", ".join(f"{name} ({c.gained} gained, {c.lost} lost)" for name, c in parent.worse_classes.items())
        yield Refusal(
            kind="classes", reason=f"worse than its parent {parent.reference} on {names}: expected no such class"
        )


def _of_convergence(claim: Claim) -> Iterator[Refusal]:
    found = claim.training.convergence if claim.training is not None else None
    if found is not None and found.faster:
        yield Refusal(
            kind="convergence",
            reason=f"it reached its target after {found.samples:,} samples, faster than its reference converges: "
            f"expected at least {found.bound:,.0f}. Look for a leak, or for another protocol",
        )


def _of_parent(claim: Claim) -> Iterator[Refusal]:
    parent = claim.parent
    if parent is not None and parent.comparison is None and not parent.not_compared:
        yield Refusal(kind="parent", reason=f"not compared with its parent {parent.reference} on the same examples")
