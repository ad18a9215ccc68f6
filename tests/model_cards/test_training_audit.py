"""Audits of a series, of convergence and of pictures: what is signed follows from the logs, or is a no."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards import Attempt, Claim, audit, card, compare_convergence, evidence, list_files, series_of
from roadworthy.model_cards.certificate import Certificate, Training, to_statement
from roadworthy.model_cards.clocks import parse, read
from roadworthy.model_cards.envelope import seal
from roadworthy.model_cards.snapshot import pictures_in

Builder = Callable[..., Path]
Keys = tuple[Key, ...]
Line = Callable[..., str]
Change = Callable[[Training], Training]


def one_log(line: Line, seed: int, run: float, status: str = "success") -> str:
    """The log of an attempt that ended ``run`` seconds after it touched the data."""
    return "".join(
        [
            line(1.0, "init_start", process_started=1_700_000_000.5),
            line(1.5, "seed", seed, replayed=False),
            line(2, "run_start"),
            line(2 + run, "eval_accuracy", 0.9 if status == "success" else 0.5, samples_count=80),
            line(2 + run, "run_stop", status=status, samples_count=80, epoch_num=2.0, train_seconds=run / 2),
        ]
    )


def certify(folder: Path, claim: Claim, signer: CryptoSigner) -> None:
    """Renders and signs the folder as it is now."""
    (folder / "certificate.json").unlink()
    rows = evidence.load((folder / "evidence/test.jsonl").read_bytes())
    curve = read(parse((folder / "log/events.log").read_text())).curve
    proof = card.Proof(claim=claim, rows=rows, curve=curve, pictures=pictures_in(list_files(folder)))
    for path, data in card.render(proof).items():
        (folder / path).write_bytes(data)
    certificate = Certificate(files=list_files(folder), claim=claim)
    (folder / "certificate.json").write_bytes(seal(to_statement(certificate), signer))


@pytest.fixture
def with_series(certified_snapshot: Builder, keys: Keys, signer: CryptoSigner, line: Line) -> Callable[..., Path]:
    """A certified snapshot of three attempts of 5, 9 and 7 s (the third, of the fixture's own log, is shipped)."""

    def build(change: Change = lambda training: training, logs: Callable[[int, str], str] = lambda n, log: log) -> Path:
        folder = certified_snapshot()
        before = audit(folder, keys).certificate
        assert before is not None
        assert before.claim.training is not None
        texts = {1: one_log(line, 5, 5.0), 2: one_log(line, 6, 9.0, "aborted")}
        roads = [read(parse(text)) for text in (*texts.values(), (folder / "log/events.log").read_text())]
        series = series_of([Attempt(seed=road.seed or 0, clocks=road.clocks) for road in roads])
        for number, text in texts.items():
            (folder / f"log/attempt-{number}.log").write_text(logs(number, text))
        training = change(dataclasses.replace(before.claim.training, series=series))
        certify(folder, dataclasses.replace(before.claim, training=training), signer)
        return folder

    return build


def test_a_true_series_passes(with_series: Callable[..., Path], keys: Keys) -> None:
    """5 s, failed, and 7 s: the median is 7, and so is the mean of the one that is left."""
    outcome = audit(with_series(), keys)
    assert outcome.ok, outcome.reasons
    assert "series of 3 attempts recomputed from their event logs" in outcome.checks
    assert outcome.certificate is not None
    assert outcome.certificate.claim.training is not None
    series = outcome.certificate.claim.training.series
    assert series is not None
    assert (series.shipped, series.run.median, series.run.olympic_mean) == (3, 7.0, 7.0)
    assert series.pass_rate == pytest.approx(2 / 3)


def _series(**changes: Any) -> Change:
    def change(training: Training) -> Training:
        assert training.series is not None
        return dataclasses.replace(training, series=dataclasses.replace(training.series, **changes))

    return change


def _without_the_failure(training: Training) -> Training:
    assert training.series is not None
    first, _, last = training.series.attempts
    return dataclasses.replace(training, series=series_of([first, last]))


def _faster(training: Training) -> Training:
    assert training.series is not None
    first, *rest = training.series.attempts
    assert first.clocks is not None
    quick = dataclasses.replace(first, clocks=dataclasses.replace(first.clocks, run=1.0))
    return dataclasses.replace(training, series=series_of([quick, *rest]))


def _another_seed(training: Training) -> Training:
    assert training.series is not None
    first, *rest = training.series.attempts
    return dataclasses.replace(training, series=series_of([dataclasses.replace(first, seed=99), *rest]))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_series(pass_rate=1.0), "does not follow from the attempts"),
        (_series(shipped=1), "attempt 1 of the series is not what log/events.log tells"),
        (_faster, "attempt 1 of the series is not what log/attempt-1.log tells"),
        (_another_seed, "attempt 1 of the series is not what log/attempt-1.log tells"),
        (_without_the_failure, "log/attempt-2.log tells of an attempt that the certificate does not count"),
    ],
)
def test_a_signed_lie_about_the_series_is_found(
    with_series: Callable[..., Path], keys: Keys, change: Change, reason: str
) -> None:
    """Signed, and on the card, and not what the logs say."""
    outcome = audit(with_series(change), keys)
    assert not outcome.ok
    assert any(reason in found for found in outcome.reasons), outcome.reasons


