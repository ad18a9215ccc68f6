"""The gate's decision: each reason alone."""

import dataclasses
from typing import Any

import pytest

from roadworthy.model_cards import audit, compare_convergence
from roadworthy.model_cards.audit import Audit
from roadworthy.model_cards.certificate import Parent
from roadworthy.model_cards.gate import Gate
from roadworthy.model_cards.waiver import Waiver
from roadworthy.registry import signing_key, trusted_keys
from roadworthy.registry.gate import decide
from roadworthy.registry.intake import Objection


@pytest.fixture
def passed(candidate: Any, keys: Any) -> Audit:
    """The audit of a candidate that may be published."""
    return audit(candidate(), keys)


def _with_claim(passed: Audit, **changes: Any) -> Audit:
    assert passed.certificate is not None
    claim = dataclasses.replace(passed.certificate.claim, **changes)
    return dataclasses.replace(passed, certificate=dataclasses.replace(passed.certificate, claim=claim))


def test_a_candidate_that_passed_everything_is_let_through(passed: Audit) -> None:
    """No reason is a yes."""
    assert passed.ok, passed.reasons
    assert decide(passed, ()) == ()


def test_the_reasons_of_the_audit_and_of_the_intake_are_passed_on(passed: Audit) -> None:
    """All of them, once each."""
    failed = dataclasses.replace(passed, ok=False, reasons=("one", "two", "one"))
    objection = Objection(file="x.py", expected="a model", found="Python code")
    assert decide(failed, [objection]) == ("x.py: expected a model, found Python code", "one", "two")


def test_no_certificate_is_a_reason(passed: Audit) -> None:
    """Also if an audit should ever forget it."""
    (reason,) = decide(dataclasses.replace(passed, certificate=None), ())
    assert "no certificate" in reason


def test_a_failed_audit_without_reasons_is_a_no(passed: Audit) -> None:
    """A silent no is not a yes."""
    assert decide(dataclasses.replace(passed, ok=False), ()) != ()


def test_a_missed_target_is_told_with_both_numbers(candidate: Any, keys: Any) -> None:
    """The certificate is true, and says no."""
    outcome = audit(candidate(right=80), keys)
    assert outcome.ok, outcome.reasons
    assert decide(outcome, ()) == ("the target was not met: expected top1>=0.9, found top1 80.00 %",)


@pytest.mark.parametrize(("count", "refused"), [(0, False), (None, False), (3, True)])
def test_duplicates_between_training_and_test_block(passed: Audit, count: int | None, refused: bool) -> None:
    """``None`` is a verification without a training run: there was nothing to compare with."""
    assert passed.certificate is not None
    data = dataclasses.replace(passed.certificate.claim.data, exact_duplicates=count)
    reasons = decide(_with_claim(passed, data=data), ())
    assert [reason[:10] for reason in reasons] == (["3 of 100 t"] if refused else [])


@pytest.mark.parametrize(("samples", "refused"), [(40, True), (100, False)])
def test_a_run_that_is_too_fast_is_refused(passed: Audit, samples: int, refused: bool) -> None:
    """Five runs of about 100 samples."""
    assert passed.certificate is not None
    training = passed.certificate.claim.training
    assert training is not None
    found = compare_convergence((100, 110, 90, 105, 95), samples)
    reasons = decide(_with_claim(passed, training=dataclasses.replace(training, convergence=found)), ())
    assert ["faster than its reference converges" in reason for reason in reasons] == ([True] if refused else [])


def test_absent_evidence_is_a_reason(passed: Audit) -> None:
    """A certificate that covers no evidence."""
    assert passed.certificate is not None
    files = tuple(file for file in passed.certificate.files if file.path != "evidence/test.jsonl")
    without = dataclasses.replace(passed, certificate=dataclasses.replace(passed.certificate, files=files))
    (reason,) = decide(without, ())
    assert reason.startswith("evidence/test.jsonl is missing")


def test_a_child_is_compared_with_its_parent_or_says_why_not(passed: Audit) -> None:
    """On the same examples."""
    parent = Parent(reference="demo/x@1.0.0", certificate_sha256=None, metric=None, comparison=None)
    (reason,) = decide(_with_claim(passed, parent=parent), ())
    assert reason == "not compared with its parent demo/x@1.0.0 on the same examples"
    waived = dataclasses.replace(parent, not_compared="other labels")
    assert decide(_with_claim(passed, parent=waived), ()) == ()


def test_what_the_signer_waived_does_not_refuse(candidate: Any, keys: Any) -> None:
    """A missed target, with the reason that stays on the card."""
    waiver = Waiver(kind="target", reason="a pilot", by="ana", keyid=keys[0].keyid)
    outcome = audit(candidate(right=80, waivers=(waiver,)), keys)
    assert outcome.ok, outcome.reasons
    assert decide(outcome, ()) == ()


def test_nobody_waives_under_another_key(candidate: Any, keys: Any) -> None:
    """The key that a waiver names is the one that signed."""
    waiver = Waiver(kind="target", reason="a pilot", by="ana", keyid="ab" * 32)
    (reason,) = decide(audit(candidate(right=80, waivers=(waiver,)), keys), ())
    assert reason == "a waiver is by the key abababababababab, which did not sign the certificate"


def test_a_publisher_may_ask_for_more_than_the_certificate(candidate: Any, keys: Any) -> None:
    """95 of 100 against 90 %: the point meets it, Wilson's lower end (88.8 %) does not."""
    outcome = audit(candidate(), keys)
    assert decide(outcome, ()) == ()
    (reason,) = decide(outcome, (), Gate(kind="lower-bound"))
    assert "found top1 95.00 % (88.82 % to 97.85 %, n = 100)" in reason


def test_a_strangers_signature_is_a_reason(candidate: Any, tmp_path: Any) -> None:
    """Whose key is not trusted here."""
    folder = candidate()
    signing_key(tmp_path / "other")
    (reason,) = decide(audit(folder, trusted_keys(tmp_path / "other")), ())
    assert "not trusted" in reason
