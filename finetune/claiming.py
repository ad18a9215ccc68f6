"""The claim: what the clean process found, beside what the run recorded, as it will be signed. It writes nothing."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from roadworthy.model_cards import InputError, Row, Series, Target, card, clocks, evidence
from roadworthy.model_cards.certificate import (
    Certificate,
    Claim,
    Data,
    SplitRecord,
    Start,
    Verdicts,
    from_statement,
    to_statement,
)
from roadworthy.model_cards.convergence_reference import compare_with
from roadworthy.model_cards.envelope import payload_of
from roadworthy.model_cards.gate import Gate
from roadworthy.model_cards.protocol import score
from roadworthy.model_cards.refusals import standing
from roadworthy.model_cards.snapshot import CERTIFICATE, EVENTS, sha256_of
from roadworthy.model_cards.waiver import Waiver

from .clean_request import Measured
from .leak_record import Leakage, leakage_of
from .parent_comparison import compared_with_parent
from .run_folder import RunData, RunSpec
from .seen import Seen
from .training_record import training_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the figures are held against, stated before they were measured, and whether a sketch is published."""

    target: Target
    gate: Gate
    waivers: tuple[Waiver, ...]
    publish_sketch: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Clean:
    """The snapshot that was measured, as ``packaged``, and what the clean process left ``aside``."""

    packaged: Path
    aside: Path
    measured: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run recorded; all ``None`` for a snapshot that comes from none. ``trained_on``: content digests."""

    spec: RunSpec | None
    seen: RunData | None
    trained_on: Seen | None
    attempts: Series | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """The claim, and what its card is drawn from: the evidence, the curve, the files about leaks."""

    claim: Claim
    rows: tuple[Row, ...]
    curve: tuple[clocks.Point, ...]
    leakage: Leakage


def claim_of(clean: Clean, run: Run, data: Path, asked: Asked) -> Claimed:
    """Everything that is claimed, before anybody waives anything.

    Raises:
        InputError: the target is on another metric than the protocol gives; the parent's data is not the parent's.
    """
    measured, target, spec, seen = clean.measured, asked.target, run.spec, run.seen
    proof = (clean.aside / "test.jsonl").read_bytes()
    rows = evidence.load(proof)
    metric = score(measured.protocol, rows)
    if metric.name != target.metric:
        raise InputError(
            f"the target is on {target.metric!r}; protocol {measured.protocol.name} gives {metric.name!r}."
        )
    worse_end = metric.low if target.relation == ">=" else metric.high
    log = clean.packaged / EVENTS
    road = clocks.read(clocks.parse(log.read_text(encoding="utf-8"))) if log.is_file() else None
    leakage = leakage_of(clean.aside, measured, rows, spec, seen, run.trained_on, publish_sketch=asked.publish_sketch)
    claim = Claim(
        card_format=card.FORMAT,
        task=measured.task,
        system=measured.system,
        architecture=measured.architecture,
        parameters=measured.parameters,
        architecture_sha256=measured.architecture_sha256,
        protocol=measured.protocol,
        metric=metric,
        target=target,
        verdicts=Verdicts(reproduced=target.met_by(metric.value), generalises=target.met_by(worse_end)),
        data=leakage.told_in(_data(measured, data, run, rows)),
        start=spec.start if spec else Start(kind="not measured"),
        environment=measured.environment,
        evidence_sha256=hashlib.sha256(proof).hexdigest(),
        measured_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        training=training_of(spec, seen, log, run.attempts) if spec else None,
        parent=compared_with_parent(clean.aside, measured, spec, rows, asked.gate),
        gate=asked.gate,
        flops=measured.flops,
    )
    return Claimed(claim=claim, rows=rows, curve=road.curve if road else (), leakage=leakage)


def waived(claimed: Claimed, asked: Asked) -> Claimed:
    """With those of the waivers that are needed: one of what does not speak against it would stand on the card for
    nothing."""
    needed = {refusal.kind for refusal in standing(claimed.claim)}
    waivers = tuple(waiver for waiver in asked.waivers if waiver.kind in needed)
    claim = replace(claimed.claim, waivers=waivers)
    # As a reader will read it, and as the card is to be drawn: after one trip through the statement's own form.
    return replace(claimed, claim=from_statement(to_statement(Certificate(files=(), claim=claim))).claim)


def compared(claimed: Claimed, reference: Path) -> tuple[Claimed, str | None]:
    """With its convergence beside that of a reference's series; or as it was, and why not.

    Raises:
        InputError: the reference has no certificate.
    """
    path, claim = reference / CERTIFICATE, claimed.claim
    if not path.is_file():
        raise InputError(f"the reference {reference} has no certificate, so there is no series to compare with.")
    theirs = from_statement(payload_of(path.read_bytes())).claim
    try:
        found = compare_with(theirs, claim, sha256_of(path))
    except InputError as error:
        return claimed, str(error)
    training = replace(claim.training, convergence=found) if claim.training else None
    return replace(claimed, claim=replace(claim, training=training)), None


def _data(measured: Measured, data: Path, run: Run, rows: Sequence[Row]) -> Data:
    seen = run.seen
    return Data(
        name=seen.data.name if seen else data.resolve().name,
        labels=measured.labels,
        split_rule=measured.split_rule,
        test=SplitRecord(n=measured.n, fingerprint=measured.fingerprint),
        train=seen.data.train if seen else None,
        validation=seen.data.validation if seen else None,
        exact_duplicates=sum(run.trained_on.holds([row.id for row in rows])) if run.trained_on is not None else None,
    )
