"""The bootstrap against scipy's on the same resamples, fractions, and simulation."""

from collections.abc import Callable
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from roadworthy.model_cards.bootstrap import (
    bootstrap,
    bootstrap_sums,
    compare_bootstrap,
    compare_bootstrap_sums,
    sum_by_unit,
)
from roadworthy.model_cards.resampling import Method, Resampling, draw

Values = NDArray[np.float64]

QUICK = Resampling(resamples=2_000)


def f1(sums: Values) -> Values:
    """From true positives, false positives and misses."""
    found: Values = 2 * sums[..., 0] / (2 * sums[..., 0] + sums[..., 1] + sums[..., 2])
    return found


def mean(sums: Values) -> Values:
    """From a sum and a count."""
    found: Values = sums[..., 0] / sums[..., 1]
    return found


def perplexity(sums: Values) -> Values:
    """From negative log-likelihood and tokens."""
    found: Values = np.exp(sums[..., 0] / sums[..., 1])
    return found


def on_a_grid(values: Values) -> Values:
    """Values whose sums are exact in any order, so that scipy sees the same ties as we do."""
    rounded: Values = np.round(values * 2**20) / 2**20
    return rounded


def with_count(values: Values) -> Values:
    """Values beside a column of ones."""
    return np.stack([values, np.ones_like(values)], axis=-1)


def detections(random: np.random.Generator, *shape: int) -> Values:
    """Images of about four objects, of which three in four are found, and about one false alarm."""
    objects = random.poisson(random.gamma(2, 2.0, shape))
    found = random.binomial(objects, random.beta(6, 2, shape))
    return np.stack([found, random.poisson(0.8, shape), objects - found], axis=-1).astype(float)


def answers(random: np.random.Generator, *shape: int) -> Values:
    """Token F1 of answers to questions: most are right, some are wrong, some are partly right."""
    kind = random.random(shape)
    return with_count(np.where(kind < 0.75, 1.0, np.where(kind < 0.85, 0.0, random.beta(2, 1.5, shape))))


def reciprocal_ranks(random: np.random.Generator, *shape: int) -> Values:
    """MAP@12 with one relevant item: 1 / rank, 0 beyond twelve."""
    rank = random.geometric(0.5, shape)
    return with_count(np.where(rank <= 12, 1 / rank, 0.0))


def blocks(random: np.random.Generator, *shape: int) -> Values:
    """Blocks of 100 to 300 tokens, whose loss for each token is log-normal."""
    tokens = random.integers(100, 300, shape)
    return np.stack([tokens * np.exp(random.normal(1, 0.35, shape)), tokens], axis=-1)


def scipys_ends(values: Values, plan: Resampling, method: str, confidence: float) -> tuple[float, float]:
    """Of a mean, from scipy.stats.bootstrap, which is handed our resamples instead of drawing its own."""
    means = [values[block].mean(axis=1) for block in draw(len(values), plan)]
    drawn: Any = SimpleNamespace(bootstrap_distribution=np.concatenate(means))
    ends = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=0, bootstrap_result=drawn, method=method, confidence_level=confidence
    ).confidence_interval
    return float(ends.low), float(ends.high)


# --- the ends


@pytest.mark.parametrize(("method", "theirs"), [("percentile", "percentile"), ("bca", "BCa")])
@pytest.mark.parametrize("confidence", [0.9, 0.95])
@pytest.mark.parametrize("n", [12, 150])
def test_the_ends_are_scipys(method: Method, theirs: str, confidence: float, n: int) -> None:
    """On the same resamples of a skewed sample."""
    values = on_a_grid(np.random.default_rng(n).exponential(size=n))
    plan = Resampling(resamples=2_000, seed=5, method=method, confidence=confidence)
    found = bootstrap_sums(with_count(values), mean, plan)
    assert (found.interval.low, found.interval.high) == pytest.approx(
        scipys_ends(values, plan, theirs, confidence), abs=1e-8
    )
    assert found.value == pytest.approx(values.mean())
    assert (found.method, found.n, found.resamples, found.seed) == (method, n, 2_000, 5)


