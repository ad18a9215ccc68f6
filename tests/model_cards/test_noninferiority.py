"""Tango's score test against PropCIs, published examples, a maximised likelihood and exact error rates."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import binom, norm

from roadworthy.model_cards.noninferiority import non_inferior, tango


def score(gained: int, lost: int, n: int, difference: float) -> float:
    """The score statistic, the share of lost examples found by maximising the likelihood at ``difference``."""

    def loss(q: float) -> float:
        shares = (q + difference, q, 1 - 2 * q - difference)
        counts = (gained, lost, n - gained - lost)
        return -math.fsum(k * math.log(max(p, 1e-300)) for k, p in zip(counts, shares, strict=True) if k)

    bounds = (max(0.0, -difference), (1 - difference) / 2)
    q = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    return float((gained - lost - n * difference) / np.sqrt(n * (2 * q + difference - difference**2)))


@pytest.mark.parametrize(
    ("gained", "lost", "n", "confidence", "low", "high"),
    [
        # R's PropCIs::scoreci.mp, which counts lost before gained.
        (60, 20, 1000, 0.95, 0.0231, 0.0584),
        (28, 25, 618, 0.90, -0.0148, 0.0247),
        (48, 41, 549, 0.90, -0.0157, 0.0414),
    ],
)
def test_the_interval_is_that_of_r(gained: int, lost: int, n: int, confidence: float, low: float, high: float) -> None:
    """To the four digits that were printed."""
    found = tango(gained, lost, n, confidence)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    assert found.confidence == confidence


def test_the_published_interval() -> None:
    """Airway hyper-responsiveness, 1 and 7 discordant of 21: Fagerland, Lydersen & Laake 2014, table V."""
    found = tango(1, 7, 21)
    assert (round(found.low, 3), round(found.high, 3)) == (-0.517, -0.026)


def test_tangos_example() -> None:
    """Disinfection of contact lenses, 44 pairs, 0 and 1 discordant, a margin of 10 %: Z = 1.709, p = 0.044."""
    found = non_inferior(0, 1, 44, 0.1)
    assert (found.n, found.gained, found.lost, found.margin) == (44, 0, 1, 0.1)
    assert round(found.p_value, 3) == 0.044
    # sqrt(98.01 - 38.72) = 7.7, so q = 17.6 / 176 = 0.1 and Z = 3.4 / sqrt(44 * 0.09).
    assert found.p_value == pytest.approx(norm.sf(3.4 / np.sqrt(3.96)), rel=1e-6)
    assert round(found.low, 3) == -0.096
    assert found.difference == pytest.approx(-1 / 44)
    assert found.holds


@pytest.mark.parametrize(("gained", "lost", "n"), [(7, 12, 200), (0, 4, 90), (5, 0, 60), (0, 0, 100), (40, 45, 90)])
def test_the_bound_is_where_the_maximised_likelihood_says(gained: int, lost: int, n: int) -> None:
    """Both sides, with empty cells too."""
    observed = (gained - lost) / n
    low = brentq(lambda d: score(gained, lost, n, d) - 1.644853627, -0.999, observed - 1e-9)
    high = brentq(lambda d: score(gained, lost, n, d) + 1.644853627, observed + 1e-9, 0.999)
    found = tango(gained, lost, n, 0.9)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)
    assert non_inferior(gained, lost, n, 0.05).low == found.low


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 300), st.floats(0.005, 0.3))
def test_the_verdict_the_bound_and_the_p_value_agree(gained: int, lost: int, same: int, margin: float) -> None:
    """Non-inferior where the bound lies above the margin, which is where p is below 5 %."""
    n = gained + lost + same
    if n == 0:
        return
    found = non_inferior(gained, lost, n, margin)
    assert found.holds == (found.low > -margin)
    if abs(found.p_value - 0.05) > 1e-6:
        assert found.holds == (found.p_value < 0.05)
    assert -1 <= found.low <= found.difference


def test_a_larger_margin_is_easier_to_hold() -> None:
    """By the same bound."""
    assert not non_inferior(10, 12, 1000, 0.005).holds
    assert non_inferior(10, 12, 1000, 0.02).holds


def test_few_examples_prove_nothing() -> None:
    """Not one lost of 20: a loss of 5 points is still possible."""
    assert not non_inferior(0, 0, 20, 0.05).holds
    assert non_inferior(0, 0, 200, 0.05).holds


def test_the_interval_ends_where_a_difference_ends() -> None:
    """All lost, all gained."""
    assert tango(0, 30, 30).low == -1
    assert tango(30, 0, 30).high == 1


@pytest.mark.parametrize(("gained", "lost", "n"), [(-1, 0, 5), (3, 3, 5), (0, 0, 0)])
def test_counts_that_cannot_be_are_refused(gained: int, lost: int, n: int) -> None:
    """Negative, more than there are, none."""
    with pytest.raises(ValueError, match=r"gained \+ lost <= n"):
        non_inferior(gained, lost, n, 0.1)
    with pytest.raises(ValueError, match=r"gained \+ lost <= n"):
        tango(gained, lost, n)


@pytest.mark.parametrize("margin", [0.0, -0.01, 1.0])
def test_a_margin_lies_between_0_and_1(margin: float) -> None:
    """None is a test of superiority."""
    with pytest.raises(ValueError, match="margin"):
        non_inferior(1, 2, 50, margin)


@pytest.mark.parametrize(
    ("n", "margin", "discordant"),
    [(300, 0.02, 0.05), (500, 0.02, 0.04), (500, 0.01, 0.03), (1000, 0.005, 0.03), (1000, 0.01, 0.1)],
)
def test_a_model_that_is_worse_by_the_margin_passes_in_5_of_100_cases(n: int, margin: float, discordant: float) -> None:
    """Exactly, over all outcomes that have a chance: 4 to 6 %."""
    gain, loss = (discordant - margin) / 2, (discordant + margin) / 2
    wrongly = 0.0
    for gained in range(int(binom.ppf(1e-7, n, gain)), int(binom.ppf(1 - 1e-7, n, gain)) + 1):
        left = n - gained
        for lost in range(int(binom.ppf(1 - 1e-7, n, loss)) + 1):
            if not non_inferior(gained, lost, n, margin).holds:
                break  # the more are lost, the less it holds
            wrongly += binom.pmf(gained, n, gain) * binom.pmf(lost, left, loss / (1 - gain))
    assert 0.04 <= wrongly <= 0.06
