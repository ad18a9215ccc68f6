"""The crossing and the hold: what the evaluations of a log say, whatever its last line says. All of it is signed."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import Key

from roadworthy.model_cards import Claim, audit
from roadworthy.model_cards.clocks import parse
from roadworthy.model_cards.crossing import evaluations

Builder = Callable[..., Path]
Keys = tuple[Key, ...]
Line = Callable[..., str]


def log_of(
    line: Line, values: list[float], *, status: str = "success", target: str | None = None, hold: int = 2
) -> str:
    """A log with an evaluation after each 40 samples; with ``target``, it says at its start what ends it."""
    told = [] if target is None else [line(1.7, "target", target, hold=hold)]
    looks = [line(3 + n, "eval_accuracy", value, samples_count=40 * n) for n, value in enumerate(values, start=1)]
    last, samples = 4 + len(values), 40 * len(values)
    return "".join(
        [
            line(1.5, "init_start", process_started=1_700_000_001.0),
            line(1.6, "seed", 7, replayed=False),
            *told,
            line(2, "run_start"),
            line(3, "cache", "cold"),
            *looks,
            line(last, "run_stop", status=status, samples_count=samples, epoch_num=1.0, train_seconds=1.25),
        ]
    )


def recipe(hold: int) -> Callable[[Claim], Claim]:
    """The claim of a run whose recipe wants the target met ``hold`` times in a row; the target is top1>=0.7."""
    return lambda claim: _training(claim, recipe={"hold": hold})


def _training(claim: Claim, **changes: Any) -> Claim:
    assert claim.training is not None
    return dataclasses.replace(claim, training=dataclasses.replace(claim.training, **changes))


@pytest.mark.parametrize(
    ("values", "hold"),
    [([0.5, 0.7, 0.8], 2), ([0.7, 0.6, 0.7, 0.7], 2), ([0.9], 1), ([0.7, 0.7, 0.7], 3), ([0.65, 0.9, 0.71], 2)],
)
def test_a_target_that_was_met_and_held_passes(
    certified_snapshot: Builder, keys: Keys, line: Line, values: list[float], hold: int
) -> None:
    """At the end, as often as the recipe says, and never before."""
    outcome = audit(certified_snapshot(log=log_of(line, values), lie=recipe(hold)), keys)
    assert outcome.ok, outcome.reasons
    assert "target met and held at the end, by the evaluations" in outcome.checks


@pytest.mark.parametrize(
    ("values", "hold", "reason"),
    [
        ([0.5, 0.6, 0.69], 2, "of its last 2 evaluations in a row, found 60.00 %, 69.00 %"),
        ([0.5, 0.6, 0.9], 2, "of its last 2 evaluations in a row, found 60.00 %, 90.00 %"),
        ([0.9, 0.9, 0.6, 0.9], 2, "found 60.00 %, 90.00 %"),
        ([0.9], 2, "of its last 2 evaluations in a row, found 90.00 %"),
        ([], 1, "found none"),
        ([0.9, 0.9, 0.6, 0.9, 0.9], 2, "held after 80 samples already; expected the run to end there"),
        ([0.9, 0.9, 0.9], 2, "held after 80 samples already; expected the run to end there"),
    ],
)
def test_a_signed_success_without_its_crossing_is_refused(
    certified_snapshot: Builder, keys: Keys, line: Line, values: list[float], hold: int, reason: str
) -> None:
    """Never met, met too seldom, lost within the hold, or gone on: the clocks follow from the log, and it is a no."""
    outcome = audit(certified_snapshot(log=log_of(line, values), lie=recipe(hold)), keys)
    assert len(outcome.reasons) == 1, outcome.reasons
    assert reason in outcome.reasons[0]


def test_a_log_that_does_not_say_how_often_asks_for_one(certified_snapshot: Builder, keys: Keys, line: Line) -> None:
    """Logs and recipes from before the hold was written down: the last evaluation, at least, has met the target."""
    assert audit(certified_snapshot("old", log=log_of(line, [0.5, 0.9])), keys).ok
    reasons = audit(certified_snapshot("lie", log=log_of(line, [0.9, 0.5])), keys).reasons
    assert len(reasons) == 1
    assert "of its last 1 evaluations in a row, found 50.00 %" in reasons[0]


def test_an_end_without_success_is_held_against_the_evaluations_too(
    certified_snapshot: Builder, keys: Keys, line: Line
) -> None:
    """A run that reached its target and says that it did not is another run than its log's."""
    log = log_of(line, [0.5, 0.9, 0.9], status="aborted")
    reasons = audit(certified_snapshot(log=log, lie=recipe(2)), keys).reasons
    assert [reason.startswith("the log says that the target top1>=0.7 was not held") for reason in reasons] == [True]


