"""Evidence that gives the metric and is not of these examples; rows left out, repeated, or made up."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.finetune import verify
from roadworthy.model_cards import PairedComparison, Row, evidence
from roadworthy.model_cards.errors import CheckError
from roadworthy.model_cards.protocol import score
from roadworthy.model_cards.regression import compare_rows
from roadworthy.model_cards.snapshot import EVIDENCE, PARENT_EVIDENCE, PARENT_TEST, PARENT_TEST_EVIDENCE
from roadworthy.registry import Registry, publish

from .conftest import Candidate, Road
from .forgery import certified, publish_lie, refused, sign

Keys = tuple[Key, ...]


def rows_of(folder: Path, path: str = EVIDENCE) -> tuple[Row, ...]:
    """The rows of an evidence file."""
    return evidence.load((folder / path).read_bytes())


def tell(folder: Path, road: Road, rows: Sequence[Row], path: str = EVIDENCE) -> tuple[str, ...]:
    """Signs the folder with other evidence, card and all, the claim's figures as they were; why it is refused."""
    (folder / path).write_bytes(evidence.dump(rows))
    proof = hashlib.sha256((folder / EVIDENCE).read_bytes()).hexdigest()
    publish_lie(folder, dataclasses.replace(certified(folder).claim, evidence_sha256=proof), road.publisher)
    return refused(folder, road.keys)


def test_the_same_metric_on_other_examples(candidate: Candidate, road: Road) -> None:
    """As many right answers, to other photographs: the fingerprint of the data says so."""
    folder = candidate()
    moved = [dataclasses.replace(row, id=row.id[::-1]) for row in rows_of(folder)]
    assert any("measured on other data than the certificate's fingerprint says" in r for r in tell(folder, road, moved))


def test_the_same_metric_with_other_truths(candidate: Candidate, road: Road) -> None:
    """All labels turned round, and the answers with them: the truth is a part of the fingerprint."""
    folder = candidate()
    turned = [dataclasses.replace(r, truth=1 - r.truth, prediction=1 - r.prediction) for r in rows_of(folder)]
    before = certified(folder).claim
    assert score(before.protocol, turned).value == before.metric.value
    assert any("measured on other data" in reason for reason in tell(folder, road, turned))


@pytest.mark.parametrize("what", ["only the right ones", "the right ones twice", "the first one left out"])
def test_rows_left_out_or_repeated(candidate: Candidate, road: Road, what: str) -> None:
    """The fingerprint is that of a multiset: which examples, and how many times."""
    folder = candidate()
    rows = rows_of(folder)
    right = [row for row in rows if row.truth == row.prediction]
    chosen = {"only the right ones": right, "the right ones twice": [*rows, *right], "the first one left out": rows[1:]}
    assert any("measured on other data" in reason for reason in tell(folder, road, chosen[what]))


def test_better_answers_than_the_claim_tells(candidate: Candidate, road: Road) -> None:
    """Evidence and figure belong together, whichever of them was made up."""
    folder = candidate()
    perfect = [dataclasses.replace(row, prediction=row.truth) for row in rows_of(folder)]
    said = "\n".join(tell(folder, road, perfect))
    assert "The figure was not made from this evidence" in said


def test_a_worse_parent(candidate: Candidate, road: Road) -> None:
    """A child looks better beside a parent that answers everything wrongly."""
    folder = candidate()
    worse = [dataclasses.replace(row, prediction=1 - row.truth) for row in rows_of(folder, PARENT_EVIDENCE)]
    assert any("parent" in reason or "comparison" in reason for reason in tell(folder, road, worse, PARENT_EVIDENCE))


def test_a_parent_on_other_examples(candidate: Candidate, road: Road) -> None:
    """A comparison is of the same examples, or of nothing."""
    folder = candidate()
    other = [dataclasses.replace(row, id=row.id[::-1]) for row in rows_of(folder, PARENT_EVIDENCE)]
    said = tell(folder, road, other, PARENT_EVIDENCE)
    assert any("the parent was measured on other examples" in reason for reason in said)


