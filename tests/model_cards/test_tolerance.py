"""The tolerance: its count against scipy's binomial, its bounds against probabilities that really lie so close."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from roadworthy.model_cards import Protocol, Row, image_top1, text_accuracy
from roadworthy.model_cards.protocols_of_scores import (
    click_through,
    full_recommendation,
    legacy_ranking,
    ranking,
    sampled_recommendation,
)
from roadworthy.model_cards.second_answers import SecondAnswers, second_answers
from roadworthy.model_cards.tolerance import RARE, Tolerance, beyond, tolerance_for

from .conftest import MACHINE

PROTOCOL = image_top1(resize=256, crop=224, interpolation="bilinear", mean=(0, 0, 0), std=(1, 1, 1))
RESULTS = Path(__file__).resolve().parents[2] / "benchmarks/results/tolerance-cpu.json"


@pytest.mark.parametrize("share", [0.0005, 0.002, 0.01, 0.2, 0.5])
@pytest.mark.parametrize("n", [1, 24, 624, 5000, 50_000])
def test_how_many_may_differ_is_the_binomials_upper_quantile(share: float, n: int) -> None:
    """scipy's own: the least count that is exceeded with a probability below one in a thousand."""
    assert Tolerance(differing=share, probability=0.1, source="").allowed(n) == binom.ppf(1 - RARE, n, share)


def test_nothing_or_anything_may_differ() -> None:
    """The ends of the range."""
    assert Tolerance(differing=0.0, probability=0.1, source="").allowed(100) == 0
    assert Tolerance(differing=1.0, probability=0.1, source="").allowed(100) == 100


@given(
    classes=st.integers(2, 6),
    apart=st.floats(0.001, 0.3),
    seed=st.integers(0, 2**32 - 1),
)
def test_probabilities_that_lie_so_close_keep_the_bounds(classes: int, apart: float, seed: int) -> None:
    """Any two sets of probabilities no further apart than the tolerance: near ties, where answers tip over, too."""
    draw = np.random.default_rng(seed)
    first = draw.dirichlet(np.ones(classes) * draw.choice([0.2, 1, 20]), size=40)
    other = draw.dirichlet(np.ones(classes) * draw.choice([0.2, 1, 20]), size=40)
    # As far towards other probabilities as the tolerance goes: still probabilities, and no class further away.
    step = np.minimum(1, apart / np.abs(other - first).max(axis=1, keepdims=True))
    again = first + step * (other - first)
    assert np.abs(again - first).max() <= apart + 1e-12

    def rows(probabilities: np.ndarray) -> list[Row]:
        return [
            Row(id=f"{i:03}", truth=0, prediction=int(p.argmax()), confidence=round(float(p.max()), 6))
            for i, p in enumerate(probabilities)
        ]

    answers = second_answers(PROTOCOL, rows(again), rows(first))
    # A millionth more: evidence is rounded.
    assert beyond(answers, Tolerance(differing=1.0, probability=apart + 1e-6, source="")) == ()


ANSWERS = SecondAnswers(n=100, differing=0, lost=0, gained=0, largest_difference=0.001, surest_differing=None)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (replace(ANSWERS, differing=6, surest_differing=0.5), "6 of 100 predictions differ .*: expected 5 at most"),
        (replace(ANSWERS, largest_difference=0.011), "probability differs by 0.011000: expected 0.01 at most"),
        (replace(ANSWERS, differing=1, surest_differing=0.52), "given with probability 0.5200 is another now"),
    ],
)
def test_what_lies_beyond_is_said(answers: SecondAnswers, reason: str) -> None:
    """Each bound by itself; by hand: a binomial of 100 and 1 % exceeds 5 in 5 of 10,000 cases, 4 in 34."""
    tolerance = Tolerance(differing=0.01, probability=0.01, source="")
    assert beyond(replace(ANSWERS, differing=1, surest_differing=0.51), tolerance) == ()
    (found,) = beyond(answers, tolerance)
    assert re.search(reason, found)


def test_an_accelerator_or_lower_precision_on_either_side_is_held_to_more() -> None:
    """And a family that was not measured has no tolerance."""
    plain = tolerance_for(PROTOCOL, MACHINE, MACHINE)
    assert plain is not None
    for other in (replace(MACHINE, accelerators=("a GPU",)), replace(MACHINE, precision="bfloat16")):
        wide = tolerance_for(PROTOCOL, MACHINE, other)
        assert wide is not None
        assert wide == tolerance_for(PROTOCOL, other, MACHINE)
        assert wide.probability > plain.probability
    foreign = Protocol(family="boxes", id="boxes-map", version=1, metric="map", relation=">=", parameters={})
    assert tolerance_for(foreign, MACHINE, MACHINE) is None


MEASURED = [
    PROTOCOL,
    text_accuracy(max_length=64, tokenizer_sha256="0" * 64),
    click_through(),
    sampled_recommendation(),
    full_recommendation(),
    ranking(),
]


@pytest.mark.parametrize("protocol", MEASURED, ids=lambda protocol: protocol.family)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_tolerances_are_the_measured_ones(protocol: Protocol, precision: str) -> None:
    """Not a figure in the module that is not in the results; none where most predictions differed."""
    measured = json.loads(RESULTS.read_text())["tolerances"]
    found = tolerance_for(protocol, replace(MACHINE, precision=precision))
    arithmetic = "float32 on CPUs" if precision == "float32" else "lower, or an accelerator"
    told = found and {"differing": found.differing, "probability": found.probability}
    assert measured[f"{protocol.family}, {arithmetic}"] == told


def test_the_references_count_is_of_the_same_scores() -> None:
    """Where a batch ends moves none of them."""
    assert tolerance_for(legacy_ranking(), MACHINE) == tolerance_for(ranking(), MACHINE)
