"""The card's section on time: attempts, convergence, energy and choices, from the claim and nothing else."""

import dataclasses
import re
from typing import Any

import pytest

from roadworthy.model_cards import Attempt, Claim, card, compare_convergence, series_of
from roadworthy.model_cards.clocks import Clocks


def text_of(claim: Claim, **changes: Any) -> str:
    """The card of the claim with other fields in its training."""
    assert claim.training is not None
    changed = dataclasses.replace(claim, training=dataclasses.replace(claim.training, **changes))
    return card.render(card.Proof(claim=changed, rows=(), curve=()))["README.md"].decode()


def attempts(claim: Claim, *runs: float | None) -> list[Attempt]:
    """One attempt for each time on the run clock; ``None`` for one that gave up after a minute."""
    assert claim.training is not None
    clocks: Clocks = claim.training.clocks
    return [
        Attempt(
            seed=100 + i,
            clocks=dataclasses.replace(
                clocks,
                run=60.0 if run is None else run,
                total=61.0 if run is None else run + 1,
                train_only=30.0,
                target_met=run is not None,
            ),
        )
        for i, run in enumerate(runs)
    ]


def rows(text: str) -> list[str]:
    """The lines of the table of attempts."""
    table = text.split("| attempt | seed |")[1].split("\n\n")[0]
    return table.splitlines()[2:]


def test_one_seed_is_told_as_one_seed(claim: Claim) -> None:
    """Without a series, and with a series of one."""
    for series in (None, series_of(attempts(claim, 7.0))):
        text = text_of(claim, series=series)
        assert "One seed (7);" in text
        assert "attempts" not in text


def test_all_times_are_shown_with_median_and_olympic_mean(claim: Claim) -> None:
    """Of 10 20 33 40 90 the median is 33, and (20 + 33 + 40) / 3 = 31; the third made is the shipped one."""
    text = text_of(claim, series=series_of(attempts(claim, 10, 90, 33, 40, 20)))
    assert rows(text) == [
        "| 1 | 100 | 10.0 s | 11.0 s | 30.0 s | 80 |",
        "| 2 | 101 | 90.0 s | 91.0 s | 30.0 s | 80 |",
        "| **3, shipped** | 102 | 33.0 s | 34.0 s | 30.0 s | 80 |",
        "| 4 | 103 | 40.0 s | 41.0 s | 30.0 s | 80 |",
        "| 5 | 104 | 20.0 s | 21.0 s | 30.0 s | 80 |",
        "| median | | **33.0 s** | **34.0 s** | **30.0 s** | |",
        "| olympic mean | | **31.0 s** | **32.0 s** | **30.0 s** | |",
    ]
    assert "Attempt 3 of 5 (seed 7);" in text
    assert "5 of 5 attempts reached the target (100 %). These weights are of attempt 3" in text


def test_failures_are_shown(claim: Claim) -> None:
    """Two make the olympic mean invalid; one that died early has no times at all."""
    series = series_of([*attempts(claim, 10, None, 20, 30), Attempt(seed=1, clocks=None)])
    text = text_of(claim, series=series)
    assert rows(text)[1] == "| 2 | 101 | failed after 60.0 s | failed after 61.0 s | failed after 30.0 s | 80 |"
    assert rows(text)[4] == "| 5 | 1 | failed | failed | failed | not measured |"
    assert rows(text)[5].startswith("| median | | **30.0 s** |")
    assert rows(text)[6] == "| olympic mean | | invalid | invalid | invalid | |"
    assert "3 of 5 attempts reached the target (60 %)." in text


def test_what_does_not_exist_of_few_attempts_is_said(claim: Claim) -> None:
    """Two attempts have a median and no olympic mean; with one failed of two the median is infinite."""
    assert "| olympic mean | | none of fewer than 3 attempts |" in text_of(
        claim, series=series_of(attempts(claim, 10, 20))
    )
    assert "| median | | infinite | infinite | infinite | |" in text_of(
        claim, series=series_of(attempts(claim, 10, None))
    )


@pytest.mark.parametrize(("joules", "said"), [(None, "Energy: not measured."), (12_345.6, "Energy: 12,346 J.")])
def test_energy_is_told_or_not_measured(claim: Claim, joules: float | None, said: str) -> None:
    """Never a nought for nothing."""
    assert said in text_of(claim, energy_joules=joules)


def test_what_the_energy_was_read_off_is_told(claim: Claim) -> None:
    """A GPU's board is not the machine."""
    assert "Energy: 90 J (NVML, GPU boards)." in text_of(claim, energy_joules=90.0, energy_counter="NVML, GPU boards")


def test_a_resumed_attempt_is_told(claim: Claim) -> None:
    """Its clock stood still while nothing ran, so the series is not ranked."""
    made = attempts(claim, 10, 20, 30)
    assert "never ranked" not in text_of(claim, series=series_of(made)).split("### All 3 attempts")[1]
    assert made[1].clocks is not None
    made[1] = dataclasses.replace(made[1], clocks=dataclasses.replace(made[1].clocks, resumed=True))
    assert "Resumed, so that this series is never ranked: 2." in text_of(claim, series=series_of(made))


def test_choices_stand_on_one_line(claim: Claim) -> None:
    """By the alphabet; none is no line."""
    text = text_of(claim, choices={"precision": "bfloat16", "micro_batch": 32, "compile": False})
    assert "The run chose, after measuring: `compile false`, `micro_batch 32`, `precision bfloat16`.\n" in text
    assert "The run chose" not in text_of(claim)


def test_a_run_that_is_too_fast_is_flagged(claim: Claim) -> None:
    """With the bound and the reference's runs; an honest one is told as that."""
    reference = [6400, 7040, 5760, 6400, 8320]
    fast = text_of(claim, convergence=compare_convergence(reference, 80))
    assert "**Faster than its reference converges**: the target was reached after 80 samples, fewer than 4," in fast
    assert "(its runs took 6,400, 7,040, 5,760, 6,400, 8,320). Look for a leak" in fast
    honest = text_of(claim, convergence=compare_convergence(reference, 6400))
    assert re.search(
        r"as its reference's: the target was reached after 6,400 samples, not fewer than 4,\d\d\d,", honest
    )
    assert "onverge" not in text_of(claim)