def test_a_parents_test_on_other_data(candidate: Candidate, road: Road) -> None:
    """What the parent answered on its own test has its own fingerprint."""
    folder = candidate()
    other = [dataclasses.replace(row, id=row.id[::-1]) for row in rows_of(folder, PARENT_TEST_EVIDENCE)]
    said = tell(folder, road, other, PARENT_TEST_EVIDENCE)
    assert any("on other data than its test's fingerprint says" in reason for reason in said)


def test_no_evidence(candidate: Candidate, road: Road) -> None:
    """A claim that nothing can be recomputed from is none, whoever signs it."""
    folder = candidate()
    claim = certified(folder).claim
    (folder / EVIDENCE).unlink()
    sign(folder, claim, road.publisher)
    said = refused(folder, road.keys)
    assert any("evidence" in reason for reason in said)


def test_a_parent_made_worse_with_everything_that_follows_from_it(
    candidate: Candidate, registry: Registry, road: Road
) -> None:
    """A consistent lie about the parent's own test passes the audit; the registry has the parent's evidence itself."""
    folder = candidate()
    claim = certified(folder).claim
    assert claim.parent is not None
    assert claim.parent.own_test is not None
    own = claim.parent.own_test
    worse = evidence.dump(
        dataclasses.replace(row, prediction=1 - row.truth) for row in rows_of(folder, PARENT_TEST_EVIDENCE)
    )
    (folder / PARENT_TEST_EVIDENCE).write_bytes(worse)
    old = evidence.load(worse)
    lie = dataclasses.replace(
        own,
        parent_metric=score(own.protocol, old),
        comparison=compare_rows(rows_of(folder, PARENT_TEST), old),
    )
    publish_lie(
        folder, dataclasses.replace(claim, parent=dataclasses.replace(claim.parent, own_test=lie)), road.publisher
    )
    assert not refused(folder, road.keys)
    with pytest.raises(CheckError, match=r"is not that of team/xrays@1\.0\.0"):
        publish(registry, folder, "team/xrays@2.0.0", keys=road.keys, policy=None)


@pytest.mark.parametrize("data", [b"", b"\n", b"[]\n", b'{"id":"x"}\n', b"\xff\n"])
def test_evidence_that_is_none(candidate: Candidate, road: Road, data: bytes) -> None:
    """Empty, or no rows: refused, and never an exception."""
    folder = candidate()
    claim = certified(folder).claim
    (folder / EVIDENCE).write_bytes(data)
    sign(folder, claim, road.publisher)
    assert refused(folder, road.keys)


@pytest.mark.parametrize(("field", "value"), [("gained", 10**6), ("gained", -1), ("n", 0), ("lost", 2**40)])
def test_a_comparison_that_nothing_can_have_been(candidate: Candidate, road: Road, field: str, value: int) -> None:
    """Signed as it is: refused by the audit and by the gate, and never an exception on the way to them."""
    folder = candidate()
    claim = certified(folder).claim
    assert claim.parent is not None
    assert isinstance(claim.parent.comparison, PairedComparison)
    lie = dataclasses.replace(claim.parent.comparison, **{field: value})
    claim = dataclasses.replace(claim, parent=dataclasses.replace(claim.parent, comparison=lie))
    sign(folder, claim, road.publisher)
    assert any("cannot be tested" in reason for reason in refused(folder, road.keys))


def test_answers_that_the_model_does_not_give(candidate: Candidate, road: Road) -> None:
    """Perfect answers, made up, with everything that follows from them: no audit can tell. Whoever measures can."""
    folder = candidate(first=True)
    perfect = [dataclasses.replace(row, prediction=row.truth) for row in rows_of(folder)]
    proof = evidence.dump(perfect)
    (folder / EVIDENCE).write_bytes(proof)
    claim = certified(folder).claim
    lie = dataclasses.replace(
        claim,
        metric=score(claim.protocol, evidence.load(proof)),
        verdicts=dataclasses.replace(claim.verdicts, reproduced=True, generalises=True),
        evidence_sha256=hashlib.sha256(proof).hexdigest(),
    )
    publish_lie(folder, lie, road.publisher)
    assert not refused(folder, road.keys)
    done = verify(folder, data=road.data, signer=CryptoSigner.generate_ed25519())
    assert not done.ok
    assert done.metric == claim.metric
