"""Holm against statsmodels; the guard of classes against scipy's binomial test and simulation."""

import numpy as np
import pytest
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests

from roadworthy.model_cards.multiple import holm, worse_classes


@pytest.mark.parametrize("n", [1, 2, 7, 30])
@pytest.mark.parametrize("digits", [1, 9])
def test_holm_is_that_of_statsmodels(n: int, digits: int) -> None:
    """Lists of p-values, of one digit with many ties, zeros and ones."""
    random = np.random.default_rng(n)
    for _ in range(4):
        p_values = np.round(random.random(n) ** 3, digits).tolist()
        assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1], abs=1e-12)


def test_holm_by_hand() -> None:
    """4 * 0.005, 3 * 0.01, 2 * 0.03; the last is not below the one before it."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))


def test_of_no_test_nothing_is_corrected() -> None:
    """An empty list of classes is no error."""
    assert holm([]) == ()


@pytest.mark.parametrize("wrong", [[-0.1], [0.2, 1.1], [float("nan")]])
def test_what_is_no_p_value_is_refused(wrong: list[float]) -> None:
    """Beyond 0 and 1, or no number."""
    with pytest.raises(ValueError, match="p-values"):
        holm(wrong)


def test_a_class_that_got_worse_is_named() -> None:
    """9 lost and none gained, of three classes: three times the binomial tail."""
    found = worse_classes({"cat": (0, 9), "dog": (4, 6), "fox": (12, 1)})
    assert list(found) == ["cat"]
    assert (found["cat"].gained, found["cat"].lost) == (0, 9)
    assert found["cat"].p_value == pytest.approx(3 * binomtest(9, 9, 0.5, alternative="greater").pvalue)


def test_the_same_loss_among_many_classes_may_be_chance() -> None:
    """6 to 0 is rare (1 in 64) for a class, and not for the worst of ten."""
    assert list(worse_classes({0: (0, 6)})) == [0]
    assert worse_classes({0: (0, 6), **{i: (3, 3) for i in range(1, 10)}}) == {}


def test_a_class_that_got_better_is_not_named() -> None:
    """However clearly it did."""
    assert worse_classes({"cat": (30, 0)}) == {}


def test_negative_counts_are_refused() -> None:
    """Gained and lost are counted."""
    with pytest.raises(ValueError, match="counts"):
        worse_classes({"cat": (-1, 4)})


def test_where_no_class_got_worse_one_is_rarely_named() -> None:
    """2,000 comparisons of 20 classes with 30 changes each: in 5 % at most, up to two standard errors."""
    lost = np.random.default_rng(20260106).binomial(30, 0.5, size=(2_000, 20))
    named = sum(bool(worse_classes({i: (30 - int(k), int(k)) for i, k in enumerate(one)})) for one in lost)
    assert 0 < named / 2_000 <= 0.06
