"""Means by the unit: their intervals by other roads, in simulation, and two models on the same units."""

from math import sqrt

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import t, ttest_rel
from statsmodels.stats.proportion import proportion_confint

from roadworthy.model_cards import Row
from roadworthy.model_cards.bootstrap import bootstrap_sums
from roadworthy.model_cards.linearised import interval_of, logit_t, standard_error
from roadworthy.model_cards.protocols_of_scores import OF_SCORES
from roadworthy.model_cards.score_comparison import ScoreComparison, score_comparison, score_non_inferiority
from roadworthy.model_cards.unit_means import MOST_RESAMPLED, UnitMean

Values = NDArray[np.float64]


def said(rows: list[Row] | tuple[Row, ...], _: object) -> Values:
    """What a row is worth: its confidence, once."""
    return np.array([(row.confidence, 1.0) for row in rows])


MEAN = UnitMean(metric="ndcg_at_10", worths=said, share=True)  # type: ignore[arg-type]
LOSS = UnitMean(metric="log_loss", worths=said, share=False)  # type: ignore[arg-type]


def rows_of(worths: Values, per_unit: int | None = None) -> list[Row]:
    """One row of each worth; so many of a unit."""
    return [
        Row(id=f"{n:06x}", truth=0, prediction=0, confidence=worth, unit=f"{n // per_unit:x}" if per_unit else None)
        for n, worth in enumerate(worths.tolist())
    ]


def test_few_units_are_resampled_and_many_are_not() -> None:
    """Up to 1,000 it is the bootstrap that decision 13 measured; the value is the plain mean either way."""
    worths = np.random.default_rng(1).random(MOST_RESAMPLED + 1)
    few, many = MEAN.estimate(rows_of(worths[:-1]), {}), MEAN.estimate(rows_of(worths), {})
    assert (few.method, many.method) == ("expanded-bca", "logit-t")
    columns = np.stack([worths[:-1], np.ones(MOST_RESAMPLED)], axis=1)
    assert few.interval == bootstrap_sums(columns, lambda sums: sums[..., 0] / sums[..., 1]).interval
    assert (few.value, many.value) == pytest.approx((worths[:-1].mean(), worths.mean()), abs=1e-15)


def test_both_roads_meet() -> None:
    """At 1,000 units their ends lie within a hundredth of the interval's width."""
    worths = np.random.default_rng(2).beta(2, 5, 1_000)
    few = MEAN.estimate(rows_of(worths), {}).interval
    other, _ = interval_of(worths.mean(), (worths - worths.mean()) / 1_000, share=True)
    assert (other.low, other.high) == pytest.approx((few.low, few.high), abs=0.03 * (few.high - few.low))


def test_a_plain_interval_is_students() -> None:
    """Of 1,500 losses: scipy's t on their mean and standard error."""
    worths = np.random.default_rng(3).exponential(size=1_500)
    found = LOSS.estimate(rows_of(worths), {})
    expected = t(1_499, worths.mean(), worths.std(ddof=1) / sqrt(1_500)).interval(0.95)
    assert (found.interval.low, found.interval.high) == pytest.approx(expected, abs=1e-8)
    assert found.method == "t"


def test_the_error_of_a_ratio_is_cochrans() -> None:
    """Users with several rows each: the linearised variance of a ratio of sums (Sampling Techniques, equation 6.9)."""
    random = np.random.default_rng(4)
    counts = random.integers(1, 6, 1_200)
    sums = np.array([random.random(n).sum() for n in counts])
    ratio = sums.sum() / counts.sum()
    variance = ((sums - ratio * counts) ** 2).sum() / 1_199 / 1_200 / counts.mean() ** 2
    influences = (sums - ratio * counts) / counts.sum()
    assert standard_error(influences) == pytest.approx(sqrt(variance), rel=1e-12)


@pytest.mark.parametrize(("worth", "low", "high"), [(1.0, None, 1.0), (0.0, 0.0, None), (0.5, None, None)])
def test_units_that_are_all_alike_are_no_certainty(worth: float, low: float | None, high: float | None) -> None:
    """Twenty groups of the same worth: Wilson's interval of so many right answers of 20."""
    found = MEAN.estimate(rows_of(np.full(20, worth)), {})
    expected = proportion_confint(round(20 * worth), 20, method="wilson")
    assert (found.interval.low, found.interval.high) == pytest.approx(expected, abs=1e-9)
    assert (found.method, found.value) == ("wilson", worth)
    assert low is None or found.interval.low == low
    assert high is None or found.interval.high == high


def test_one_unit_alone_has_an_interval() -> None:
    """Which says next to nothing."""
    found = MEAN.estimate(rows_of(np.array([0.75])), {})
    assert found.interval.low < 0.3
    assert found.interval.high == 1.0


