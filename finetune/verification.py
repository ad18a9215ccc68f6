"""Verification: the number that will stand on the card, measured by a process that knows nothing of it.

No torch here: this side starts the clean process, reads its evidence, recomputes the metric, binds
everything into a certificate, signs it and renders the card.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from securesystemslib.signer import Signer

from roadworthy.model_cards import CheckError, InputError, Metric, StorageError, Target, card, clocks, evidence
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
from roadworthy.model_cards.envelope import payload_of, seal
from roadworthy.model_cards.gate import POINT, Gate
from roadworthy.model_cards.protocol import score
from roadworthy.model_cards.refusals import standing
from roadworthy.model_cards.second_answers import SecondAnswers
from roadworthy.model_cards.snapshot import (
    CERTIFICATE,
    EVENTS,
    EVIDENCE,
    EXAMPLES,
    MODEL_SIGNATURE,
    FileEntry,
    attempt_log,
    coverable,
    list_files,
    pictures_in,
    sha256_of,
)
from roadworthy.model_cards.waiver import Waiver

from . import clean_call
from .clean_request import MEASURED, REQUEST, Measured, Request
from .parent_comparison import compared_with_parent, parent_evidence
from .progress import Report, silent
from .run_folder import RunData, RunFolder, RunSpec
from .second_measurement import measured_again
from .series_folder import SeriesFolder, check_not_one_of_many
from .training_record import training_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """``ok``: it passed its gate, and whatever else speaks against it was waived. ``agreement``: share of equal
    predictions with an earlier certificate of the same snapshot, where there is one. ``not_compared``: why the
    convergence was not compared with the reference that was given.

    Of a snapshot that was certified already: ``answers`` beside the certificate's, ``within`` whether they keep the
    protocol's tolerance (``None``: none is known), ``evidence`` this measurement's own, and ``attestation`` its signed
    statement, where one was asked for; `registry.attest` takes both."""

    ok: bool
    reasons: tuple[str, ...]
    metric: Metric
    snapshot: Path
    certified: bool
    claim: Claim | None
    agreement: float | None
    not_compared: str | None = None
    answers: SecondAnswers | None = None
    within: bool | None = None
    attestation: bytes | None = None
    evidence: bytes | None = None


def verify(
    snapshot: Path | str,
    *,
    data: Path | str,
    signer: Signer,
    target: Target | str | None = None,
    device: str | None = None,
    options: Mapping[str, str | int] | None = None,
    show_examples: int = 0,
    reference: Path | None = None,
    gate: Gate | str | None = None,
    waivers: Sequence[Waiver] = (),
    parent_data: Path | str | None = None,
    attest_as: str | None = None,
    report: Report = silent,
) -> Verified:
    """Measures a run's candidate, a series' one, or a snapshot folder, on the test part of ``data`` in a clean process.

    A run or an uncertified folder receives evidence, a signed certificate and a card. A folder that has a
    certificate is only measured again and compared with it; nothing in it changes. ``options`` say which columns
    of a table to read; by default those of the run. ``show_examples``: of how many of the surest errors, ten at most,
    a picture goes into the snapshot and onto its card; by default nothing of the data does. ``reference``: a certified
    snapshot folder whose certificate you trust; its series of attempts says how soon a run like this one can be
    expected to converge. ``gate`` is the rule that the figures have to pass, by default that the point estimate meets
    the target; ``waivers`` are what you publish it in spite of, for good on its card. ``parent_data``: the parent's own
    data; this version is measured on its test part too, under the parent's protocol. ``attest_as``: the name under
    which ``signer`` states what a certified snapshot was measured as, for its registry.

    Raises:
        CheckError: what cannot be attested: other data than the certificate's, or other files than it covers.
        InputError: no snapshot, no target, data that cannot be measured on, or pictures of what has none; a gate or
            data of a parent, and there is none that it could be held against.
        StorageError: the folder cannot be written, or the clean process died.

    Example:
        >>> from roadworthy.finetune import verify
        >>> from roadworthy.registry import signing_key
        >>> verified = verify("run", data="photos", signer=signing_key())
        >>> verified.ok, verified.metric.n
        (True, 30)
    """
    folder = Path(snapshot)
    series = SeriesFolder(folder)
    run = series.shipped() if series.is_series else RunFolder(folder)
    if not series.is_series:
        check_not_one_of_many(run)
    spec, seen = (run.read_spec(), run.read_data()) if run.is_run else (None, None)
    packaged = run.candidate if run.is_run else folder
    if not packaged.is_dir():
        raise InputError(f"no snapshot at {packaged}. Expected a run, a snapshot folder or a reference.")
    goal = Target.parse(target) if isinstance(target, str) else target
    goal = goal or (spec.target if spec else None)
    certified = (packaged / CERTIFICATE).is_file() and not run.is_run
    if certified and reference is not None:
        raise InputError("--reference is for a run that has no certificate yet; this snapshot is only measured again.")
    if goal is None and not certified:
        raise InputError("no target to verify against. State one, for example --target 'top1>=0.9'.")
    if show_examples and certified:
        raise InputError(f"{packaged} has its certificate, and nothing in it changes. Leave --show-examples out.")
    rule = Gate.parse(gate) if isinstance(gate, str) else gate or POINT
    parent = spec.start_folder if spec and spec.start.kind == "parent" else None
    _check_has_parent(parent, rule, parent_data)
    if certified and (waivers or gate is not None):
        raise InputError(f"{packaged} has its certificate, and nothing in it changes. Leave --gate and --waive out.")
    if attest_as is not None and not certified:
        raise InputError(
            f"{packaged} has no certificate that could be attested. Verify and publish it; a second party attests it."
        )
    with tempfile.TemporaryDirectory(prefix="roadworthy-verify-") as aside:
        # What an earlier verification of this run left behind is measured anew, not built upon.
        if run.is_run:
            _strip(packaged)
        if series.is_series:
            _add_attempts(packaged, series)
        request = Request(
            snapshot=str(packaged.resolve()),
            parent=parent,
            data=str(Path(data).resolve()),
            out=aside,
            device=device,
            options=dict(options if options is not None else _of_data(spec)),
            show_examples=show_examples,
            parent_data=str(Path(parent_data).resolve()) if parent_data is not None else None,
        )
        measured = _in_clean_process(request, report)
        if certified:
            return _compare(packaged, Path(aside), measured, signer, attest_as)
        if goal is None:  # told apart above; for the type checker
            raise InputError("no target to verify against.")
        asked = Asked(target=goal, gate=rule, waivers=tuple(waivers))
        return _certify(packaged, Path(aside), measured, Path(data), asked, spec, seen, series, reference, signer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the figures are held against, stated before they were measured."""

    target: Target
    gate: Gate
    waivers: tuple[Waiver, ...]


