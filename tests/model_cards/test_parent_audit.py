"""The comparison with the parent, replayed: each figure of it that was made up is found."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards import (
    Certificate,
    Claim,
    PairedComparison,
    Row,
    audit,
    card,
    clocks,
    evidence,
    list_files,
    score,
)
from roadworthy.model_cards.certificate import ParentTest, to_statement
from roadworthy.model_cards.envelope import seal
from roadworthy.model_cards.gate import Gate
from roadworthy.model_cards.multiple import ClassChange
from roadworthy.model_cards.regression import classes_that_got_worse, compare_rows, non_inferiority_of

Answers = Callable[..., tuple[Row, ...]]
GATE = Gate(kind="non-inferior", margin=0.02)


def judged(claim: Claim, new: tuple[Row, ...], old: tuple[Row, ...], gate: Gate = GATE) -> Claim:
    """The claim with everything that its comparison supports."""
    assert claim.parent is not None
    assert isinstance(claim.parent.comparison, PairedComparison)
    parent = dataclasses.replace(
        claim.parent,
        non_inferior=non_inferiority_of(claim.parent.comparison, gate),
        worse_classes=classes_that_got_worse(new, old, claim.data.labels),
    )
    return dataclasses.replace(claim, parent=parent, gate=gate)


@pytest.fixture
def child(certified_snapshot: Any, answers: Answers) -> Callable[..., Path]:
    """A version that lost all of the last 20 of 60 examples against its parent, with a lie told of the comparison."""
    new, old = (tuple(sorted(rows, key=lambda row: row.id)) for rows in (answers(40, 60), answers(60, 60)))

    def build(lie: Callable[[Claim], Claim] = lambda claim: claim, gate: Gate = GATE) -> Path:
        folder: Path = certified_snapshot(
            rows=new, parent_rows=old, lie=lambda claim: lie(judged(claim, new, old, gate))
        )
        return folder

    return build


def of_parent(**changes: Any) -> Callable[[Claim], Claim]:
    """A lie about the comparison."""

    def lie(claim: Claim) -> Claim:
        assert claim.parent is not None
        return dataclasses.replace(claim, parent=dataclasses.replace(claim.parent, **changes))

    return lie


def test_a_true_comparison_passes(child: Callable[..., Path], keys: tuple[Key, ...]) -> None:
    """Both classes lost ten of thirty: both are named, and the test does not hold."""
    outcome = audit(child(), keys)
    assert outcome.ok, outcome.reasons
    assert outcome.certificate is not None
    parent = outcome.certificate.claim.parent
    assert parent is not None
    assert parent.non_inferior is not None
    assert (sorted(parent.worse_classes), parent.non_inferior.holds) == (["cat", "dog"], False)


@pytest.mark.parametrize(
    "lie",
    [
        of_parent(worse_classes={}),
        of_parent(worse_classes={"cat": ClassChange(gained=0, lost=10, p_value=0.04)}),
        of_parent(non_inferior=None, worse_classes={}),
    ],
    ids=["no class", "another figure", "no test at all"],
)
def test_a_class_cannot_be_left_out(child: Callable[..., Path], keys: tuple[Key, ...], lie: Any) -> None:
    """Whoever signs it: the evidence names the classes."""
    outcome = audit(child(lie), keys)
    assert not outcome.ok
    assert any("class" in reason or "the test of it is missing" in reason for reason in outcome.reasons)


def test_a_test_at_another_margin_is_found(child: Callable[..., Path], keys: tuple[Key, ...]) -> None:
    """A gate of two points, and the test made at 40."""

    def lie(claim: Claim) -> Claim:
        assert claim.parent is not None
        assert isinstance(claim.parent.comparison, PairedComparison)
        wider = non_inferiority_of(claim.parent.comparison, Gate(kind="non-inferior", margin=0.4))
        return of_parent(non_inferior=wider)(claim)

    (reason,) = audit(child(lie), keys).reasons
    assert "does not follow from the comparison and the gate's margin" in reason


def forgotten(folder: Path, claim: Claim, signer: CryptoSigner, new: tuple[Row, ...], old: tuple[Row, ...]) -> Claim:
    """Adds the parent's own test data to a snapshot, and signs it again."""
    assert claim.parent is not None
    proof = (evidence.dump(new), evidence.dump(old))
    rows, theirs = (evidence.load(data) for data in proof)
    (folder / "evidence/parent-test.jsonl").write_bytes(proof[0])
    (folder / "evidence/parent-test-parent.jsonl").write_bytes(proof[1])
    own = ParentTest(
        protocol=claim.protocol,
        fingerprint=evidence.fingerprint_of(theirs),
        parent_metric=score(claim.protocol, theirs),
        metric=score(claim.protocol, rows),
        comparison=compare_rows(rows, theirs),
    )
    return dataclasses.replace(claim, parent=dataclasses.replace(claim.parent, own_test=own))


def sign(folder: Path, claim: Claim, signer: CryptoSigner) -> None:
    """Renders the card of a claim and signs it, as a verification does."""
    rows = evidence.load((folder / "evidence/test.jsonl").read_bytes())
    curve = clocks.read(clocks.parse((folder / "log/events.log").read_text())).curve
    (folder / "certificate.json").unlink()
    for path, data in card.render(card.Proof(claim=claim, rows=rows, curve=curve)).items():
        (folder / path).write_bytes(data)
    envelope = seal(to_statement(Certificate(files=list_files(folder), claim=claim)), signer)
    (folder / "certificate.json").write_bytes(envelope)


def test_what_was_forgotten_is_replayed_and_shown(
    child: Callable[..., Path], keys: tuple[Key, ...], signer: CryptoSigner, answers: Answers
) -> None:
    """On the parent's own 40 examples: 40 right before, 30 now."""
    folder = child()
    outcome = audit(folder, keys)
    assert outcome.certificate is not None
    claim = forgotten(folder, outcome.certificate.claim, signer, answers(30, 40), answers(40, 40))
    sign(folder, claim, signer)
    again = audit(folder, keys)
    assert again.ok, again.reasons
    assert "comparison on the parent's own test data recomputed" in again.checks
    assert "| top1 | 100.00 % | 75.00 % |" in (folder / "README.md").read_text()


@pytest.mark.parametrize("field", ["parent_metric", "metric", "comparison", "fingerprint"])
def test_what_was_forgotten_cannot_be_made_up(
    child: Callable[..., Path], keys: tuple[Key, ...], signer: CryptoSigner, answers: Answers, field: str
) -> None:
    """Each figure comes from the rows beside it."""
    folder = child()
    outcome = audit(folder, keys)
    assert outcome.certificate is not None
    claim = forgotten(folder, outcome.certificate.claim, signer, answers(30, 40), answers(40, 40))
    assert claim.parent is not None
    own = claim.parent.own_test
    assert own is not None
    assert isinstance(own.comparison, PairedComparison)
    better = score(claim.protocol, answers(39, 40))
    made_up: dict[str, Any] = {
        "parent_metric": better,
        "metric": better,
        "comparison": dataclasses.replace(own.comparison, lost=1),
        "fingerprint": "0" * 64,
    }
    lied = dataclasses.replace(own, **{field: made_up[field]})
    sign(folder, dataclasses.replace(claim, parent=dataclasses.replace(claim.parent, own_test=lied)), signer)
    assert not audit(folder, keys).ok
