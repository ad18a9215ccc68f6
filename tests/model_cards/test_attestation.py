"""What a second party states: its form, and that every figure of it follows from the evidence beside it."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from roadworthy.model_cards import CheckError, DamagedError, canonical, evidence
from roadworthy.model_cards.attestation import (
    Attestable,
    AttestationRecord,
    Verifier,
    attest,
    from_statement,
    problems,
    to_statement,
)
from roadworthy.model_cards.certificate import from_statement as certificate_of
from roadworthy.model_cards.envelope import payload_of, seal
from roadworthy.model_cards.snapshot import entry_of

from .conftest import MACHINE, Builder

SIGNER = CryptoSigner.generate_ed25519()
WHO = Verifier(name="bob", keyid=SIGNER.public_key.keyid)


@pytest.fixture
def version(certified_snapshot: Builder) -> Attestable:
    """A certified snapshot as a second party finds it."""
    folder: Path = certified_snapshot()
    return Attestable(
        subject=entry_of(folder / "certificate.json", "certificate.json"),
        certificate=certificate_of(payload_of((folder / "certificate.json").read_bytes())),
        first=evidence.load((folder / "evidence/test.jsonl").read_bytes()),
    )


def stated(version: Attestable, proof: bytes) -> AttestationRecord:
    """Bob's statement of that evidence."""
    return attest(version, proof, environment=MACHINE, measured_at="2026-02-01T00:00:00Z", verifier=WHO)


def test_a_statement_is_read_as_it_was_made(version: Attestable) -> None:
    """An in-toto statement about the certificate's digest, with a predicate of its own type; back to the same."""
    record = stated(version, evidence.dump(version.first))
    document = json.loads(payload_of(seal(to_statement(record), SIGNER)))
    assert document["_type"] == "https://in-toto.io/Statement/v1"
    assert document["predicateType"] == "urn:roadworthy:attestation:v1"
    (subject,) = document["subject"]
    assert (subject["name"], subject["digest"]) == ("certificate.json", {"sha256": version.subject.sha256})
    assert document["predicate"]["verifier"] == {"name": "bob", "keyid": SIGNER.public_key.keyid}
    assert from_statement(to_statement(record)) == record


def test_it_says_what_differs(version: Attestable) -> None:
    """Three answers that were right are wrong here: counted by hand."""
    right = [row for row in version.first if row.prediction == row.truth][:3]
    rows = [replace(row, prediction=1 - row.truth) if row in right else row for row in version.first]
    proof = evidence.dump(rows)
    said = stated(version, proof).attestation
    claim = version.certificate.claim
    assert said.metric.value == pytest.approx(claim.metric.value - 3 / len(rows))
    assert (said.answers.differing, said.answers.lost, said.answers.gained) == (3, 3, 0)
    assert said.evidence_sha256 == hashlib.sha256(proof).hexdigest()
    # Each was given with 90 %, and cannot have tipped over by itself.
    assert said.within is False
    assert list(problems(stated(version, proof), version, proof, [WHO.keyid])) == []


def test_other_data_is_refused(version: Attestable) -> None:
    """Fewer examples, and as many others."""
    for rows in (version.first[1:], [replace(version.first[0], id="f" * 64), *version.first[1:]]):
        with pytest.raises(CheckError, match=r"not the certificate's test data: expected .* found .* Nothing was"):
            stated(version, evidence.dump(rows))


def test_what_is_no_attestation_is_refused(version: Attestable) -> None:
    """Another predicate's type, an unknown field, another number of subjects."""
    good = json.loads(to_statement(stated(version, evidence.dump(version.first))))
    for change, error, said in (
        ({"predicateType": "urn:roadworthy:certificate:v1"}, DamagedError, "expected 'urn:roadworthy:attestation:v1'"),
        ({"predicate": {**good["predicate"], "more": 1}}, DamagedError, "fields, or values of a type"),
        ({"subject": []}, CheckError, "speaks of 0 files"),
        ({"subject": good["subject"] * 2}, CheckError, "speaks of 2 files"),
    ):
        with pytest.raises(error, match=said):
            from_statement(canonical.dump({**good, **change}))