def test_ties_are_counted_as_scipy_counts_them() -> None:
    """The mean of 40 zeros and ones is often just what it was."""
    values = np.array([1.0] * 31 + [0.0] * 9)
    plan = Resampling(method="bca")
    found = bootstrap_sums(with_count(values), mean, plan).interval
    assert (found.low, found.high) == pytest.approx(scipys_ends(values, plan, "BCa", 0.95), abs=1e-8)


@pytest.mark.parametrize("n", [12, 150])
def test_the_default_is_bca_with_hesterbergs_wider_quantile(n: int) -> None:
    """scipy's BCa at the confidence whose normal quantile is sqrt(n / (n - 1)) times Student's."""
    values = on_a_grid(np.random.default_rng(n).exponential(size=n))
    wider = np.sqrt(n / (n - 1)) * scipy.stats.t(n - 1).ppf(0.975)
    found = bootstrap_sums(with_count(values), mean).interval
    expected = scipys_ends(values, Resampling(), "BCa", 1 - 2 * scipy.stats.norm.sf(wider))
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-8)
    assert found.confidence == 0.95


def test_sums_and_indices_give_the_same() -> None:
    """Two ways to the same resamples."""
    images = detections(np.random.default_rng(3), 60)
    by_sums = bootstrap_sums(images, f1, QUICK)
    by_indices = bootstrap(60, lambda indices: float(f1(images[indices].sum(axis=0))), QUICK)
    assert by_indices == by_sums


def test_a_metric_that_is_no_sum_agrees_with_scipy_within_monte_carlo_error() -> None:
    """The median of 101 values, by percentiles, scipy drawing its own 20,000 resamples."""
    values = np.random.default_rng(8).normal(size=101)
    plan = Resampling(resamples=5_000, method="percentile")
    found = bootstrap(101, lambda indices: float(np.median(values[indices])), plan).interval
    theirs = scipy.stats.bootstrap(
        (values,), np.median, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1)
    )
    error = 5 * theirs.standard_error * 0.06 * np.sqrt(2_000 / 5_000)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval), abs=error)


# --- the same figures everywhere


def test_sums_do_not_depend_on_the_order_of_adding() -> None:
    """What the metric gets for all units is the exact sum, whichever unit comes first."""
    values = np.random.default_rng(4).lognormal(0, 3, size=(1_000, 2))
    seen: list[list[float]] = []

    def spy(sums: Values) -> Values:
        if sums.ndim == 1:
            seen.append(sums.tolist())
        return mean(sums)

    for order in (values, values[::-1], np.sort(values, axis=0)):
        bootstrap_sums(order, spy, Resampling(resamples=100))
    assert seen[0] == seen[1] == seen[2]
    exact = [float(sum(map(Fraction, column))) for column in values.T.tolist()]
    assert seen[0] == pytest.approx(exact, rel=1e-9)


def test_whole_numbers_are_added_as_they_are() -> None:
    """Counts up to sums of 2**52."""
    seen: list[Values] = []

    def spy(sums: Values) -> Values:
        seen.append(sums[..., 0])
        return sums[..., 0]

    bootstrap_sums([[2.0**40 + 1], [1.0], [3.0]], spy, Resampling(resamples=100, method="percentile"))
    totals = {float(one) for sums in seen for one in np.atleast_1d(sums)}
    assert 2.0**40 + 5 in totals
    assert all(total == int(total) for total in totals)


def test_a_stated_seed_gives_the_same_figures_and_another_one_others() -> None:
    """The interval is a function of the units and the plan."""
    images = detections(np.random.default_rng(3), 60)
    assert bootstrap_sums(images, f1, QUICK) == bootstrap_sums(images, f1, QUICK)
    other = bootstrap_sums(images, f1, Resampling(resamples=2_000, seed=1))
    assert other.value == bootstrap_sums(images, f1, QUICK).value
    assert other.interval != bootstrap_sums(images, f1, QUICK).interval


