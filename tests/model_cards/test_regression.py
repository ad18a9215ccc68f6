"""What got worse than the parent: against scipy's binomial test, on classes of known counts."""

import pytest
from scipy.stats import binomtest

from roadworthy.model_cards import Row
from roadworthy.model_cards.gate import Gate
from roadworthy.model_cards.regression import classes_that_got_worse, compare_rows, non_inferiority_of


def answers(right: dict[int, list[bool]]) -> list[Row]:
    """Evidence of two classes or more, by class whether each example was answered rightly."""
    return [
        Row(id=f"{truth}-{i:03d}", truth=truth, prediction=truth if good else (truth + 1) % 3, confidence=0.5)
        for truth, found in right.items()
        for i, good in enumerate(found)
    ]


def test_the_class_that_lost_is_named_with_its_corrected_p_value() -> None:
    """Of three classes one lost 9 and gained none: its one-sided p times three, by Holm."""
    old = answers({0: [True] * 20, 1: [True] * 20, 2: [True] * 10 + [False] * 10})
    new = answers({0: [True] * 20, 1: [False] * 9 + [True] * 11, 2: [False] * 2 + [True] * 18})
    worse = classes_that_got_worse(new, old, ("cat", "dog", "eel"))
    assert list(worse) == ["dog"]
    assert (worse["dog"].gained, worse["dog"].lost) == (0, 9)
    assert worse["dog"].p_value == pytest.approx(3 * binomtest(9, 9, 0.5, alternative="greater").pvalue)


def test_few_losses_name_no_class() -> None:
    """Four of four lost: p is 1/16 before any correction."""
    old = answers({0: [True] * 20, 1: [True] * 4})
    new = answers({0: [True] * 20, 1: [False] * 4})
    assert classes_that_got_worse(new, old, ("cat", "dog", "eel")) == {}


def test_the_margin_is_the_gates_or_half_a_point() -> None:
    """Where a gate states none."""
    rows = answers({0: [True] * 20, 1: [True] * 20})
    comparison = compare_rows(rows, rows)
    assert non_inferiority_of(comparison, Gate()).margin == 0.005
    assert non_inferiority_of(comparison, Gate(kind="non-inferior", margin=0.02)).margin == 0.02