def test_a_share_never_leaves_0_and_1() -> None:
    """However wide it is: two units, and a spread beyond what exp can hold."""
    for value, variance in ((0.001, 0.25), (0.999, 0.25), (0.5, 1e6)):
        found = logit_t(value, variance, 1)
        assert 0 <= found.low <= value <= found.high <= 1


# --- two models


def test_a_paired_comparison_is_a_paired_t_test() -> None:
    """scipy's, on 300 units: p-value and interval."""
    random = np.random.default_rng(6)
    old = random.random(300)
    new = np.clip(old + random.normal(0.01, 0.1, 300), 0, 1)
    found, expected = MEAN.compare(rows_of(new), rows_of(old), {}), ttest_rel(new, old)
    low, high = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-8)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-8)
    assert found.difference == pytest.approx((new - old).mean(), abs=1e-15)
    assert (found.n, found.method) == (300, "paired-t")


def test_units_with_many_rows_are_compared_as_units() -> None:
    """Thirty copies of each row change nothing."""
    random = np.random.default_rng(7)
    old, new = random.random((2, 50))
    alone = MEAN.compare(rows_of(new), rows_of(old), {})
    copied = MEAN.compare(rows_of(np.repeat(new, 30), 30), rows_of(np.repeat(old, 30), 30), {})
    assert copied.n == 50
    assert (copied.low, copied.high) == pytest.approx((alone.low, alone.high))


def test_a_model_does_not_differ_from_itself() -> None:
    """No difference, no error, no evidence; and not inferior by any margin."""
    rows = rows_of(np.random.default_rng(8).random(40))
    found = MEAN.compare(rows, rows, {})
    assert (found.difference, found.error, found.p_value) == (0, 0, 1)
    assert score_non_inferiority(found, 0.001).holds


def test_a_difference_that_does_not_vary_is_refused() -> None:
    """Every unit better by the same: nothing says by how much that might vary."""
    rows = rows_of(np.full(40, 0.25)), rows_of(np.full(40, 0.5))
    with pytest.raises(ValueError, match="do not vary"):
        MEAN.compare(*rows, {})


def compared(metric: str, difference: float, error: float, n: int = 100) -> ScoreComparison:
    """A comparison of so many units."""
    return score_comparison(metric, difference, error, n, "paired-t")


def test_non_inferiority_is_the_one_sided_end() -> None:
    """Of 100 units, by scipy's t: -0.004 with an error of 0.001 is above -0.006 and not above -0.005."""
    found = score_non_inferiority(compared("ndcg_at_10", -0.004, 0.001), 0.006)
    assert found.low == pytest.approx(-0.004 - t(99).ppf(0.95) * 0.001, abs=1e-11)
    assert found.p_value == pytest.approx(t(99).sf(2), rel=1e-8)
    assert found.holds
    assert not score_non_inferiority(compared("ndcg_at_10", -0.004, 0.001), 0.005).holds


def test_of_a_loss_less_is_better() -> None:
    """A loss that fell by 0.02 is a gain of as much; one that rose is none."""
    fell = score_non_inferiority(compared("log_loss", -0.02, 0.001), 0.005)
    rose = score_non_inferiority(compared("log_loss", 0.02, 0.001), 0.005)
    assert (fell.gain, fell.holds) == (0.02, True)
    assert (rose.gain, rose.holds) == (-0.02, False)
    assert rose.p_value > 0.999


@pytest.mark.parametrize("margin", [0, 1, -0.5])
def test_a_margin_is_a_share(margin: float) -> None:
    """As for classifiers."""
    with pytest.raises(ValueError, match="lies between 0 and 1"):
        score_non_inferiority(compared("auc", 0.01, 0.01), margin)


# --- coverage


def gains(random: np.random.Generator, n: int) -> Values:
    """NDCG of one item whose rank is geometric: mostly 1, some 0."""
    rank = random.geometric(0.4, n)
    return np.where(rank <= 10, 1 / np.log2(rank + 1), 0.0)


def held(n: int, sets: int) -> float:
    """The share of linearised intervals that hold the truth."""
    random = np.random.default_rng(20261103)
    truth = gains(random, 4_000_000).mean()
    found = 0
    for _ in range(sets):
        worths = gains(random, n)
        interval, _ = interval_of(worths.mean(), (worths - worths.mean()) / n, share=True)
        found += interval.low <= truth <= interval.high
    return found / sets


def test_the_linearised_interval_holds_the_truth() -> None:
    """1,000 sets of 200 units."""
    assert 0.93 <= held(200, 1_000) <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("n", [100, 1_000, 5_000])
def test_the_linearised_interval_holds_the_truth_in_95_of_100_cases(n: int) -> None:
    """10,000 sets."""
    assert 0.94 <= held(n, 10_000) <= 0.96


def test_every_metric_of_a_family_can_be_compared() -> None:
    """Or a version could not be held against its parent."""
    for family in OF_SCORES.values():
        assert family.metrics.keys() == family.comparisons.keys()
