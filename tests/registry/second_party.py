"""A second party's measurement of a candidate, made by the function that `verify --attest` uses."""

import dataclasses
from pathlib import Path

from securesystemslib.signer import CryptoSigner

from roadworthy.model_cards import evidence
from roadworthy.model_cards.attestation import Attestable, AttestationRecord, Verifier, attest, to_statement
from roadworthy.model_cards.certificate import from_statement
from roadworthy.model_cards.envelope import payload_of, seal
from roadworthy.model_cards.snapshot import entry_of


def attestable(folder: Path) -> Attestable:
    """A candidate as a second party finds it."""
    path = folder / "certificate.json"
    return Attestable(
        subject=entry_of(path, "certificate.json"),
        certificate=from_statement(payload_of(path.read_bytes())),
        first=evidence.load((folder / "evidence/test.jsonl").read_bytes()),
    )


def record_of(
    folder: Path, keyid: str, *, wrong: int = 0, name: str = "bob", at: str = "2026-02-01T00:00:00Z"
) -> tuple[AttestationRecord, bytes]:
    """(what is stated, evidence): the same answers, but for the first ``wrong`` right ones, which are wrong here."""
    version = attestable(folder)
    rows, left = [], wrong
    for row in version.first:
        if left and row.prediction == row.truth:
            row, left = dataclasses.replace(row, prediction=1 - row.truth), left - 1
        rows.append(row)
    proof = evidence.dump(rows)
    made = attest(
        version,
        proof,
        environment=version.certificate.claim.environment,
        measured_at=at,
        verifier=Verifier(name=name, keyid=keyid),
    )
    return made, proof


def measured(
    folder: Path, signer: CryptoSigner, *, wrong: int = 0, name: str = "bob", at: str = "2026-02-01T00:00:00Z"
) -> tuple[bytes, bytes]:
    """(envelope, evidence) as ``signer`` would add them."""
    made, proof = record_of(folder, signer.public_key.keyid, wrong=wrong, name=name, at=at)
    return seal(to_statement(made), signer), proof
