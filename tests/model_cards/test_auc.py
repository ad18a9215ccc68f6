"""AUC against scikit-learn, DeLong by its definition in O(n²), DeLong's own data, and simulation."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm, t
from sklearn.metrics import roc_auc_score

from roadworthy.model_cards.auc import auc, compare_auc, newcombe

Scores = NDArray[np.float64]


def pairs(truths: NDArray[np.bool_], scores: Scores) -> Scores:
    """Of each positive (a row) and negative (a column): 1 where the positive scores higher, 1/2 for a tie."""
    x, y = scores[truths][:, None], scores[~truths][None, :]
    compared: Scores = (x > y) + 0.5 * (x == y)
    return compared


def covariance(truths: NDArray[np.bool_], *models: Scores) -> Scores:
    """DeLong's covariance matrix of the models' AUC, as equations 3 and 4 of the paper define it."""
    compared = [pairs(truths, scores) for scores in models]
    rows = np.atleast_2d(np.cov([one.mean(axis=1) for one in compared]))
    columns = np.atleast_2d(np.cov([one.mean(axis=0) for one in compared]))
    total: Scores = rows / truths.sum() + columns / (~truths).sum()
    return total


def two_models(n: int, share: float, seed: int, digits: int = 9) -> tuple[NDArray[np.bool_], Scores, Scores]:
    """Truths and the scores of two models that err alike; of few digits there are ties."""
    random = np.random.default_rng(seed)
    truths = random.random(n) < share
    both = random.normal(size=n) + truths
    new: Scores = both + random.normal(0, 0.5, size=n) + 0.4 * truths
    old: Scores = both + random.normal(0, 0.8, size=n)
    return truths, new.round(digits), old.round(digits)


SETS = [(40, 0.5, 1, 9), (200, 0.1, 2, 9), (200, 0.9, 3, 1), (300, 0.3, 4, 0)]


@pytest.mark.parametrize("made", SETS)
def test_the_value_is_scikit_learns(made: tuple[int, float, int, int]) -> None:
    """With many ties and without."""
    truths, scores, _ = two_models(*made)
    found = auc(truths.tolist(), scores)
    assert found.value == pytest.approx(roc_auc_score(truths, scores), abs=1e-12)
    assert (found.positives, found.negatives) == (truths.sum(), (~truths).sum())


def test_a_large_set_is_scikit_learns_too() -> None:
    """300,000 examples, of which all pairs would not fit into memory."""
    truths, scores, _ = two_models(300_000, 0.03, 5, digits=2)
    assert auc(truths.tolist(), scores).value == pytest.approx(roc_auc_score(truths, scores), abs=1e-12)


@pytest.mark.parametrize("made", SETS)
def test_the_variance_is_delongs(made: tuple[int, float, int, int]) -> None:
    """By the definition, pair by pair."""
    truths, scores, _ = two_models(*made)
    assert auc(truths.tolist(), scores).variance == pytest.approx(covariance(truths, scores)[0, 0], rel=1e-10)


@pytest.mark.parametrize("made", SETS)
def test_the_interval_is_symmetric_on_the_logit_scale(made: tuple[int, float, int, int]) -> None:
    """With Student's t at Brunner & Munzel's degrees of freedom, recomputed pair by pair."""
    truths, scores, _ = two_models(*made)
    compared = pairs(truths, scores)
    value = compared.mean()
    parts = [compared.mean(axis=axis).var(ddof=1) / compared.shape[1 - axis] for axis in (1, 0)]
    freedom = sum(parts) ** 2 / sum(v**2 / (k - 1) for v, k in zip(parts, compared.shape, strict=True))
    spread = t(freedom).ppf(0.975) * np.sqrt(sum(parts)) / (value * (1 - value))
    odds = value / (1 - value) * np.exp([-spread, spread])
    found = auc(truths.tolist(), scores)
    assert (found.interval.low, found.interval.high) == pytest.approx(tuple(odds / (1 + odds)), abs=1e-8)
    assert found.method == "delong-logit-t"


@pytest.mark.parametrize("made", SETS)
def test_the_paired_test_is_delongs(made: tuple[int, float, int, int]) -> None:
    """Difference, interval and p-value from the covariance matrix of both."""
    truths, new, old = two_models(*made)
    matrix = covariance(truths, new, old)
    error = np.sqrt(matrix[0, 0] + matrix[1, 1] - 2 * matrix[0, 1])
    difference = roc_auc_score(truths, new) - roc_auc_score(truths, old)
    found = compare_auc(truths.tolist(), new, old)
    assert found.difference == pytest.approx(difference, abs=1e-12)
    assert found.p_value == pytest.approx(2 * norm.sf(abs(difference) / error), rel=1e-6)
    ends = difference - 1.959964 * error, difference + 1.959964 * error
    assert (found.interval.low, found.interval.high) == pytest.approx(ends, abs=1e-7)


# Albumin, total protein, K-G score (10 minus it is the better) and outcome of 43 patients with ovarian cancer, of
# DeLong, DeLong & Clarke-Pearson 1988; as SAS/STAT's user's guide prints them ("Comparing ROC curves").
OVARIAN = """
3.0 5.8 10 0 3.2 6.3 5 1 3.9 6.8 3 1 2.8 4.8 6 0 3.2 5.8 3 1 0.9 4.0 5 0 2.5 5.7 8 0 1.6 5.6 5 1 3.8 5.7 5 1 3.7 6.7 6 1
3.2 5.4 4 1 3.8 6.6 6 1 4.1 6.6 5 1 3.6 5.7 5 1 4.3 7.0 4 1 3.6 6.7 4 0 2.3 4.4 6 1 4.2 7.6 4 0 4.0 6.6 6 0 3.5 5.8 6 1
3.8 6.8 7 1 3.0 4.7 8 0 4.5 7.4 5 1 3.7 7.4 5 1 3.1 6.6 6 1 4.1 8.2 6 1 4.3 7.0 5 1 4.3 6.5 4 1 3.2 5.1 5 1 2.6 4.7 6 1
3.3 6.8 6 0 1.7 4.0 7 0 3.7 6.1 5 1 3.3 6.3 7 1 4.2 7.7 6 1 3.5 6.2 5 1 2.9 5.7 9 0 2.1 4.8 7 1 2.8 6.2 8 0 4.0 7.0 7 1
3.3 5.7 6 1 3.7 6.9 5 1 3.6 6.6 5 1
"""


def test_delongs_own_patients() -> None:
    """43 with all three; scikit-learn's areas, the definition's covariances, and two tests of a nearly equal pair."""
    albumin, protein, score, outcome = np.array(OVARIAN.split(), dtype=float).reshape(-1, 4).T
    truths = outcome == 1
    models = [albumin, protein, 10 - score]
    areas = [auc(truths.tolist(), one).value for one in models]
    assert areas == pytest.approx([roc_auc_score(truths, one) for one in models], abs=1e-12)
    matrix = covariance(truths, *models)
    for i in (0, 1):
        found = compare_auc(truths.tolist(), models[i], models[2])
        error = np.sqrt(matrix[i, i] + matrix[2, 2] - 2 * matrix[i, 2])
        assert found.p_value == pytest.approx(2 * norm.sf(abs(found.difference) / error), rel=1e-6)


@given(st.lists(st.tuples(st.booleans(), st.integers(-5, 5)), min_size=4, max_size=40))
@settings(deadline=None, max_examples=60)
def test_only_the_ranks_and_the_truths_count(rows: list[tuple[bool, int]]) -> None:
    """A rising function of the scores changes nothing, another order neither; the other class mirrors it."""
    truths, scores = [truth for truth, _ in rows], np.array([float(score) for _, score in rows])
    if not 2 <= sum(truths) <= len(truths) - 2:
        return
    found = auc(truths, scores)
    assert auc(truths, scores**3 + 7) == found
    assert auc(truths[::-1], scores[::-1]) == found
    mirrored = auc([not truth for truth in truths], scores)
    assert mirrored.value == pytest.approx(1 - found.value)
    assert (mirrored.interval.low, mirrored.interval.high) == pytest.approx(
        (1 - found.interval.high, 1 - found.interval.low), abs=1e-8
    )
    assert 0 <= found.interval.low <= found.value <= found.interval.high <= 1


# --- where DeLong's variance is 0


def hanley_mcneil(area: float, m: int, n: int) -> float:
    """Their variance of an AUC (1982), both classes' numbers replaced by the mean where they count the pairs."""
    both = (m + n) / 2 - 1
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    return (area * (1 - area) + both * (first - area**2) + both * (second - area**2)) / (m * n)


