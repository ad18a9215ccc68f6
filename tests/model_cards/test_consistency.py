"""A log against itself and against the certificate's data: each lie is signed, so that only the replay can find it."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import Key

from roadworthy.model_cards import Claim, audit
from roadworthy.model_cards.certificate import SplitRecord

Builder = Callable[..., Path]
Keys = tuple[Key, ...]
Line = Callable[..., str]


@pytest.fixture
def log(line: Line) -> Callable[..., str]:
    """A run of 100 s: 10 s of data, twice 40 s of steps and 5 s of evaluation; 400 examples, 400 samples a stretch."""

    def build(**changes: Any) -> str:
        told = {"train_seconds": 80.0, "second_eval": 800, "epochs": 2.0, "train": 400, "start": 10.0} | changes
        return "".join(
            [
                line(1, "init_start", process_started=1_700_000_000.5),
                line(1.5, "seed", 7, replayed=False),
                line(told["start"], "run_start"),
                line(11, "cache", "cold"),
                line(12, "train_samples", told["train"]),
                line(13, "eval_samples", 50),
                line(20, "checkpoint", samples_count=0, epoch_num=0.0, train_seconds=0.0),
                line(60, "eval_start", samples_count=400),
                line(65, "eval_accuracy", 0.6, samples_count=400, epoch_num=1.0),
                line(105, "eval_start", samples_count=told["second_eval"]),
                line(110, "eval_accuracy", 0.9, samples_count=told["second_eval"], epoch_num=2.0),
                line(
                    110.5,
                    "run_stop",
                    status="success",
                    samples_count=800,
                    epoch_num=told["epochs"],
                    train_seconds=told["train_seconds"],
                ),
            ]
        )

    return build


def _data(claim: Claim) -> Claim:
    train, validation = SplitRecord(n=400, fingerprint="a" * 64), SplitRecord(n=50, fingerprint="b" * 64)
    return dataclasses.replace(claim, data=dataclasses.replace(claim.data, train=train, validation=validation))


def test_a_true_log_agrees_with_itself(certified_snapshot: Builder, keys: Keys, log: Callable[..., str]) -> None:
    """Every check is named."""
    outcome = audit(certified_snapshot(log=log(), lie=_data), keys)
    assert outcome.ok, outcome.reasons
    assert {
        "times and samples of the log run forward",
        "evaluations lie within the run",
        "train_only ≤ run ≤ total",
        "samples, epochs and parts of the data agree",
        "train_only keeps pace with the evaluations",
        "measured after the run ended",
    } <= set(outcome.checks)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        # 72 s less 0.5 of the 80 s would be believed; 71 is not.
        ({"train_seconds": 71.0}, "train_only is 71.0 s (11 samples/s): expected about the 80.000 s"),
        ({"train_seconds": 0.008}, "expected about the 80.000 s that the log has between its evaluations"),
        ({"train_seconds": 101.0}, "train_only is 101.0 s: expected 0 or more, and no more than run, 100.5 s"),
        ({"train_seconds": -1.0}, "train_only is -1.0 s: expected 0 or more"),
        ({"epochs": 1.0}, "800 samples are 1.0 epochs: expected 2.0000 of 400 training examples"),
        ({"train": 4000}, "the log's train_samples is 4000: expected 400, as in the certificate"),
        ({"second_eval": 300}, "has 300 samples after 400: expected at least as many as before"),
        ({"second_eval": 900}, "the log's run_stop has 800 samples after 900"),
        ({"start": 70}, "the log has an evaluation before its run_start"),
    ],
)
def test_a_log_that_contradicts_itself_is_refused(
    certified_snapshot: Builder, keys: Keys, log: Callable[..., str], changes: dict[str, Any], reason: str
) -> None:
    """Clocks and card follow from it, and it cannot be."""
    reasons = audit(certified_snapshot(log=log(**changes), lie=_data), keys).reasons
    assert any(reason in found for found in reasons), reasons


def test_a_slightly_slow_stopwatch_is_believed(
    certified_snapshot: Builder, keys: Keys, log: Callable[..., str]
) -> None:
    """It stands while losses are looked at."""
    assert audit(certified_snapshot(log=log(train_seconds=78.0), lie=_data), keys).ok


def test_times_that_run_backwards_are_refused(
    certified_snapshot: Builder, keys: Keys, log: Callable[..., str], line: Line
) -> None:
    """A second of correction of the machine's clock is believed, a minute is not."""
    moved = log().replace(line(60, "eval_start", samples_count=400), line(10.4, "eval_start", samples_count=400))
    reasons = audit(certified_snapshot("lie", log=moved, lie=_data), keys).reasons
    assert "the log's eval_start comes 9.600 s before an event that precedes it" in reasons[0]
    little = log().replace(line(12, "train_samples", 400), line(10.5, "train_samples", 400))
    assert audit(certified_snapshot("true", log=little, lie=_data), keys).ok


def test_a_run_cannot_begin_before_its_process(
    certified_snapshot: Builder, keys: Keys, log: Callable[..., str]
) -> None:
    """run would be longer than total."""
    late = log().replace("1700000000.5", "1700000050.5")
    reasons = audit(certified_snapshot(log=late, lie=_data), keys).reasons
    assert "run is 100.5 s: expected 0 or more, and no more than total, 60.0 s" in reasons


@pytest.mark.parametrize(("measured_at", "ok"), [("2023-11-14T22:15:10Z", True), ("2023-11-14T22:00:00Z", False)])
def test_a_certificate_from_before_its_run_is_refused(
    certified_snapshot: Builder, keys: Keys, log: Callable[..., str], measured_at: str, ok: bool
) -> None:
    """The log ends at 22:15:10.5 (1,700,000,110.5 s after the epoch)."""
    lie = lambda claim: dataclasses.replace(_data(claim), measured_at=measured_at)  # noqa: E731
    outcome = audit(certified_snapshot(log=log(), lie=lie), keys)
    assert outcome.ok is ok, outcome.reasons
    if not ok:
        assert outcome.reasons == (
            "it was measured at 2023-11-14T22:00:00Z: expected later than the log's last event, 2023-11-14T22:15:10Z",
        )