def test_another_log_is_another_attempt(with_series: Callable[..., Path], keys: Keys) -> None:
    """The failure's log now tells of a success."""
    outcome = audit(with_series(logs=lambda number, text: text.replace("aborted", "success")), keys)
    assert outcome.reasons == (
        "attempt 2 of the series is not what log/attempt-2.log tells",
        "attempt 2: the log says that the target top1>=0.7 was met and held; expected that of its last 1 evaluations "
        "in a row, found 50.00 %",
    )


def test_a_missing_log_is_named(with_series: Callable[..., Path], keys: Keys, signer: CryptoSigner) -> None:
    """An attempt without its log is hearsay."""
    folder = with_series()
    before = audit(folder, keys).certificate
    assert before is not None
    (folder / "log/attempt-1.log").unlink()
    certify(folder, before.claim, signer)
    reasons = audit(folder, keys).reasons
    assert reasons == ("log/attempt-1.log is missing: attempt 1 of the series has no event log",)


def test_an_attempt_without_a_series_is_named(
    certified_snapshot: Builder, keys: Keys, signer: CryptoSigner, line: Line
) -> None:
    """One seed is told as one seed only where there was one."""
    folder = certified_snapshot()
    before = audit(folder, keys).certificate
    assert before is not None
    (folder / "log/attempt-1.log").write_text(one_log(line, 5, 99.0, "aborted"))
    certify(folder, before.claim, signer)
    reasons = audit(folder, keys).reasons
    assert reasons == ("log/attempt-1.log tells of an attempt that the certificate does not count",)


REFERENCE = (100, 110, 90, 105, 95)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda stated: stated, None),
        (lambda stated: dataclasses.replace(stated, bound=stated.bound + 1e-9), None),
        (lambda stated: dataclasses.replace(stated, bound=stated.bound - 5), "verdict on convergence does not follow"),
        (lambda stated: dataclasses.replace(stated, faster=not stated.faster), "verdict on convergence does not"),
        (lambda stated: compare_convergence(REFERENCE, 100), "compared at 100 samples; the event log gives 80"),
        (lambda stated: dataclasses.replace(stated, reference=(1, 2)), "at least 5 reference runs"),
    ],
)
def test_convergence_is_compared_again(
    certified_snapshot: Builder, keys: Keys, change: Callable[[Any], Any], reason: str | None
) -> None:
    """The bound within rounding, the samples of the log, the verdict exactly."""

    def lie(claim: Claim) -> Claim:
        assert claim.training is not None
        stated = change(compare_convergence(REFERENCE, 80))
        return dataclasses.replace(claim, training=dataclasses.replace(claim.training, convergence=stated))

    outcome = audit(certified_snapshot(lie=lie), keys)
    assert outcome.ok == (reason is None), outcome.reasons
    if reason is None:
        assert "convergence compared with its reference again" in outcome.checks
    else:
        assert any(reason in found for found in outcome.reasons), outcome.reasons


