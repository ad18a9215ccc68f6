"""A certified snapshot, measured again: how far it agrees with its certificate, and what a second party signs of it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from securesystemslib.signer import Signer

from roadworthy.model_cards import CheckError, Claim, Metric, evidence
from roadworthy.model_cards.attestation import Attestable, Verifier, attest, to_statement
from roadworthy.model_cards.certificate import Certificate, from_statement
from roadworthy.model_cards.envelope import payload_of, seal
from roadworthy.model_cards.evidence import Row
from roadworthy.model_cards.protocol import score
from roadworthy.model_cards.second_answers import SecondAnswers, second_answers
from roadworthy.model_cards.snapshot import CERTIFICATE, EVIDENCE, coverable, entry_of
from roadworthy.model_cards.tolerance import beyond, tolerance_for

from .clean_request import Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """``answers`` are held beside the certificate's evidence, ``None`` on other data; ``apart`` is why they lie beyond
    the tolerance, ``None`` where none is known. ``attestation`` is the signed envelope, where one was asked for."""

    claim: Claim
    metric: Metric
    reasons: tuple[str, ...]
    answers: SecondAnswers | None
    apart: tuple[str, ...] | None
    attestation: bytes | None
    evidence: bytes


def measured_again(packaged: Path, aside: Path, measured: Measured, signer: Signer, attest_as: str | None) -> Again:
    """Holds what the clean process found against the certificate in ``packaged``, in which nothing changes.

    Raises:
        CheckError: an attestation was asked for, and this is other data than the certificate's, or these are other
            files than it covers.
    """
    certificate = from_statement(payload_of((packaged / CERTIFICATE).read_bytes()))
    claim, proof = certificate.claim, (aside / "test.jsonl").read_bytes()
    rows = evidence.load(proof)
    metric = score(measured.protocol, rows)
    first = evidence.load((packaged / EVIDENCE).read_bytes())
    signed = None
    if attest_as is not None:
        signed = _attested(packaged, certificate, measured, first, proof, signer, attest_as)
    reasons, answers, apart = [], None, None
    if measured.fingerprint != claim.data.test.fingerprint:
        reasons.append("this data is not the certificate's test data, so the figures cannot be compared")
    else:
        answers = second_answers(claim.protocol, rows, first)
        tolerance = tolerance_for(claim.protocol, claim.environment, measured.environment)
        apart = beyond(answers, tolerance) if tolerance is not None else None
        reasons += apart or ()
    if not claim.target.met_by(metric.value):
        reasons.append(f"target missed: {metric.name} {metric.value:.4f}, expected {claim.target}")
    return Again(
        claim=claim,
        metric=metric,
        reasons=tuple(reasons),
        answers=answers,
        apart=apart,
        attestation=signed,
        evidence=proof,
    )


def _attested(
    packaged: Path,
    certificate: Certificate,
    measured: Measured,
    first: tuple[Row, ...],
    proof: bytes,
    signer: Signer,
    name: str,
) -> bytes:
    if coverable(measured.files) != certificate.files:
        raise CheckError(
            f"the files in {packaged} are not those that its certificate covers. Nothing was attested; pull the "
            "version again."
        )
    record = attest(
        Attestable(subject=entry_of(packaged / CERTIFICATE, CERTIFICATE), certificate=certificate, first=first),
        proof,
        environment=measured.environment,
        measured_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        verifier=Verifier(name=name, keyid=signer.public_key.keyid),
    )
    return seal(to_statement(record), signer)
