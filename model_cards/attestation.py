"""An attestation: what a second party measured of a version that another has certified.

An in-toto Statement v1 about the version's certificate, and through it about every file, signed as a DSSE envelope
(``envelope``). A version never changes, so attestations lie beside it, each with the second party's own evidence,
from which an audit recomputes all its figures.
"""

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from . import evidence, statement
from .certificate import Certificate, Environment, SplitRecord
from .errors import CheckError
from .evidence import Row
from .protocol import Metric, Protocol, score
from .replayed import figures_differ
from .second_answers import SecondAnswers, second_answers
from .snapshot import FileEntry
from .tolerance import Tolerance, beyond, tolerance_for

PREDICATE_TYPE = "urn:roadworthy:attestation:v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """Who measured: the name is the signer's word, the key is held against the signatures."""

    name: str
    keyid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """The predicate. ``answers`` are held beside the certificate's evidence; ``within``: whether they keep the
    ``tolerance``, both ``None`` where none was measured for the protocol's family."""

    protocol: Protocol
    metric: Metric
    test: SplitRecord
    answers: SecondAnswers
    tolerance: Tolerance | None
    within: bool | None
    evidence_sha256: str
    environment: Environment
    measured_at: str
    verifier: Verifier


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationRecord:
    """An attestation bound to the certificate it speaks of."""

    subject: FileEntry
    attestation: Attestation


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestable:
    """A certified version as a second party finds it: the certificate's file, what it says, and its evidence."""

    subject: FileEntry
    certificate: Certificate
    first: Sequence[Row]


def attest(
    version: Attestable, proof: bytes, *, environment: Environment, measured_at: str, verifier: Verifier
) -> AttestationRecord:
    """What ``proof``, the bytes of a second party's evidence, states about a version.

    Raises:
        CheckError: it was measured on other data than the certificate's test data.
        DamagedError: no evidence.
    """
    claim, rows = version.certificate.claim, evidence.load(proof)
    test = SplitRecord(n=len(rows), fingerprint=evidence.fingerprint_of(rows))
    if test != claim.data.test:
        raise CheckError(
            f"this is not the certificate's test data: expected {claim.data.test.n:,} examples with fingerprint "
            f"{claim.data.test.fingerprint[:16]}, found {test.n:,} with {test.fingerprint[:16]}. Nothing was attested; "
            "give the data that its card names."
        )
    metric = score(claim.protocol, rows)  # it refuses rows of another form, before they are compared
    answers = second_answers(claim.protocol, rows, version.first)
    tolerance = tolerance_for(claim.protocol, claim.environment, environment)
    return AttestationRecord(
        subject=version.subject,
        attestation=Attestation(
            protocol=claim.protocol,
            metric=metric,
            test=test,
            answers=answers,
            tolerance=tolerance,
            within=None if tolerance is None else not beyond(answers, tolerance),
            evidence_sha256=hashlib.sha256(proof).hexdigest(),
            environment=environment,
            measured_at=measured_at,
            verifier=verifier,
        ),
    )


def problems(record: AttestationRecord, version: Attestable, proof: bytes, signers: Sequence[str]) -> Iterator[str]:
    """Why a record that ``signers`` have signed does not count for a version; none where it does.

    Raises:
        RoadworthyError: evidence that cannot be replayed.
    """
    said, claim = record.attestation, version.certificate.claim
    if record.subject != version.subject:
        yield (
            f"it is of another certificate: expected sha256 {version.subject.sha256[:16]}…, found "
            f"{record.subject.sha256[:16]}…"
        )
        return
    if said.verifier.keyid not in signers:
        yield f"it names the key {said.verifier.keyid[:16]} as the verifier's, which did not sign it"
    if hashlib.sha256(proof).hexdigest() != said.evidence_sha256:
        yield "the evidence beside it is not the one that it was made from"
        return
    if said.protocol != claim.protocol:
        yield f"it was measured under {said.protocol.name}: expected {claim.protocol.name}"
        return
    found = attest(
        version, proof, environment=said.environment, measured_at=said.measured_at, verifier=said.verifier
    ).attestation
    yield from figures_differ(said.metric, found.metric, "it")
    if (said.test, said.answers) != (found.test, found.answers):
        yield "its agreement with the certificate does not follow from the two sets of evidence"
    # Held against the tolerance that it was judged by: a later release may have measured another.
    if said.within != (None if said.tolerance is None else not beyond(found.answers, said.tolerance)):
        yield "whether it keeps its tolerance does not follow from the evidence"


def to_statement(record: AttestationRecord) -> bytes:
    """The canonical bytes that are signed."""
    return statement.dump((record.subject,), PREDICATE_TYPE, dataclasses.asdict(record.attestation))


def from_statement(data: bytes) -> AttestationRecord:
    """The record that signed bytes hold. ``from_statement(to_statement(r)) == r``.

    Raises:
        CheckError: it speaks of another number of files than one.
        DamagedError: not canonical, another type, or a field missing, unknown or of the wrong type.
    """
    subjects, attestation = statement.parse(
        data, PREDICATE_TYPE, _ATTESTATION, "the attestation", "attest again", dataclasses.asdict
    )
    if len(subjects) != 1:
        raise CheckError(f"the attestation speaks of {len(subjects)} files: expected the certificate alone.")
    return AttestationRecord(subject=subjects[0], attestation=attestation)


_ATTESTATION = TypeAdapter(Attestation)
