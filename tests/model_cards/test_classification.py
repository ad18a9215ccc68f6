"""Recalls and balanced accuracy beside sklearn and statsmodels, and by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, recall_score
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from roadworthy.model_cards import Row
from roadworthy.model_cards.classification import (
    balanced_accuracy,
    check_classes,
    class_recalls,
    most_confident_errors,
    worst_first,
)
from roadworthy.model_cards.statistics import mean_of_proportions

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)


def rows_of(pairs: list[tuple[int, int]], confidence: float = 0.5) -> list[Row]:
    """Evidence of (truth, prediction)."""
    return [Row(id=f"{i:04}", truth=t, prediction=p, confidence=confidence) for i, (t, p) in enumerate(pairs)]


def random_pairs(seed: int, n: int, classes: int) -> list[tuple[int, int]]:
    """Unbalanced classes, of which about 70 % are found."""
    random = np.random.default_rng(seed)
    truth = (classes * random.random(n) ** 2).astype(int)
    guess = np.where(random.random(n) < 0.7, truth, random.integers(0, classes, n))
    return list(zip(truth.tolist(), guess.tolist(), strict=True))


@pytest.mark.parametrize(("n", "classes"), [(1, 2), (30, 2), (400, 7), (5000, 100)])
def test_recalls_equal_sklearn(n: int, classes: int) -> None:
    """Of every class that occurs, in the order of the classes."""
    pairs = random_pairs(n, n, classes)
    truth, prediction = zip(*pairs, strict=True)
    expected = recall_score(truth, prediction, labels=sorted(set(truth)), average=None, zero_division=0)
    found = class_recalls(rows_of(pairs))
    assert [one.truth for one in found] == sorted(set(truth))
    assert [one.value for one in found] == pytest.approx(list(expected))
    assert sum(one.n for one in found) == n


def test_the_interval_of_a_recall_equals_statsmodels() -> None:
    """Wilson's, of the class's own examples: 7 of 9."""
    found = class_recalls(rows_of([(0, 0)] * 7 + [(0, 1)] * 2 + [(1, 1)] * 50))[0].interval
    low, high = proportion_confint(7, 9, method="wilson")
    assert [found.low, found.high] == pytest.approx([low, high])


@given(PAIRS)
def test_balanced_accuracy_equals_sklearn(pairs: list[tuple[int, int]]) -> None:
    """A class that is only ever predicted does not count, as in sklearn (which warns of it)."""
    truth, prediction = zip(*pairs, strict=True)
    expected = recall_score(truth, prediction, labels=sorted(set(truth)), average="macro", zero_division=0)
    found = balanced_accuracy(rows_of(pairs))
    assert found.value == pytest.approx(expected)
    assert 0 <= found.interval.low <= found.value <= found.interval.high <= 1


def test_balanced_accuracy_equals_sklearns_own() -> None:
    """On data where every class occurs, so that sklearn does not warn."""
    pairs = random_pairs(3, 2000, 5)
    truth, prediction = zip(*pairs, strict=True)
    assert balanced_accuracy(rows_of(pairs)).value == pytest.approx(balanced_accuracy_score(truth, prediction))


def test_of_one_class_balanced_accuracy_is_accuracy() -> None:
    """And its interval is the normal one of two more right and two more wrong answers, as statsmodels has it."""
    found = balanced_accuracy(rows_of([(3, 3)] * 30 + [(3, 1)] * 10))
    low, high = proportion_confint(32, 44, method="normal")
    assert found.value == 0.75
    assert [found.interval.low, found.interval.high] == pytest.approx([low, high])


@pytest.mark.parametrize(("x", "n", "y", "m"), [(45, 50, 40, 50), (8, 10, 130, 200), (3, 4, 1, 9)])
def test_the_mean_of_two_equals_agresti_and_caffo(x: int, n: int, y: int, m: int) -> None:
    """The difference p - (1 - q) is p + q - 1, twice the mean less one; statsmodels has its interval."""
    low, high = confint_proportions_2indep(x, n, m - y, m, method="agresti-caffo", compare="diff")
    found = mean_of_proportions([(x, n), (y, m)])
    assert [found.low, found.high] == pytest.approx([(low + 1) / 2, (high + 1) / 2])
    assert found.confidence == 0.95


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)).filter(any), min_size=1, max_size=30))
def test_the_mean_lies_in_its_interval(counts: list[tuple[int, int]]) -> None:
    """And the interval between 0 and 1, of any (right, wrong)."""
    interval = mean_of_proportions([(right, right + wrong) for right, wrong in counts])
    mean = sum(right / (right + wrong) for right, wrong in counts) / len(counts)
    assert 0 <= interval.low <= mean + 1e-12
    assert mean - 1e-12 <= interval.high <= 1


@pytest.mark.parametrize("counts", [[], [(0, 0)], [(3, 2)], [(1, 2), (-1, 2)]])
def test_a_mean_of_what_is_no_proportion_is_refused(counts: list[tuple[int, int]]) -> None:
    """Or of nothing."""
    with pytest.raises(ValueError, match="a mean needs proportions"):
        mean_of_proportions(counts)


@pytest.mark.parametrize(
    ("sizes", "recalls"),
    [
        ((50, 50), (0.9, 0.8)),
        ((200, 20), (0.97, 0.6)),
        ((40, 30, 20, 10), (0.95, 0.9, 0.8, 0.5)),
        ((15,) * 24, (0.9,) * 24),
    ],
)
def test_the_interval_covers_the_truth(sizes: tuple[int, ...], recalls: tuple[float, ...]) -> None:
    """3,000 simulated test sets: nominally 95 % of the intervals hold the true mean recall."""
    random, truth, held = np.random.default_rng(20260102), float(np.mean(recalls)), 0
    for found in random.binomial(sizes, recalls, size=(3000, len(sizes))):
        pairs = [(k, k if i < hits else -1) for k, hits in enumerate(found) for i in range(sizes[k])]
        interval = balanced_accuracy(rows_of(pairs)).interval
        held += interval.low <= truth <= interval.high
    assert 0.93 <= held / 3000 <= 0.975


def test_the_worst_class_comes_first() -> None:
    """By recall; of two equal ones that with more examples, then that with the smaller number."""
    pairs = [(0, 0)] * 4 + [(1, 0)] * 3 + [(2, 0)] * 5 + [(3, 0)] * 3
    assert [one.truth for one in worst_first(class_recalls(rows_of(pairs)))] == [2, 1, 3, 0]


def test_the_most_confident_errors_are_wrong_and_sorted() -> None:
    """Ten at most, by falling confidence; equal ones by id."""
    rows = [Row(id=f"{i:02}", truth=0, prediction=i % 2, confidence=(i % 7) / 10) for i in range(40)]
    found = most_confident_errors(rows)
    assert len(found) == 10
    assert [row.confidence for row in found] == [0.6] * 2 + [0.5] * 3 + [0.4] * 3 + [0.3] * 2
    assert all(row.prediction == 1 for row in found)
    # i % 7 == 6 and odd: 13 and 27; 6, 20 and 34 are right.
    assert [row.id for row in found[:2]] == ["13", "27"]


def test_no_error_is_none() -> None:
    """All right."""
    assert most_confident_errors(rows_of([(0, 0), (1, 1)])) == []


@pytest.mark.parametrize(("truth", "prediction"), [(2, 0), (0, 2), (-1, 0), (0, -1)])
def test_a_class_beyond_the_labels_is_refused(truth: int, prediction: int) -> None:
    """Also -1, which Python would count from the end."""
    check_classes(rows_of([(0, 1), (1, 0)]), 2)
    with pytest.raises(IndexError, match=r"row 0000 has the class -?\d; expected 0 to 1"):
        check_classes(rows_of([(truth, prediction)]), 2)