@pytest.mark.parametrize(("value", "m", "n"), [(0.9, 20, 30), (0.75, 8, 200), (1.0, 15, 15), (0.0, 5, 9)])
def test_newcombes_ends_solve_his_equation(value: float, m: int, n: int) -> None:
    """By scipy's root finder; at 0 and 1 the variance is 0 too, which is no end."""
    found = newcombe(value, m, n)

    def beyond(end: float) -> float:
        return abs(value - end) - 1.959963984540 * float(np.sqrt(hanley_mcneil(end, m, n)))

    if value > 0:
        assert found.low == pytest.approx(brentq(beyond, 1e-9, value - 1e-6), abs=1e-8)
    if value < 1:
        assert found.high == pytest.approx(brentq(beyond, value + 1e-6, 1 - 1e-9), abs=1e-8)
    assert (found.low == 0) == (value == 0)
    assert (found.high == 1) == (value == 1)


def test_scores_that_part_the_classes_leave_room_for_error() -> None:
    """DeLong's variance is 0 there; four against four show little."""
    found = auc([True] * 4 + [False] * 4, [5, 6, 7, 8, 1, 2, 3, 4])
    assert (found.value, found.variance, found.method) == (1.0, 0.0, "newcombe")
    assert 0.4 < found.interval.low < 0.8
    assert found.interval.high == 1.0