@pytest.mark.parametrize(("target", "hold"), [("top1>=0.6", 2), ("top1>=0.7", 1), (None, 2)])
def test_what_the_run_was_begun_with_is_what_the_certificate_says(
    certified_snapshot: Builder, keys: Keys, line: Line, target: str | None, hold: int
) -> None:
    """The rule is written before the run starts; another one afterwards is another rule."""
    true = log_of(line, [0.5, 0.9, 0.9], target="top1>=0.7", hold=2)
    assert audit(certified_snapshot("true", log=true, lie=recipe(2)), keys).ok
    told = line(1.7, "target", target, hold=hold)
    forged = true.replace(line(1.7, "target", "top1>=0.7", hold=2), told)
    reasons = audit(certified_snapshot("forged", log=forged, lie=recipe(2)), keys).reasons
    assert reasons == (
        f"the run was begun with the target {target} held {hold} times; the certificate says top1>=0.7 held 2 times",
    )


def test_the_log_alone_says_how_often_where_the_recipe_does_not(
    certified_snapshot: Builder, keys: Keys, line: Line
) -> None:
    """Three in a row were asked for at its start, and two came."""
    log = log_of(line, [0.5, 0.9, 0.9], target="top1>=0.7", hold=3)
    assert "of its last 3 evaluations in a row" in audit(certified_snapshot(log=log), keys).reasons[0]


def test_success_without_a_target_is_refused(certified_snapshot: Builder, keys: Keys) -> None:
    """There was nothing that could hold."""
    reasons = audit(certified_snapshot(lie=lambda claim: _training(claim, target=None)), keys).reasons
    assert reasons == ("the log says that a target held, and the run had none",)


def test_looks_out_of_fold_count_and_do_not_end_a_run(certified_snapshot: Builder, keys: Keys, line: Line) -> None:
    """Looks at a fitted head come in pairs, validation second: the first of a pair may complete a hold that the second
    one breaks, and the run goes on."""
    values = [0.8, 0.8, 0.8, 0.6, 0.8, 0.8, 0.8, 0.8]
    looks = "".join(
        line(3.0 + n / 10, "eval_accuracy", value, samples_count=100 * (1 + n // 2), stage="head")
        if n % 2
        else line(
            3.0 + n / 10, "eval_accuracy", value, samples_count=100 * (1 + n // 2), stage="head", look="out-of-fold"
        )
        for n, value in enumerate(values)
    )
    log = log_of(line, []).replace('"samples_count": 0', '"samples_count": 400')
    log = log.replace(line(3, "cache", "cold"), line(3, "cache", "cold") + looks)
    assert audit(certified_snapshot("true", log=log, lie=recipe(3)), keys).ok
    # On validation the same would have been the end.
    forged = log.replace(', "look": "out-of-fold"', "")
    assert (
        "held after 200 samples already" in audit(certified_snapshot("lie", log=forged, lie=recipe(3)), keys).reasons[0]
    )


def test_what_was_measured_twice_counts_once(line: Line) -> None:
    """A process that was killed after its evaluation at 80, with a checkpoint at 40: the next one measures 80 again."""
    first = log_of(line, [0.1, 0.9]).rsplit(":::MLLOG", 1)[0]
    again = "".join(
        [
            line(101, "init_start", process_started=1_700_000_100.0),
            line(102, "run_start"),
            line(105, "eval_accuracy", 0.2, samples_count=80),
            line(106, "eval_accuracy", 0.3, samples_count=120),
            line(107, "run_stop", status="aborted", samples_count=120, epoch_num=1.0, train_seconds=2.0),
            line(108, "eval_accuracy", 0.99, samples_count=160),
        ]
    )
    assert [(one.samples, one.value) for one in evaluations(parse(first + again))] == [(40, 0.1), (80, 0.2), (120, 0.3)]


def _validation(claim: Claim, value: float) -> Claim:
    stated = dataclasses.replace(claim.metric, value=value)
    return _training(claim, validation=stated)


def test_the_validation_figure_is_the_last_evaluation(certified_snapshot: Builder, keys: Keys) -> None:
    """0.95 in the fixture's log; another figure was typed in."""
    assert audit(certified_snapshot("true", lie=lambda claim: _validation(claim, 0.95)), keys).ok
    reasons = audit(certified_snapshot("lie", lie=lambda claim: _validation(claim, 0.96)), keys).reasons
    assert reasons == (
        "validation ended at top1 96.00 % in the certificate; expected the last evaluation in the log, 95.00 %",
    )