def _check_has_parent(parent: str | None, gate: Gate, parent_data: Path | str | None) -> None:
    if parent is not None:
        return
    if gate.kind == "non-inferior":
        raise InputError(
            f"the gate {gate} compares with a certified parent, and this snapshot is no run that started from one. "
            "Take the gate point or lower-bound, or fine-tune a certified version."
        )
    if parent_data is not None:
        raise InputError(
            "--parent-data is for a run that started from a certified version; this one has no such parent. Leave "
            "it out."
        )


def _strip(packaged: Path) -> None:
    for name in (CERTIFICATE, MODEL_SIGNATURE, "README.md"):
        (packaged / name).unlink(missing_ok=True)
    for name in ("evidence", "plots", ".eval_results"):
        shutil.rmtree(packaged / name, ignore_errors=True)
    for log in packaged.glob("log/attempt-*.log"):
        log.unlink()


def _add_attempts(packaged: Path, series: SeriesFolder) -> None:
    """The logs of all attempts that are not shipped; one that died before it wrote any has an empty one."""
    told = series.read_series()
    for number in range(1, len(told.attempts) + 1):
        if number != told.shipped:
            log = series.attempt(number).events
            (packaged / attempt_log(number)).write_bytes(log.read_bytes() if log.is_file() else b"")


def _of_data(spec: RunSpec | None) -> dict[str, str | int]:
    """What a run was told of its data; what it was told of the model is in the snapshot's config by now."""
    return {name: value for name, value in spec.options.items() if name.endswith("_column")} if spec else {}


def _in_clean_process(request: Request, report: Report) -> Measured:
    if request.parent is not None and not Path(request.parent).is_dir():
        raise InputError(f"the parent snapshot {request.parent} is gone; expected it to compare with. Pull it again.")
    asked = REQUEST.dump_json(request).decode()
    return MEASURED.validate_python(clean_call.call("clean_process", asked, Path(request.out), report))