def test_pictures_in_the_snapshot_are_rendered_again(
    certified_snapshot: Builder, keys: Keys, signer: CryptoSigner
) -> None:
    """The card shows a picture because the certified files hold it; without it the card would be another."""
    folder = certified_snapshot()
    before = audit(folder, keys).certificate
    assert before is not None
    wrong = next(
        row for row in evidence.load((folder / "evidence/test.jsonl").read_bytes()) if row.prediction != row.truth
    )
    picture = folder / f"evidence/examples/{wrong.id[:16]}.jpg"
    picture.parent.mkdir()
    picture.write_bytes(b"\xff\xd8\xff")
    certify(folder, before.claim, signer)
    assert f"(evidence/examples/{picture.name})" in (folder / "README.md").read_text()
    outcome = audit(folder, keys)
    assert outcome.ok, outcome.reasons
    picture.unlink()
    (folder / "certificate.json").unlink()
    certificate = Certificate(files=list_files(folder), claim=before.claim)
    (folder / "certificate.json").write_bytes(seal(to_statement(certificate), signer))
    assert audit(folder, keys).reasons == ("README.md does not say what the certificate says: it was edited by hand",)


@pytest.mark.parametrize(
    ("stated", "reason"),
    [
        ({"energy_joules": 80.5, "energy_counter": "RAPL", "choices": {"micro_batch": 8}}, None),
        # What is not stated is not measured, which is no lie; nor is a certificate of before it was read.
        ({}, None),
        ({"energy_joules": 8.5, "energy_counter": "RAPL"}, "the energy in the certificate is not that"),
        ({"energy_joules": 80.5, "energy_counter": "NVML"}, "the energy in the certificate is not that"),
        ({"choices": {"micro_batch": 16}}, "the choices in the certificate are not the last ones"),
    ],
)
def test_energy_and_choices_are_read_again(
    certified_snapshot: Builder, keys: Keys, line: Line, stated: dict[str, Any], reason: str | None
) -> None:
    """80.5 J and a micro-batch of 8, says the log."""
    log = one_log(line, 7, 7.0).replace(
        line(9, "run_stop", status="success", samples_count=80, epoch_num=2.0, train_seconds=3.5), ""
    )
    log += line(9, "choices", {"micro_batch": 8})
    log += line(9, "run_stop", status="success", samples_count=80, epoch_num=2.0, train_seconds=3.5)
    log += line(9.5, "energy", 80.5, counter="RAPL")

    def change(claim: Claim) -> Claim:
        assert claim.training is not None
        return dataclasses.replace(claim, training=dataclasses.replace(claim.training, **stated))

    outcome = audit(certified_snapshot(log=log, lie=change), keys)
    assert outcome.ok == (reason is None), outcome.reasons
    if reason is not None:
        assert any(reason in found for found in outcome.reasons), outcome.reasons
    elif stated:
        assert "energy and choices read off the event log again" in outcome.checks


def test_the_reference_of_a_convergence_is_kept(certified_snapshot: Builder, keys: Keys) -> None:
    """Its certificate's digest is signed with it, stands on the card, and does not disturb the replay."""

    def change(claim: Claim) -> Claim:
        assert claim.training is not None
        found = dataclasses.replace(compare_convergence(REFERENCE, 80), certificate_sha256="ab" * 32)
        return dataclasses.replace(claim, training=dataclasses.replace(claim.training, convergence=found))

    folder = certified_snapshot(lie=change)
    assert audit(folder, keys).ok
    assert "certificate `abababababababab`)" in (folder / "README.md").read_text()
