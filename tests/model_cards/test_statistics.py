"""Intervals and tests against other people's implementations, published examples and simulation."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from roadworthy.model_cards import compare_paired, wilson
from roadworthy.model_cards.statistics import mcnemar_exact


def outcomes(both: int, gained: int, lost: int, neither: int) -> tuple[list[bool], list[bool]]:
    """What the new and the old classifier answered rightly, from the four cells of the table."""
    new = [True] * both + [True] * gained + [False] * lost + [False] * neither
    old = [True] * both + [False] * gained + [True] * lost + [False] * neither
    return new, old


@pytest.mark.parametrize("n", [1, 2, 7, 50, 999, 50_000])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_wilson_equals_statsmodels(n: int, share: float, confidence: float) -> None:
    """At the ends 0 and n too."""
    successes = round(share * n)
    low, high = proportion_confint(successes, n, alpha=1 - confidence, method="wilson")
    interval = wilson(successes, n, confidence)
    assert interval.low == pytest.approx(low, abs=1e-10)
    assert interval.high == pytest.approx(high, abs=1e-10)
    assert interval.confidence == confidence


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5), (0, 0)])
def test_wilson_refuses_what_is_no_proportion(successes: int, n: int) -> None:
    """More successes than trials, or no trials."""
    with pytest.raises(ValueError, match="wilson needs"):
        wilson(successes, n)


@pytest.mark.parametrize(
    ("gained", "lost"), [(0, 0), (1, 0), (0, 5), (3, 3), (10, 2), (30, 17), (121, 59), (600, 520), (2000, 1900)]
)
def test_mcnemar_equals_statsmodels(gained: int, lost: int) -> None:
    """The exact two-sided test of the discordant pairs."""
    expected = mcnemar([[5, gained], [lost, 5]], exact=True).pvalue if gained + lost else 1.0
    assert mcnemar_exact(gained, lost) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("gained", "lost"), [(700, 600), (0, 1100), (5200, 4800), (1500, 500)])
def test_mcnemar_keeps_its_precision_beyond_the_range_of_a_float(gained: int, lost: int) -> None:
    """2**n is no float for n > 1023, and p-values far below 1e-18 are not 0."""
    expected = binomtest(gained, gained + lost, 0.5).pvalue
    assert mcnemar_exact(gained, lost) == pytest.approx(expected, rel=1e-6, abs=1e-300)


def test_mcnemar_is_symmetric() -> None:
    """Two-sided: which of the two is called new does not matter."""
    assert mcnemar_exact(12, 31) == mcnemar_exact(31, 12)


def test_the_paired_counts_and_difference() -> None:
    """Gained, lost and the difference of the accuracies, counted by hand."""
    compared = compare_paired([True, True, False, True, False], [True, False, True, False, False])
    assert (compared.n, compared.gained, compared.lost) == (5, 2, 1)
    assert compared.difference == pytest.approx(3 / 5 - 2 / 5)


def test_the_paired_interval_equals_the_published_example() -> None:
    """Airway hyper-responsiveness, 1 and 7 discordant of 21: Fagerland, Lydersen & Laake 2014, table V."""
    compared = compare_paired(*outcomes(both=1, gained=1, lost=7, neither=12))
    assert (round(compared.low, 3), round(compared.high, 3)) == (-0.508, -0.013)
    assert compared.difference == pytest.approx(-6 / 21)
    # 2 * (C(8,0) + C(8,1)) / 2**8
    assert compared.p_value == pytest.approx(18 / 256)


def test_the_paired_interval_by_hand() -> None:
    """Of 100, 15 gained and 5 lost: p = 16/102, q = 6/102, variance (22/102 - (10/102)^2) / 102."""
    compared = compare_paired(*outcomes(both=70, gained=15, lost=5, neither=10))
    assert compared.low == pytest.approx(0.0980392 - 1.959964 * 0.0449482, abs=1e-6)
    assert compared.high == pytest.approx(0.0980392 + 1.959964 * 0.0449482, abs=1e-6)


@pytest.mark.parametrize(("gained", "lost"), [(0.06, 0.04), (0.03, 0.03), (0.1, 0.02)])
def test_the_paired_interval_covers_the_truth(gained: float, lost: float) -> None:
    """4,000 simulated comparisons on 500 examples: nominally 95 % of the intervals hold the true difference."""
    random = np.random.default_rng(20260102)
    held = 0
    for both, won, gone, neither in random.multinomial(500, [0.8, gained, lost, 0.2 - gained - lost], size=4000):
        compared = compare_paired(*outcomes(both, won, gone, neither))
        held += compared.low <= gained - lost <= compared.high
    assert 0.94 <= held / 4000 <= 0.965


def test_the_paired_interval_stays_in_range() -> None:
    """A difference of proportions is never beyond -1 or 1."""
    compared = compare_paired([True] * 3, [False] * 3)
    assert compared.high == 1.0
    assert compared.low < compared.difference <= compared.high


@pytest.mark.parametrize(("new", "old"), [([], []), ([True], [True, False])])
def test_a_paired_comparison_needs_the_same_examples(new: list[bool], old: list[bool]) -> None:
    """Two lists of unequal length are two sets of examples."""
    with pytest.raises(ValueError, match="same examples"):
        compare_paired(new, old)


def test_a_comparison_of_many_discordant_pairs_is_finite() -> None:
    """Half of 5,000 examples changed sides."""
    compared = compare_paired(*outcomes(both=1250, gained=1250, lost=1250, neither=1250))
    assert compared.p_value == 1.0
    assert math.isfinite(compared.low)
