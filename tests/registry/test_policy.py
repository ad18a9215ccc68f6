"""Policies: each demand is asked for, each reason says what was expected, what was found, and what helps."""

import dataclasses
import fnmatch
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.model_cards.certificate import Certificate, Parent, from_statement
from roadworthy.model_cards.envelope import payload_of
from roadworthy.model_cards.snapshot import FileEntry
from roadworthy.model_cards.waiver import Waiver
from roadworthy.registry import (
    Policy,
    Reference,
    Rule,
    Signer,
    signers_of,
    signing_key,
    trust_key,
    trusted_keys,
    violations,
)
from roadworthy.registry.policy import fits

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MEASURED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ALICE, BOB = Signer(keyid="a" * 64, name="alice"), Signer(keyid="b" * 64)
VERSION = Reference.parse("team/x@1.0.0")

Change = Callable[[Certificate], Certificate]


@pytest.fixture
def certificate(candidate: Any) -> Certificate:
    """95 of 100 right, a target of 0.9 met, measured in January 2026: as it is read off a signed file."""
    return from_statement(payload_of((candidate() / "certificate.json").read_bytes()))


def reasons(
    certificate: Certificate | None,
    signers: tuple[Signer, ...] = (ALICE,),
    now: datetime = NOW,
    reference: Reference = VERSION,
    **demands: Any,
) -> tuple[str, ...]:
    """What one rule for ``team`` says."""
    policy = Policy(rules=(Rule(namespace="team", **demands),), source="policy.toml")
    return violations(policy, reference, certificate, signers, now)


def claimed(certificate: Certificate, **changes: Any) -> Certificate:
    """The certificate with fields of its claim changed."""
    return dataclasses.replace(certificate, claim=dataclasses.replace(certificate.claim, **changes))


def test_a_rule_without_demands_demands_nothing(certificate: Certificate) -> None:
    """But that there is a certificate."""
    assert reasons(certificate) == ()


def test_every_demand_that_is_met_is_silent(certificate: Certificate) -> None:
    """All of them at once; so that what follows fails by one thing alone."""
    assert (
        reasons(
            certificate,
            certifiers=("alice",),
            protocols=("image-top1-*@1",),
            min_n=100,
            verdicts=("reproduced",),
            max_age_days=151,
            safetensors_only=True,
            compared_with_parent=True,
            without_waivers=True,
        )
        == ()
    )


def test_certifiers_are_meant_by_id_or_by_name(certificate: Certificate) -> None:
    """One of them is enough, beside whoever else has signed; an id's beginning is not enough."""
    for certifiers in (("alice",), (ALICE.keyid,), ("carol", "alice")):
        assert reasons(certificate, (BOB, ALICE), certifiers=certifiers) == ()
        (reason,) = reasons(certificate, (BOB,), certifiers=certifiers)
        assert reason.startswith(f"signed by {'b' * 16} (without a name here): expected one of ")
        assert "roadworthy keys trust FILE --name NAME" in reason
    assert reasons(certificate, (ALICE,), certifiers=(ALICE.keyid[:16],)) != ()
    assert "signed by nobody" in reasons(certificate, (), certifiers=("alice",))[0]


def test_a_name_is_what_this_home_calls_a_key(certificate: Certificate, tmp_path: Path) -> None:
    """What signs, is called so by the keyring alone; a plain list of keys has no names."""
    signing_key(tmp_path / "alice")
    trusted = trust_key(tmp_path / "alice/keys/ed25519.pub", name="alice")
    ring = trusted_keys()
    assert Signer(keyid=trusted.keyid, name="alice") in signers_of([key.keyid for key in ring], ring)
    assert all(signer.name is None for signer in signers_of([trusted.keyid], tuple(ring)))


@pytest.mark.parametrize(
    ("pattern", "met"),
    [
        ("image-top1-bilinear-256-224@1", True),
        ("image-top1-bilinear-256-224", True),
        ("image-top1-*", True),
        ("*@1", True),
        ("*@2", False),
        ("image-top1", False),
        ("image-top1-bilinear-256-22", False),
        ("text-*", False),
    ],
)
def test_protocols_are_meant_by_pattern(certificate: Certificate, pattern: str, met: bool) -> None:
    """Of the id, or of the name where the pattern has a version."""
    found = reasons(certificate, protocols=("nothing", pattern))
    assert (found == ()) == met
    assert met or found[0].startswith("measured under image-top1-bilinear-256-224@1: expected nothing or ")


def test_few_examples_are_too_few(certificate: Certificate) -> None:
    """One fewer than demanded."""
    (reason,) = reasons(certificate, min_n=101)
    assert reason.startswith("measured on 100 examples: expected at least 101. ")
    assert "roadworthy verify DIR --data DIR" in reason


@pytest.mark.parametrize("verdict", ["reproduced", "generalises"])
def test_each_verdict_can_be_demanded(certificate: Certificate, verdict: str) -> None:
    """Only the one that is demanded is asked about."""
    others = {"reproduced": True, "generalises": True, verdict: False}
    false = claimed(certificate, verdicts=dataclasses.replace(certificate.claim.verdicts, **others))
    (reason,) = reasons(false, verdicts=("reproduced", "generalises"))
    assert reason.startswith(f"the verdict {verdict!r} is no: expected yes, for ")
    assert reasons(false, verdicts=tuple({"reproduced", "generalises"} - {verdict})) == ()


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (timedelta(days=-1), "in the future"),
        (-timedelta(minutes=11), "in the future"),
        (-timedelta(minutes=9), None),
        (timedelta(days=30), None),
        (timedelta(days=30, seconds=1), "measured 30 days ago"),
        (timedelta(days=800), "measured 800 days ago"),
    ],
)
def test_a_certificate_is_neither_from_the_future_nor_too_old(
    certificate: Certificate, passed: timedelta, said: str | None
) -> None:
    """A slow clock is forgiven ten minutes, an old certificate not a second."""
    found = reasons(certificate, now=MEASURED + passed, max_age_days=30)
    assert len(found) == (said is not None)
    assert said is None or said in found[0]
    assert reasons(certificate, now=MEASURED + passed) == ()


