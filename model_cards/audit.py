"""Audit: everything about a snapshot that can be checked without its data, a GPU, or torch.

Digests of all files, the signature, the metric recomputed from the evidence, the data's fingerprint,
the clocks read off the event log again, and the card rendered again and compared byte for byte.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from securesystemslib.signer import Key

from . import card, evidence
from .certificate import Certificate, Claim, from_statement
from .clocks import Point
from .envelope import open_envelope
from .errors import InputError, RoadworthyError
from .metric import Metric, told
from .model_signature import signature_checks
from .parent_audit import parent_checks
from .protocol import score
from .replayed import figures_differ
from .snapshot import (
    CARD,
    CERTIFICATE,
    EVENTS,
    EVIDENCE,
    MODEL_SIGNATURE,
    FileEntry,
    list_files,
    pictures_in,
    sha256_of,
)
from .training_audit import road_of, training_checks


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """The outcome: ``checks`` that were passed, ``reasons`` for a no; ``ok`` when there is none."""

    ok: bool
    reasons: tuple[str, ...]
    checks: tuple[str, ...]
    certificate: Certificate | None
    signers: tuple[str, ...]


def audit(folder: Path, keys: Sequence[Key]) -> Audit:
    """Audits the snapshot in ``folder``; a signature counts if one of ``keys`` made it.

    Raises:
        InputError: ``folder`` is not a folder. Everything else is a reason in the result.

    Example:
        >>> from pathlib import Path
        >>> from roadworthy.model_cards import audit
        >>> from roadworthy.registry import trusted_keys
        >>> audit(Path("run/candidate"), trusted_keys()).ok
        True
    """
    try:
        files = list_files(folder)
    except InputError as error:
        if not folder.is_dir():
            raise
        return _no(str(error))
    path = folder / CERTIFICATE
    if not path.is_file():
        return _no("no certificate.json: this snapshot is a draft. Measure it: roadworthy verify DIR --data DIR")
    try:
        opened = open_envelope(path.read_bytes(), keys)
        certificate = from_statement(opened.payload)
    except RoadworthyError as error:
        return _no(str(error))
    checks = [f"signature of key {opened.signers[0][:16]} holds"]
    reasons = list(_digests(certificate.files, files))
    if reasons:
        reasons = [*_edits(folder, certificate), *reasons]
    else:
        checks.append(f"digests of {len(certificate.files)} files match")
        try:
            for check, wrong in (
                *_waived(certificate.claim, opened.signers),
                *signature_checks(folder, files),
                *_replay(folder, certificate),
            ):
                reasons += wrong
                checks += [] if wrong else [check]
        except (
            RoadworthyError,
            OSError,
            ArithmeticError,
            AttributeError,
            LookupError,
            RecursionError,
            TypeError,
            ValueError,
        ) as error:
            # Signed bytes that cannot be replayed are a no, whatever exactly is wrong with them.
            reasons.append(f"the evidence cannot be replayed: {error}")
    return Audit(
        ok=not reasons,
        reasons=tuple(reasons),
        checks=tuple(checks),
        certificate=certificate,
        signers=opened.signers,
    )


def _no(reason: str) -> Audit:
    return Audit(ok=False, reasons=(reason,), checks=(), certificate=None, signers=())


def _waived(claim: Claim, signers: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    if claim.waivers:
        strangers = [waiver.keyid[:16] for waiver in claim.waivers if waiver.keyid not in signers]
        yield (
            f"{len(claim.waivers)} waivers signed by who waived",
            [f"a waiver is by the key {key}, which did not sign the certificate" for key in strangers],
        )


def _digests(certified: Sequence[FileEntry], found: Sequence[FileEntry]) -> Iterator[str]:
    here = {f.path: f for f in found if f.path != CERTIFICATE}
    for file in certified:
        other = here.pop(file.path, None)
        if other is None:
            yield f"{file.path} is missing; the certificate covers it"
        elif other.sha256 != file.sha256:
            yield (
                f"{file.path} was changed after it was certified: expected sha256 {file.sha256[:16]}…, "
                f"found {other.sha256[:16]}…"
            )
    for path in here:
        if path != MODEL_SIGNATURE:
            yield f"{path} is not covered by the certificate"


def _edits(folder: Path, certificate: Certificate) -> Iterator[str]:
    """What a changed card says and what it should say, where that can still be told."""
    certified = {file.path: file.sha256 for file in certificate.files}
    path = folder / CARD
    current = certificate.claim.card_format == card.FORMAT
    if not current or not path.is_file() or certified.get(CARD) == sha256_of(path):
        return
    try:
        rows = evidence.load((folder / EVIDENCE).read_bytes())
        expected = card.render(_proof(certificate, rows, ()))[CARD].decode()
        found = path.read_text(encoding="utf-8")
    except (RoadworthyError, OSError, LookupError, TypeError, ValueError):
        return  # the digests speak for themselves
    pairs = zip_longest(expected.splitlines(), found.splitlines(), fillvalue="")
    for number, (ours, theirs) in enumerate(pairs, start=1):
        if ours != theirs:
            yield (
                f"{CARD} was edited by hand in line {number}: the certificate says {_short(ours)}, "
                f"the card says {_short(theirs)}"
            )
            return


def _proof(certificate: Certificate, rows: Sequence[evidence.Row], curve: Sequence[Point]) -> card.Proof:
    return card.Proof(claim=certificate.claim, rows=rows, curve=curve, pictures=pictures_in(certificate.files))


def _short(line: str) -> str:
    return repr(line if len(line) <= 60 else line[:57] + "…")


def _replay(folder: Path, certificate: Certificate) -> Iterator[tuple[str, list[str]]]:
    """Each check in words, and what speaks against it."""
    claim = certificate.claim
    data = (folder / EVIDENCE).read_bytes()
    rows = evidence.load(data)
    metric = score(claim.protocol, rows)
    recomputed = f"{metric.name} {told(metric.name, metric.value)} recomputed from {metric.n:,} rows of evidence"
    yield recomputed, list(_claimed(claim, data, rows, metric))
    yield from parent_checks(folder, claim, rows)
    if claim.training is not None:
        yield from training_checks(folder, claim.training)
    if claim.card_format != card.FORMAT:
        yield f"card of format {claim.card_format}: bound by digest, not rendered again", []
        return
    road = road_of(folder / EVENTS)
    drawn = card.render(_proof(certificate, rows, road.curve if road else ()))
    yield (
        f"card rendered again: {len(drawn)} files equal",
        [
            f"{path} does not say what the certificate says: it was edited by hand"
            for path, expected in drawn.items()
            if not (folder / path).is_file() or (folder / path).read_bytes() != expected
        ],
    )


def _claimed(claim: Claim, data: bytes, rows: Sequence[evidence.Row], metric: Metric) -> Iterator[str]:
    if hashlib.sha256(data).hexdigest() != claim.evidence_sha256:
        yield "evidence/test.jsonl is not the evidence that the claim was made from"
    yield from figures_differ(claim.metric, metric, "the certificate")
    if evidence.fingerprint_of(rows) != claim.data.test.fingerprint or len(rows) != claim.data.test.n:
        yield "the evidence was measured on other data than the certificate's fingerprint says"
    if claim.target.metric != metric.name:
        yield f"the target is on {claim.target.metric!r}; the protocol gives {metric.name!r}"
    met, surely = (
        claim.target.met_by(metric.value),
        claim.target.met_by(metric.low if claim.target.relation == ">=" else metric.high),
    )
    if (met, surely) != (claim.verdicts.reproduced, claim.verdicts.generalises):
        yield f"the verdicts do not follow from {metric.name} {metric.value:.4f} and the target {claim.target}"
