"""The number of examples, against statsmodels' interval one by one, McNemar's formula and exact power."""

import pytest
from scipy.stats import binom, norm
from statsmodels.stats.proportion import proportion_confint, samplesize_confint_proportion

from roadworthy.model_cards.noninferiority import non_inferior
from roadworthy.model_cards.sample_size import n_for_half_width, n_for_non_inferiority, n_for_target


def ends(share: float, n: int, confidence: float) -> tuple[float, float]:
    """Wilson's interval of statsmodels, of a count that need not be whole."""
    low, high = proportion_confint(share * n, n, alpha=1 - confidence, method="wilson")
    return float(low), float(high)


@pytest.mark.parametrize("share", [0.0, 0.03, 0.5, 0.9, 0.99, 1.0])
@pytest.mark.parametrize("margin", [0.2, 0.05, 0.01, 0.004])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_the_smallest_n_of_a_half_width(share: float, margin: float, confidence: float) -> None:
    """At n the interval is narrow enough, at n - 1 it is not."""
    n = n_for_half_width(share, margin, confidence)
    low, high = ends(share, n, confidence)
    assert (high - low) / 2 <= margin + 1e-9
    if n > 1:
        low, high = ends(share, n - 1, confidence)
        assert (high - low) / 2 > margin


def test_a_large_n_is_nearly_that_of_the_normal_interval() -> None:
    """statsmodels has a formula for Wald's interval; with thousands of examples Wilson's needs as many."""
    expected = samplesize_confint_proportion(0.9, 0.01, alpha=0.05, method="normal")
    assert n_for_half_width(0.9, 0.01) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    ("share", "target"), [(0.92, 0.9), (0.764, 0.76), (0.6, 0.5), (1.0, 0.95), (0.88, 0.9), (0.0, 0.02), (0.99, 0.1)]
)
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_the_smallest_n_of_a_target(share: float, target: float, confidence: float) -> None:
    """At n the interval lies on the share's side of the target, at n - 1 it holds the target."""
    n = n_for_target(share, target, confidence)
    low, high = ends(share, n, confidence)
    assert low >= target - 1e-9 if share > target else high <= target + 1e-9
    if n > 1:
        low, high = ends(share, n - 1, confidence)
        assert low < target < high


def test_a_target_of_one_half_by_hand() -> None:
    """1.959964² * 0.25 / 0.1² = 96.04."""
    assert n_for_target(0.6, 0.5) == 97


@pytest.mark.parametrize(("share", "margin"), [(1.1, 0.1), (-0.1, 0.1), (0.5, 0.0), (0.5, 0.5)])
def test_what_has_no_half_width_is_refused(share: float, margin: float) -> None:
    """No share, no margin, or one that every interval keeps."""
    with pytest.raises(ValueError, match="a margin lies"):
        n_for_half_width(share, margin)


@pytest.mark.parametrize(("share", "target"), [(0.9, 0.9), (1.2, 0.9), (0.9, 1.0), (0.9, 0.0)])
def test_a_target_that_no_n_reaches_is_refused(share: float, target: float) -> None:
    """The share itself, or a share or target that cannot be."""
    with pytest.raises(ValueError, match="no number of examples"):
        n_for_target(share, target)


@pytest.mark.parametrize(("discordant", "difference"), [(0.1, 0.05), (0.2, 0.04), (0.3, 0.1)])
def test_without_a_margin_it_is_mcnemars_n(discordant: float, difference: float) -> None:
    """(z sqrt(d) + z' sqrt(d - D²))² / D² (Connett, Smith & McHugh 1987, Stat. Med. 6:361)."""
    reach = norm.ppf(0.95) * discordant**0.5 + norm.ppf(0.8) * (discordant - difference**2) ** 0.5
    expected = (reach / difference) ** 2
    assert n_for_non_inferiority(1e-9, discordant, difference) == pytest.approx(expected, abs=1)


def power(n: int, margin: float, discordant: float, difference: float) -> float:
    """The exact chance that `non_inferior` holds."""
    gain, loss = (discordant + difference) / 2, (discordant - difference) / 2
    found = 0.0
    for gained in range(int(binom.ppf(1e-6, n, gain)), int(binom.ppf(1 - 1e-6, n, gain)) + 1):
        for lost in range(int(binom.ppf(1 - 1e-6, n, loss)) + 1):
            if not non_inferior(gained, lost, n, margin).holds:
                break
            found += binom.pmf(gained, n, gain) * binom.pmf(lost, n - gained, loss / (1 - gain))
    return found


@pytest.mark.parametrize(
    ("margin", "discordant", "difference", "wanted"),
    [(0.05, 0.1, 0.0, 0.8), (0.03, 0.05, 0.0, 0.9), (0.03, 0.05, 0.01, 0.8), (0.05, 0.1, -0.01, 0.8)],
)
def test_at_that_n_the_claim_holds_as_often_as_wanted(
    margin: float, discordant: float, difference: float, wanted: float
) -> None:
    """Exactly, over all outcomes that have a chance; the formula is one for large n."""
    n = n_for_non_inferiority(margin, discordant, difference, power=wanted)
    assert power(n, margin, discordant, difference) == pytest.approx(wanted, abs=0.03)


@pytest.mark.parametrize(
    ("margin", "discordant", "difference"),
    [(0.0, 0.1, 0.0), (0.01, 0.1, -0.01), (0.01, 0.0, 0.0), (0.01, 0.02, 0.03), (0.01, 1.1, 0.0)],
)
def test_a_comparison_that_no_n_decides_is_refused(margin: float, discordant: float, difference: float) -> None:
    """No margin, a difference at the margin, nothing discordant, shares that cannot be."""
    with pytest.raises(ValueError, match="no number of examples"):
        n_for_non_inferiority(margin, discordant, difference)


@pytest.mark.parametrize("wrong", [0.0, 1.0])
def test_power_is_a_chance(wrong: float) -> None:
    """Neither none nor certainty."""
    with pytest.raises(ValueError, match="power"):
        n_for_non_inferiority(0.01, 0.1, power=wrong)