def test_noise_in_the_last_place_changes_nothing() -> None:
    """What another machine's logarithm may do to every value."""
    texts = blocks(np.random.default_rng(3), 40)

    def elsewhere(sums: Values) -> Values:
        noisy: Values = np.nextafter(perplexity(sums), np.inf)
        return noisy

    assert bootstrap_sums(texts, elsewhere, QUICK).interval == bootstrap_sums(texts, perplexity, QUICK).interval


def test_ties_are_ties_whatever_the_last_bit_says() -> None:
    """A quarter of the resamples of four zeros and four ones is at one half, but for noise, mostly upwards."""
    rows = np.stack([np.repeat([0.0, 1.0], 4), np.random.default_rng(2).normal(size=8)], axis=-1)

    def tied(sums: Values) -> Values:
        found: Values = np.where(sums[..., 0] == 4, 0.5, sums[..., 0] / 8 + 0.1 * sums[..., 1])
        return found

    def noisy(sums: Values) -> Values:
        up = np.random.default_rng(1).random(sums.shape[:-1]) < 0.9
        found: Values = np.nextafter(tied(sums), np.where(up, np.inf, -np.inf))
        return found

    assert bootstrap_sums(rows, noisy, QUICK).interval == bootstrap_sums(rows, tied, QUICK).interval


# --- two models


def test_a_paired_difference_is_that_of_scipy() -> None:
    """The mean difference of values of the same units is the mean of their differences."""
    random = np.random.default_rng(6)
    old = on_a_grid(random.normal(size=80))
    new = on_a_grid(old + random.exponential(0.2, size=80))
    plan = Resampling(resamples=2_000, method="bca")
    found = compare_bootstrap_sums(with_count(new), with_count(old), mean, plan)
    assert (found.interval.low, found.interval.high) == pytest.approx(
        scipys_ends(new - old, plan, "BCa", 0.95), abs=1e-8
    )
    assert found.value == pytest.approx((new - old).mean())


def test_a_paired_comparison_by_indices_is_the_one_by_sums() -> None:
    """Both models on the same resamples."""
    random = np.random.default_rng(7)
    new, old = detections(random, 50), detections(random, 50)
    by_sums = compare_bootstrap_sums(new, old, f1, QUICK)
    by_indices = compare_bootstrap(
        50,
        lambda indices: float(f1(new[indices].sum(axis=0))),
        lambda indices: float(f1(old[indices].sum(axis=0))),
        QUICK,
    )
    assert by_indices == by_sums


def test_pairing_narrows_the_interval_of_models_that_err_alike() -> None:
    """What is hard for one is hard for the other; two separate samples know nothing of that."""
    random = np.random.default_rng(9)
    old = random.normal(size=100)
    new = old + random.normal(0.1, 0.1, size=100)
    paired = compare_bootstrap_sums(with_count(new), with_count(old), mean, QUICK).interval
    single = bootstrap_sums(with_count(new), mean, QUICK).interval
    assert (paired.high - paired.low) < 0.2 * (single.high - single.low)


# --- units


def test_examples_of_one_unit_are_added_up() -> None:
    """In the order of the units' first examples."""
    sums = sum_by_unit(["b", "a", "b", "c"], [[1, 10], [2, 20], [4, 40], [8, 80]])
    assert sums.tolist() == [[5, 50], [2, 20], [8, 80]]


