"""Verification: the number that will stand on the card, measured by a process that knows nothing of it.

No torch here: this side starts the clean process, reads its evidence, recomputes the metric, binds
everything into a certificate, signs it and renders the card.
"""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from securesystemslib.signer import Signer

from roadworthy.model_cards import InputError, Metric, Target
from roadworthy.model_cards.certificate import (
    Claim,
)
from roadworthy.model_cards.gate import POINT, Gate
from roadworthy.model_cards.refusals import standing
from roadworthy.model_cards.second_answers import SecondAnswers
from roadworthy.model_cards.snapshot import (
    CERTIFICATE,
    MODEL_SIGNATURE,
    attempt_log,
)
from roadworthy.model_cards.waiver import Waiver

from . import clean_call
from .claiming import Asked, Claimed, Clean, Run, claim_of, compared, waived
from .clean_request import MEASURED, REQUEST, Measured, Request
from .groups import PATTERN
from .leak_record import check_groups
from .progress import Report, silent
from .run_folder import RunFolder, RunSpec
from .sealing import certify
from .second_measurement import measured_again
from .series_folder import SeriesFolder, check_not_one_of_many


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
    publish_sketch: bool = True,
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
    data; this version is measured on its test part too, under the parent's protocol. ``publish_sketch``: a sketch of
    the training data lies in the snapshot, which whoever has an example can ask whether it was trained on.
    ``attest_as``: the name under which ``signer`` states what a certified snapshot was measured as, for its registry.

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
    trained_on = run.read_seen() if run.is_run else None
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
    told = {**_of_data(spec), **(options or {})}
    check_groups(told, spec)
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
            options=told,
            show_examples=show_examples,
            parent_data=str(Path(parent_data).resolve()) if parent_data is not None else None,
            train=seen.data.train if seen else None,
        )
        measured = _in_clean_process(request, report)
        if certified:
            return _compare(packaged, Path(aside), measured, signer, attest_as)
        if goal is None:  # told apart above; for the type checker
            raise InputError("no target to verify against.")
        asked = Asked(target=goal, gate=rule, waivers=tuple(waivers), publish_sketch=publish_sketch)
        attempts = series.read_series() if series.is_series else None
        clean = Clean(packaged=packaged, aside=Path(aside), measured=measured)
        recorded = Run(spec=spec, seen=seen, trained_on=trained_on, attempts=attempts)
        claimed = claim_of(clean, recorded, Path(data), asked)
        claimed, not_compared = compared(claimed, reference) if reference else (claimed, None)
        claimed = waived(claimed, asked)
        start = Path(spec.start_folder) if spec and spec.start_folder else None
        certify(clean, claimed, start, signer)
        return _verified(claimed, packaged, not_compared)


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
    for name in ("evidence", "plots", ".eval_results", "data"):
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
    return (
        {name: value for name, value in spec.options.items() if name.endswith("_column") or name == PATTERN}
        if spec
        else {}
    )


def _in_clean_process(request: Request, report: Report) -> Measured:
    if request.parent is not None and not Path(request.parent).is_dir():
        raise InputError(f"the parent snapshot {request.parent} is gone; expected it to compare with. Pull it again.")
    asked = REQUEST.dump_json(request).decode()
    return MEASURED.validate_python(clean_call.call("clean_process", asked, Path(request.out), report))


def _verified(claimed: Claimed, packaged: Path, not_compared: str | None) -> Verified:
    reasons = tuple(str(refusal) for refusal in standing(claimed.claim))
    return Verified(
        ok=not reasons,
        reasons=reasons,
        metric=claimed.claim.metric,
        snapshot=packaged,
        certified=True,
        claim=claimed.claim,
        agreement=None,
        not_compared=not_compared,
    )


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