def test_a_model_without_an_opinion_is_at_one_half() -> None:
    """All scores equal: no variance, but no certainty."""
    found = auc([True] * 4 + [False] * 4, [1.0] * 8)
    assert (found.value, found.method) == (0.5, "newcombe")
    assert found.interval.low < 0.3
    assert found.interval.high > 0.7


def test_a_model_does_not_differ_from_itself() -> None:
    """No difference, no variance, no evidence."""
    truths, scores, _ = two_models(50, 0.4, 6)
    found = compare_auc(truths.tolist(), scores, scores)
    assert (found.difference, found.p_value, found.interval.low, found.interval.high) == (0, 1, 0, 0)


def test_a_difference_that_does_not_vary_is_refused() -> None:
    """One parts the classes, the other parts them the wrong way round."""
    with pytest.raises(ValueError, match="do not vary"):
        compare_auc([True, True, False, False], [3, 4, 1, 2], [1, 2, 3, 4])


# --- what has no AUC


@pytest.mark.parametrize(
    ("truths", "scores", "message"),
    [
        ([], [], "two examples of each class"),
        ([True] * 5, [1.0] * 5, "5 positive and 0 negative"),
        ([True, False, False], [1.0, 2.0, 3.0], "1 positive and 2 negative"),
        ([True, False], [1.0], "one finite score"),
        ([True, True, False, False], [1.0, np.nan, 2.0, 3.0], "one finite score"),
        ([0, 1, 2, 0], [1.0, 2.0, 3.0, 4.0], "0 or 1"),
    ],
)
def test_what_has_no_auc_is_refused(truths: Any, scores: Any, message: str) -> None:
    """Nothing, one class, one example of a class, not one score each, no number, no truth."""
    with pytest.raises(ValueError, match=message):
        auc(truths, scores)


@pytest.mark.parametrize(("value", "m", "n"), [(1.1, 5, 5), (0.5, 0, 5)])
def test_newcombe_refuses_what_is_no_auc(value: float, m: int, n: int) -> None:
    """Beyond 1, or of no examples."""
    with pytest.raises(ValueError, match="an AUC of"):
        newcombe(value, m, n)


# --- coverage


def covered(area: float, m: int, n: int, sets: int) -> float:
    """The share of intervals that hold the AUC of two normal distributions."""
    random = np.random.default_rng(20260104)
    apart = np.sqrt(2) * norm.ppf(area)
    truths = [True] * m + [False] * n
    held = 0
    for _ in range(sets):
        found = auc(truths, np.concatenate([random.normal(apart, 1, m), random.normal(0, 1, n)])).interval
        held += found.low <= area <= found.high
    return held / sets


def test_the_interval_covers_the_truth() -> None:
    """1,000 sets: nominally 95 %, two standard errors to either side of 94 to 96."""
    assert 0.925 <= covered(0.8, 50, 100, 1_000) <= 0.975


@pytest.mark.slow
@pytest.mark.parametrize(
    ("area", "m", "n"), [(0.7, 50, 50), (0.8, 50, 50), (0.8, 30, 500), (0.9, 50, 50), (0.9, 100, 400), (0.95, 100, 400)]
)
def test_the_interval_covers_the_truth_in_95_of_100_cases(area: float, m: int, n: int) -> None:
    """10,000 sets: 94 to 96 % hold it, where the smaller class is expected to have four positives out of place."""
    assert 0.94 <= covered(area, m, n, 10_000) <= 0.96


@pytest.mark.slow
def test_equal_models_are_called_different_in_5_of_100_cases() -> None:
    """10,000 pairs of models that are equally good and err alike, on 60 positives and 120 negatives."""
    random = np.random.default_rng(20260105)
    truths = np.arange(180) < 60
    different = 0
    for _ in range(10_000):
        both = random.normal(size=180) + 1.2 * truths
        new, old = both + random.normal(0, 0.6, size=(2, 180))
        different += compare_auc(truths.tolist(), new, old).p_value < 0.05
    assert 0.04 <= different / 10_000 <= 0.06