def test_resampling_less_than_the_unit_would_be_too_narrow() -> None:
    """20 questions to an article that stand and fall together: the interval of articles is sqrt(20) times as wide."""
    right = np.random.default_rng(2).random(60) < 0.7
    questions = with_count(np.repeat(right.astype(float), 20))
    articles = sum_by_unit([i // 20 for i in range(1_200)], questions)
    wide, narrow = (bootstrap_sums(rows, mean, QUICK).interval for rows in (articles, questions))
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(np.sqrt(20), rel=0.1)


# --- what has no interval


@pytest.mark.parametrize("rows", [[], [[1.0, 1.0]]])
def test_one_unit_is_no_sample(rows: list[list[float]]) -> None:
    """Nor is none."""
    with pytest.raises(ValueError, match="two units"):
        bootstrap_sums(np.reshape(rows, (-1, 2)), mean)


@pytest.mark.parametrize("n", [-1, 0, 1, 2**32])
def test_one_index_is_no_sample(n: int) -> None:
    """Nor is none, and there are limits."""
    with pytest.raises(ValueError, match="two units"):
        next(draw(n, QUICK))


@pytest.mark.parametrize("rows", [[1.0, 2.0], [[1.0, np.nan], [1.0, 1.0]], [[np.inf, 1.0], [1.0, 1.0]]])
def test_contributions_are_finite_numbers_in_two_dimensions(rows: Any) -> None:
    """One row a unit."""
    with pytest.raises(ValueError, match="finite numbers"):
        bootstrap_sums(rows, mean)


def test_a_metric_that_divides_by_nothing_is_refused() -> None:
    """Precision without a prediction: it must say what that is."""
    with pytest.raises(ValueError, match=r"undefined on \d+ of 2000 resamples"):
        bootstrap_sums([[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]], mean, QUICK)


def test_a_metric_that_never_varies_has_no_interval() -> None:
    """All right: that the interval were a point would be a lie."""
    with pytest.raises(ValueError, match="no spread"):
        bootstrap_sums([[1.0, 1.0]] * 30, mean)


def test_a_metric_of_sums_gives_one_value_for_each() -> None:
    """``sums[0]`` is a resample, ``sums[..., 0]`` is a sum."""
    with pytest.raises(ValueError, match="one value for each"):
        bootstrap_sums([[1.0, 1.0], [0.0, 1.0], [0.0, 1.0]], lambda sums: sums[0] / sums[1])


def test_two_models_on_other_units_are_refused() -> None:
    """A pair is two contributions of one unit."""
    with pytest.raises(ValueError, match="same units"):
        compare_bootstrap_sums([[1.0, 1.0]], [[1.0, 1.0], [0.0, 1.0]], mean)


def test_every_example_has_a_unit() -> None:
    """One."""
    with pytest.raises(ValueError, match="one unit"):
        sum_by_unit(["a"], [[1.0], [2.0]])


@pytest.mark.parametrize("wrong", [{"resamples": 99}, {"seed": -1}, {"confidence": 1.0}, {"confidence": 0.0}])
def test_a_plan_is_checked(wrong: dict[str, Any]) -> None:
    """Before anything is drawn."""
    with pytest.raises(ValueError, match="a bootstrap needs"):
        Resampling(**wrong)


# --- coverage


def covered(
    make: Callable[..., Values], metric: Callable[[Values], Values], truth: float, n: int, sets: int, plan: Resampling
) -> float:
    """The share of test sets of ``n`` units whose interval holds the truth."""
    random = np.random.default_rng(20260103)
    held = 0
    for _ in range(sets):
        interval = bootstrap_sums(make(random, n), metric, plan).interval
        held += interval.low <= truth <= interval.high
    return held / sets


def truth_of(make: Callable[..., Values], metric: Callable[[Values], Values]) -> float:
    """The metric of two million units."""
    random = np.random.default_rng(99)
    return float(metric(sum(make(random, 200_000).sum(axis=0) for _ in range(10))))


def test_the_interval_covers_the_truth() -> None:
    """300 sets of 100 images: of nominally 95 % no fewer than 91 % (three standard errors) hold the true F1."""
    plan = Resampling(resamples=1_000)
    assert 0.91 <= covered(detections, f1, truth_of(detections, f1), 100, 300, plan) <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "metric", "n"),
    [
        (detections, f1, 100),
        (answers, mean, 100),
        (reciprocal_ranks, mean, 100),
        (blocks, perplexity, 100),
    ],
)
def test_the_interval_covers_the_truth_in_95_of_100_cases(
    make: Callable[..., Values], metric: Callable[[Values], Values], n: int
) -> None:
    """2,500 sets, each with 10,000 resamples: 94 to 96 % hold the truth."""
    assert 0.94 <= covered(make, metric, truth_of(make, metric), n, 2_500, Resampling()) <= 0.96