def _certify(
    packaged: Path,
    aside: Path,
    measured: Measured,
    data: Path,
    asked: Asked,
    spec: RunSpec | None,
    seen: RunData | None,
    series: SeriesFolder,
    reference: Path | None,
    signer: Signer,
) -> Verified:
    target = asked.target
    proof = (aside / "test.jsonl").read_bytes()
    rows = evidence.load(proof)
    metric = score(measured.protocol, rows)
    if metric.name != target.metric:
        raise InputError(
            f"the target is on {target.metric!r}; protocol {measured.protocol.name} gives {metric.name!r}."
        )
    worse_end = metric.low if target.relation == ">=" else metric.high
    known = set(seen.seen) if seen else set()
    leaked = sum(row.id in known for row in rows) if seen else None
    log = packaged / EVENTS
    road = clocks.read(clocks.parse(log.read_text(encoding="utf-8"))) if log.is_file() else None
    attempts = series.read_series() if series.is_series else None
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
        data=_data(measured, data, seen, leaked),
        start=spec.start if spec else Start(kind="not measured"),
        environment=measured.environment,
        evidence_sha256=hashlib.sha256(proof).hexdigest(),
        measured_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        training=training_of(spec, seen, log, attempts) if spec else None,
        parent=compared_with_parent(aside, measured, spec, rows, asked.gate),
        gate=asked.gate,
    )
    claim, not_compared = _compared(claim, reference) if reference else (claim, None)
    # A waiver of what does not speak against it would stand on the card for nothing.
    needed = {refusal.kind for refusal in standing(claim)}
    claim = replace(claim, waivers=tuple(waiver for waiver in asked.waivers if waiver.kind in needed))
    # Rendered from what a reader will read: after one trip through the statement's own form.
    claim = from_statement(to_statement(Certificate(files=(), claim=claim))).claim
    start = Path(spec.start_folder) if spec and spec.start_folder else None
    _write(packaged, aside, measured.files, claim, rows, road.curve if road else (), start, signer)
    reasons = tuple(str(refusal) for refusal in standing(claim))
    return Verified(
        ok=not reasons,
        reasons=reasons,
        metric=metric,
        snapshot=packaged,
        certified=True,
        claim=claim,
        agreement=None,
        not_compared=not_compared,
    )


def _compared(claim: Claim, reference: Path) -> tuple[Claim, str | None]:
    """The claim with its convergence beside the reference's; or as it was, and why not."""
    path = reference / CERTIFICATE
    if not path.is_file():
        raise InputError(f"the reference {reference} has no certificate, so there is no series to compare with.")
    theirs = from_statement(payload_of(path.read_bytes())).claim
    try:
        found = compare_with(theirs, claim, sha256_of(path))
    except InputError as error:
        return claim, str(error)
    return replace(claim, training=replace(claim.training, convergence=found) if claim.training else None), None


def _data(measured: Measured, data: Path, seen: RunData | None, leaked: int | None) -> Data:
    return Data(
        name=seen.data.name if seen else data.resolve().name,
        labels=measured.labels,
        split_rule=measured.split_rule,
        test=SplitRecord(n=measured.n, fingerprint=measured.fingerprint),
        train=seen.data.train if seen else None,
        validation=seen.data.validation if seen else None,
        exact_duplicates=leaked,
        near_duplicates=None,
    )


def _write(
    packaged: Path,
    aside: Path,
    measured: tuple[FileEntry, ...],
    claim: Claim,
    rows: tuple[evidence.Row, ...],
    curve: tuple[clocks.Point, ...],
    start: Path | None,
    signer: Signer,
) -> None:
    """Evidence, card, certificate; the certificate last, so that its presence means complete."""
    _check_unchanged(packaged, measured)
    try:
        (packaged / EVIDENCE).parent.mkdir(exist_ok=True)
        shutil.copyfile(aside / "test.jsonl", packaged / EVIDENCE)
        for path, found in parent_evidence(aside, start).items():
            shutil.copyfile(found, packaged / path)
        pictures = pictures_in(measured) | _pictures(packaged, aside)
        proof = card.Proof(claim=claim, rows=rows, curve=curve, pictures=pictures)
        for path, content in card.render(proof).items():
            (packaged / path).parent.mkdir(exist_ok=True)
            (packaged / path).write_bytes(content)
        envelope = seal(to_statement(Certificate(files=coverable(list_files(packaged)), claim=claim)), signer)
        (packaged / CERTIFICATE).write_bytes(envelope)
    except OSError as error:
        raise StorageError(
            f"cannot write the certificate into {packaged}: {error.strerror}. Free space or use a folder you may write."
        ) from error


def _pictures(packaged: Path, aside: Path) -> frozenset[str]:
    """The paths of the examples' pictures that were asked for, now in the snapshot."""
    found = sorted((aside / EXAMPLES).glob("*.jpg"))
    for path in found:
        (packaged / EXAMPLES).mkdir(exist_ok=True)
        shutil.copyfile(path, packaged / EXAMPLES / path.name)
    return frozenset(f"{EXAMPLES}/{path.name}" for path in found)


def _check_unchanged(packaged: Path, measured: tuple[FileEntry, ...]) -> None:
    if list_files(packaged) != measured:
        raise CheckError(f"{packaged} changed while it was being measured. Nothing was certified; verify again.")


def _compare(packaged: Path, aside: Path, measured: Measured, signer: Signer, attest_as: str | None) -> Verified:
    """A second measurement of a certified snapshot, held against the first."""
    again = measured_again(packaged, aside, measured, signer, attest_as)
    return Verified(
        ok=not again.reasons,
        reasons=again.reasons,
        metric=again.metric,
        snapshot=packaged,
        certified=False,
        claim=again.claim,
        agreement=again.answers.same if again.answers is not None else None,
        answers=again.answers,
        within=None if again.apart is None else not again.apart,
        attestation=again.attestation,
        evidence=again.evidence,
    )
