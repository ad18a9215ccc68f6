"""What speaks against a claim, by each gate, and what a waiver takes away."""

import dataclasses
from typing import Any

import pytest

from roadworthy.model_cards import Claim, Target, compare_convergence
from roadworthy.model_cards.certificate import Parent, Verdicts
from roadworthy.model_cards.gate import Gate
from roadworthy.model_cards.multiple import ClassChange
from roadworthy.model_cards.refusals import refusals, standing
from roadworthy.model_cards.statistics import compare_paired
from roadworthy.model_cards.waiver import RefusalKind, Waiver

LOWER = Gate(kind="lower-bound")


def waived(claim: Claim, *kinds: RefusalKind) -> Claim:
    """The claim with waivers of these kinds."""
    made = tuple(Waiver(kind=kind, reason="a pilot", by="ana", keyid="ab" * 32) for kind in kinds)
    return dataclasses.replace(claim, waivers=made)


def child(claim: Claim, gained: int, lost: int, n: int, **more: Any) -> Claim:
    """The claim beside a parent of the same n examples."""
    new = [True] * (n - lost) + [False] * lost
    old = [False] * gained + [True] * (n - gained)
    parent = Parent(
        reference="team/p@1.0.0",
        certificate_sha256="1" * 64,
        metric=claim.metric,
        comparison=compare_paired(new, old),
        **more,
    )
    return dataclasses.replace(claim, parent=parent)


def kinds(claim: Claim, gate: Gate | None = None) -> list[str]:
    """What stands against the claim."""
    return [refusal.kind for refusal in standing(claim, gate)]


def test_a_good_claim_has_nothing_against_it(claim: Claim) -> None:
    """18 of 20 at a target of 70 %."""
    assert refusals(claim) == ()


def test_the_gate_in_the_claim_decides_where_none_is_asked_for(claim: Claim) -> None:
    """18 of 20: Wilson's lower end is 69.9 %, below the target of 70 %."""
    assert kinds(claim) == []
    assert kinds(dataclasses.replace(claim, gate=LOWER)) == ["lower-bound"]
    assert kinds(claim, LOWER) == ["lower-bound"]


def test_a_missed_target_is_told_once(claim: Claim) -> None:
    """Who asks for the interval's end does not hear of the same target twice."""
    missed = dataclasses.replace(
        claim, target=Target.parse("top1>=0.95"), verdicts=Verdicts(reproduced=False, generalises=False)
    )
    assert kinds(missed) == ["target"]
    assert kinds(missed, LOWER) == ["target"]
    assert refusals(missed)[0].reason == "the target was not met: expected top1>=0.95, found top1 90.00 %"


def test_a_non_inferior_gate_needs_no_target(claim: Claim) -> None:
    """Gained 5, lost 5 of 5,000: the bound is about -0.1 points, above -0.5."""
    missed = dataclasses.replace(
        claim, target=Target.parse("top1>=0.95"), verdicts=Verdicts(reproduced=False, generalises=False)
    )
    gate = Gate(kind="non-inferior", margin=0.005)
    assert kinds(child(missed, 5, 5, 5000), gate) == []


def test_no_significant_difference_is_not_non_inferiority(claim: Claim) -> None:
    """Gained 5, lost 5 of 100: the bound is about -5 points, and half a point was asked for."""
    gate = Gate(kind="non-inferior", margin=0.005)
    (refusal,) = standing(child(claim, 5, 5, 100), gate)
    assert refusal.kind == "non-inferior"
    assert "expected a difference above -0.50 points, found +0.00" in refusal.reason
    assert kinds(child(claim, 5, 5, 100), Gate(kind="non-inferior", margin=0.1)) == []


def test_a_class_that_got_worse_is_refused_by_the_non_inferior_gate_alone(claim: Claim) -> None:
    """As a whole it may be as good: the guard is for the small classes."""
    worse = child(claim, 5, 5, 5000, worse_classes={"cat": ClassChange(gained=0, lost=9, p_value=0.004)})
    (refusal,) = standing(worse, Gate(kind="non-inferior", margin=0.005))
    assert (refusal.kind, "cat (0 gained, 9 lost)" in refusal.reason) == ("classes", True)
    assert kinds(worse) == []


@pytest.mark.parametrize("metric", ["top1", "balanced_accuracy"])
def test_nothing_to_be_non_inferior_to(claim: Claim, metric: str) -> None:
    """Without a comparison, or on a metric that right answers do not add up to."""
    stated = dataclasses.replace(claim, metric=dataclasses.replace(claim.metric, name=metric))
    subject = stated if metric == "top1" else child(stated, 5, 5, 5000)
    assert kinds(subject, Gate(kind="non-inferior", margin=0.005)) == ["non-inferior"]


def test_what_was_waived_no_longer_stands_and_is_not_forgotten(claim: Claim) -> None:
    """Of two things one is waived: the other stands, and both are still told of."""
    leaked = dataclasses.replace(claim, data=dataclasses.replace(claim.data, exact_duplicates=2), gate=LOWER)
    assert kinds(leaked) == ["lower-bound", "leak"]
    assert kinds(waived(leaked, "leak")) == ["lower-bound"]
    assert kinds(waived(leaked, "leak", "lower-bound")) == []
    assert [refusal.kind for refusal in refusals(waived(leaked, "leak", "lower-bound"))] == ["lower-bound", "leak"]


def test_a_run_that_converged_too_fast_can_be_waived(claim: Claim) -> None:
    """Five runs of about 100 samples, and one of 40."""
    assert claim.training is not None
    fast = dataclasses.replace(
        claim,
        training=dataclasses.replace(claim.training, convergence=compare_convergence((100, 110, 90, 105, 95), 40)),
    )
    assert kinds(fast) == ["convergence"]
    assert kinds(waived(fast, "convergence")) == []