@pytest.mark.parametrize("moment", ["", "yesterday", "2026-01-02", "2026-01-02T03:04:05+00:00", "9999-99-99T00:00:00Z"])
def test_a_moment_that_cannot_be_read_has_no_age(certificate: Certificate, moment: str) -> None:
    """It is too old, not new."""
    (reason,) = reasons(claimed(certificate, measured_at=moment), max_age_days=10**30)
    assert reason.startswith(f"measured at {moment!r}: expected a moment such as")


@pytest.mark.parametrize(
    "path", ["model.bin", "model.PT", "weights/a.pkl", "modeling.py", "tokenizer", "x.safetensors.zip"]
)
def test_only_safetensors_means_nothing_that_runs(certificate: Certificate, path: str) -> None:
    """By name; the gate has looked into the files."""
    more = dataclasses.replace(certificate, files=(*certificate.files, FileEntry(path=path, size=1, sha256="0" * 64)))
    (reason,) = reasons(more, safetensors_only=True)
    assert reason.startswith(f"it has files that may run code: {path}: ")
    assert reasons(more) == ()


def test_a_waiver_can_be_refused(certificate: Certificate) -> None:
    """Of the comparison with the parent; a version without a parent has nothing to compare."""
    parent = Parent(
        reference="team/base@main", certificate_sha256=None, metric=None, comparison=None, not_compared="it is a draft"
    )
    waived = claimed(certificate, parent=parent)
    (reason,) = reasons(waived, compared_with_parent=True)
    assert "team/base@main: expected both on the same examples, found the waiver 'it is a draft'" in reason
    assert reasons(waived) == ()


def test_any_waiver_can_be_refused(certificate: Certificate) -> None:
    """What its signer published it in spite of."""
    waiver = Waiver(kind="target", reason="a pilot", by="ana", keyid="ab" * 32)
    waived = claimed(certificate, waivers=(waiver,))
    (reason,) = reasons(waived, without_waivers=True)
    assert reason.startswith("'target' was waived by 'ana': 'a pilot'; expected no waiver.")
    assert reasons(waived) == ()


def test_a_draft_is_refused_unless_drafts_are_allowed() -> None:
    """It has nothing that could be asked about."""
    draft = Reference.parse("team/x@main")
    (reason,) = reasons(None, (), reference=draft)
    assert reason.startswith("team/x@main is an uncertified draft: expected a certificate")
    assert reasons(None, (), reference=draft, drafts=True) == ()


def test_every_reason_is_told(certificate: Certificate) -> None:
    """Not the first alone."""
    found = reasons(certificate, (BOB,), certifiers=("alice",), min_n=1000, protocols=("text-*",), max_age_days=1)
    assert [reason.split(" ")[0] for reason in found] == ["signed", "measured", "measured", "measured"]


@pytest.mark.parametrize(
    ("pattern", "namespace", "met"),
    [
        ("team", "team", True),
        ("team", "team2", False),
        ("team", "myteam", False),
        ("team*", "team2", True),
        ("team*", "team", True),
        ("team-*", "team2", False),
        ("team?", "team2", True),
        ("team?", "team", False),
        ("TEAM", "team", True),
        ("team", "Team", True),
        ("t.am", "team", False),
        ("team", "teаm", False),  # a Cyrillic а
        ("task", "tas\u212a", False),  # the Kelvin sign, whose lower case is k
        ("ſ", "s", False),
        ("*", "anything-at.all_", True),
    ],
)
def test_patterns(pattern: str, namespace: str, met: bool) -> None:
    """A whole name, of ASCII letters in either case; nothing but * and ? is special."""
    assert fits(pattern, namespace) == met


@given(
    st.lists(st.sampled_from(["*", "?", "a", "B", "-", "."]), max_size=8).map("".join),
    st.text("aAbB-.", max_size=8),
)
def test_patterns_mean_what_a_shell_means(pattern: str, text: str) -> None:
    """However many stars: the standard library's own reading of a pattern, where case does not count."""
    assert fits(pattern, text) == fnmatch.fnmatchcase(text.lower(), pattern.lower())


def test_the_first_rule_that_fits_decides(certificate: Certificate) -> None:
    """And where none fits, the answer is no."""
    policy = Policy(
        rules=(Rule(namespace="team", min_n=1000), Rule(namespace="team*"), Rule(namespace="lab")), source="p.toml"
    )

    def said(reference: str) -> tuple[str, ...]:
        return violations(policy, Reference.parse(reference), certificate, (ALICE,), NOW)

    assert "at least 1,000" in said("team/x@1.0.0")[0]
    assert "at least 1,000" in said("TEAM/x@1.0.0")[0]
    assert said("team2/x@1.0.0") == said("lab/x@1.0.0") == ()
    (reason,) = said("other/x@1.0.0")
    assert reason.startswith("no rule of p.toml is for the namespace 'other': expected one of team, team*, lab")
