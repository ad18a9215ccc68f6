"""Click-through against scikit-learn, DeLong and Obuchowski by their definitions, and real tumours."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from roadworthy.model_cards import InputError, Metric, Row, evidence, score, with_metric
from roadworthy.model_cards.auc import auc, compare_auc, place
from roadworthy.model_cards.average_precision import average_precision
from roadworthy.model_cards.click_through import compare_auc_of
from roadworthy.model_cards.clicks import click_row
from roadworthy.model_cards.clustered_auc import clustered_auc, clustered_variance
from roadworthy.model_cards.protocols_of_scores import click_through

AUC = click_through()
Values = NDArray[np.float64]


def rows_of(
    clicked: NDArray[np.bool_], probability: Values, units: NDArray[np.int64] | None = None, *, surprise: bool = True
) -> list[Row]:
    """Evidence of these answers."""
    likely = np.log(np.maximum(np.where(clicked, probability, 1 - probability), 1e-300))
    return [
        click_row(
            id=f"{number:06x}",
            clicked=bool(clicked[number]),
            probability=probability[number],
            log_likelihood=likely[number] if surprise else None,
            unit=None if units is None else f"{units[number]:x}",
        )
        for number in range(len(clicked))
    ]


def made(n: int, share: float, seed: int, digits: int) -> tuple[NDArray[np.bool_], Values]:
    """Random truths and probabilities; of few digits there are ties."""
    random = np.random.default_rng(seed)
    clicked = random.random(n) < share
    logits = random.normal(size=n) + clicked - 1
    return clicked, np.clip((1 / (1 + np.exp(-logits))).round(digits), 0.01, 0.99)


def measured(rows: list[Row], metric: str = "auc") -> Metric:
    """The metric, after a trip through the file."""
    return score(with_metric(AUC, metric), evidence.load(evidence.dump(rows)))


SETS = [(60, 0.5, 1, 9), (300, 0.1, 2, 2), (300, 0.9, 3, 1), (500, 0.3, 4, 1), (3_000, 0.05, 5, 2)]


@pytest.mark.parametrize("made_of", SETS)
def test_every_metric_is_scikit_learns(made_of: tuple[int, float, int, int]) -> None:
    """With many ties and without: areas to the last digits, log loss too."""
    clicked, probability = made(*made_of)
    rows = rows_of(clicked, probability)
    assert measured(rows).value == pytest.approx(roc_auc_score(clicked, probability), abs=1e-14)
    expected = average_precision_score(clicked, probability)
    assert measured(rows, "average_precision").value == pytest.approx(expected, abs=1e-14)
    assert measured(rows, "log_loss").value == pytest.approx(log_loss(clicked, probability), abs=1e-13)


def test_real_tumours() -> None:
    """Half of scikit-learn's 569 tumours, by a logistic regression of the other half; its own figures again."""
    features, benign = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(features[::2, :3], benign[::2])
    said, truth = model.predict_proba(features[1::2, :3])[:, 1], benign[1::2] == 1
    rows = rows_of(truth, said)
    found = {name: measured(rows, name) for name in ("auc", "average_precision", "log_loss")}
    assert found["auc"].value == pytest.approx(roc_auc_score(truth, said), abs=1e-14)
    assert found["average_precision"].value == pytest.approx(average_precision_score(truth, said), abs=1e-14)
    assert found["log_loss"].value == pytest.approx(log_loss(truth, said), abs=1e-13)
    for metric in found.values():
        assert metric.low < metric.value < metric.high
        assert metric.n == len(rows)
    delong = auc(truth, said)
    assert (found["auc"].low, found["auc"].high) == (delong.interval.low, delong.interval.high)


ANSWERS = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.75, 1.0])), min_size=6, max_size=40
)


@given(ANSWERS, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
def test_only_truths_and_ranks_count(answers: list[tuple[bool, float]], order: Any) -> None:
    """Neither the order of rows nor a rising function of the probabilities changes an area."""
    clicked, said = np.array([c for c, _ in answers]), np.array([p for _, p in answers])
    if not 2 <= clicked.sum() <= len(clicked) - 2:
        return
    rows = rows_of(clicked, said, surprise=False)
    shuffled = list(rows)
    order.shuffle(shuffled)
    risen = rows_of(clicked, said**3 / 2, surprise=False)
    for name in ("auc", "average_precision"):
        protocol = with_metric(AUC, name)
        first = score(protocol, rows)
        assert score(protocol, shuffled).value == first.value
        assert score(protocol, shuffled).low == pytest.approx(first.low, abs=1e-8)
        assert score(protocol, risen) == first


# --- what is no evidence of clicks


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"truth": 2}, "expected a truth of 0 or 1 and a probability, found 2"),
        ({"truth": True}, "expected a truth of 0 or 1"),
        ({"truth": "1"}, "expected a truth of 0 or 1"),
        ({"confidence": 1.5}, "found 1 and 1.5"),
        ({"confidence": -0.1}, "is no click-through evidence"),
    ],
)
def test_another_form_is_refused(change: dict[str, Any], message: str) -> None:
    """By name and with what was found."""
    clicked = np.arange(20) % 2 == 1
    rows = rows_of(clicked, np.full(20, 0.5))
    rows[1] = dataclasses.replace(rows[1], **change)
    with pytest.raises(InputError, match=message):
        score(AUC, rows)


@pytest.mark.parametrize("clicks", [0, 1, 19, 20])
def test_one_class_alone_has_no_auc(clicks: int) -> None:
    """Nor one click among many."""
    with pytest.raises(InputError, match=rf"expected two of each at least, found {clicks} and {20 - clicks}"):
        score(AUC, rows_of(np.arange(20) < clicks, np.linspace(0.1, 0.9, 20)))


def test_log_loss_needs_likelihoods_that_agree_with_the_probabilities() -> None:
    """None at all, or one that claims more than the probability beside it."""
    clicked, said = made(100, 0.4, 9, 3)
    with pytest.raises(InputError, match="does not say how likely its truth was"):
        score(with_metric(AUC, "log_loss"), rows_of(clicked, said, surprise=False))
    rows = rows_of(clicked, said)
    rows[7] = dataclasses.replace(rows[7], log_likelihood=-0.0001)
    with pytest.raises(InputError, match="expected the logarithm of"):
        score(with_metric(AUC, "log_loss"), rows)


def test_units_of_some_rows_are_refused() -> None:
    """All or none."""
    clicked, said = made(100, 0.4, 9, 3)
    rows = rows_of(clicked, said, np.arange(100) // 4)
    rows[5] = dataclasses.replace(rows[5], unit=None)
    with pytest.raises(InputError, match="99 of 100 rows of evidence name the unit"):
        score(AUC, rows)


# --- units


def obuchowski(clicked: NDArray[np.bool_], said: Values, units: NDArray[np.int64]) -> float:
    """His variance, pair by pair and cluster by cluster, as equations 5 to 8 of the paper define it."""
    x, y = said[clicked][:, None], said[~clicked][None, :]
    compared = (x > y) + 0.5 * (x == y)
    area, of_x, of_y = compared.mean(), units[clicked], units[~clicked]
    m, n, clusters = len(of_x), len(of_y), np.unique(units)
    first = np.array([(compared.mean(axis=1)[of_x == one] - area).sum() for one in clusters])
    second = np.array([(compared.mean(axis=0)[of_y == one] - area).sum() for one in clusters])
    with_x, with_y, both = len(np.unique(of_x)), len(np.unique(of_y)), len(clusters)
    s10 = with_x / ((with_x - 1) * m) * (first**2).sum()
    s01 = with_y / ((with_y - 1) * n) * (second**2).sum()
    s11 = both / (both - 1) * (first * second).sum()
    return float(s10 / m + s01 / n + 2 * s11 / (m * n))


@pytest.mark.parametrize(("users", "seed"), [(12, 1), (40, 2), (150, 3)])
def test_the_variance_by_unit_is_obuchowskis(users: int, seed: int) -> None:
    """300 clicks of as many users, whose probabilities lean together."""
    random = np.random.default_rng(seed)
    units = np.unique(random.integers(0, users, 300), return_inverse=True)[1]
    clicked = random.random(300) < 0.3
    said = (random.normal(size=users)[units] + random.normal(size=300) + clicked).round(1)
    placed = place(clicked, said)
    found = clustered_variance(placed.positives, placed.negatives, clicked, units)
    assert found == pytest.approx(obuchowski(clicked, said, units), rel=1e-10)


def test_where_each_row_is_a_unit_it_is_delongs() -> None:
    """The variance of one, and the error of a difference."""
    random = np.random.default_rng(7)
    clicked = random.random(200) < 0.3
    new, old = (random.normal(size=200) + clicked for _ in range(2))
    first, second, rows = place(clicked, new), place(clicked, old), np.arange(200)
    assert clustered_variance(first.positives, first.negatives, clicked, rows) == pytest.approx(
        auc(clicked, new).variance, rel=1e-12
    )
    moved = first.positives - second.positives, first.negatives - second.negatives
    expected = compare_auc(clicked, new, old)
    width = expected.interval.high - expected.interval.low
    assert clustered_variance(*moved, clicked, rows) == pytest.approx((width / 2 / 1.959963984540) ** 2, rel=1e-7)


def test_two_models_are_compared_as_delong_does() -> None:
    """The same difference, interval and p-value as `auc.compare_auc`, whose test has the paper's own figures."""
    clicked, said = made(400, 0.3, 11, 3)
    other = np.clip(said + np.random.default_rng(12).normal(0, 0.1, 400), 0, 1).round(3)
    new, old = (rows_of(clicked, probability, surprise=False) for probability in (said, other))
    found, expected = compare_auc_of(new, old, {}), compare_auc(clicked, said, other)
    assert found.difference == expected.difference
    assert (found.low, found.high) == pytest.approx((expected.interval.low, expected.interval.high), abs=1e-8)
    assert found.p_value == pytest.approx(expected.p_value, rel=1e-6)
    assert (found.method, found.n, found.metric) == ("delong", 400, "auc")


def test_users_widen_the_interval() -> None:
    """Thirty rows each that all say the same are not thirty times as much evidence."""
    random = np.random.default_rng(13)
    clicked = np.repeat(random.random(60) < 0.4, 30)
    said = np.repeat(random.random(60), 30) * 0.8 + 0.1 * clicked
    by_row = measured(rows_of(clicked, said, surprise=False))
    by_user = measured(rows_of(clicked, said, np.repeat(np.arange(60), 30), surprise=False))
    assert by_user.value == by_row.value
    assert by_user.high - by_user.low > 3 * (by_row.high - by_row.low)
    assert by_user.interval == "delong-by-unit-logit-t"


def test_scores_that_part_the_classes_leave_room_for_error() -> None:
    """No variance: as many users as there are, not as many rows."""
    clicked, said = np.repeat([True, False], 40), np.repeat([0.9, 0.1], 40)
    found = measured(rows_of(clicked, said, np.arange(80) // 8, surprise=False))
    assert (found.value, found.high, found.interval) == (1.0, 1.0, "newcombe")
    assert found.low < 0.75  # five users of either class


# --- average precision


@pytest.mark.parametrize("made_of", SETS[:4])
def test_influences_are_the_derivatives_by_the_weights(made_of: tuple[int, float, int, int]) -> None:
    """scikit-learn's average precision with the weight of one example moved by a millionth."""
    clicked, said = made(*made_of)
    found = average_precision(clicked, said)
    assert found.influences.sum() == pytest.approx(0, abs=1e-12)
    step = 1e-5
    for number in range(0, len(clicked), max(1, len(clicked) // 25)):
        weights = np.ones((2, len(clicked)))
        weights[:, number] += (step, -step)
        up, down = (average_precision_score(clicked, said, sample_weight=one) for one in weights)
        assert found.influences[number] == pytest.approx((up - down) / (2 * step), abs=1e-8)


# --- coverage


def covered(metric: str, truth: float, sets: int, draw: Any) -> float:
    """The share of intervals that hold the truth."""
    held = 0
    for _ in range(sets):
        found = score(with_metric(AUC, metric), draw())
        held += found.low <= truth <= found.high
    return held / sets


def drawn_users(random: np.random.Generator, users: int, rows_each: int) -> list[Row]:
    """Users who click most of the time or hardly ever, and whom the model likes or not: rows of one lean together."""
    lean, liked = 3 * random.normal(size=users), random.normal(size=users)
    units = np.repeat(np.arange(users), rows_each)
    clicked = random.random(len(units)) < 1 / (1 + np.exp(1 - lean[units]))
    said = 1 / (1 + np.exp(-(liked[units] + 0.3 * lean[units] + 0.5 * random.normal(size=len(units)))))
    return rows_of(clicked, said, units, surprise=False)


def test_the_interval_by_user_holds_the_truth() -> None:
    """200 sets of 80 users with ten rows each: nominally 95 %; by row alone it would be far fewer."""
    random = np.random.default_rng(20261101)
    truth = score(AUC, drawn_users(random, 8_000, 10)).value
    assert 0.92 <= covered("auc", truth, 200, lambda: drawn_users(random, 80, 10)) <= 0.985
    random = np.random.default_rng(20261101)
    alone = covered(
        "auc",
        truth,
        100,
        lambda: [dataclasses.replace(row, unit=None) for row in drawn_users(random, 80, 10)],
    )
    assert alone < 0.9


@pytest.mark.slow
@pytest.mark.parametrize(
    ("users", "metric"), [(40, "auc"), (200, "auc"), (40, "average_precision"), (200, "average_precision")]
)
def test_the_interval_by_user_holds_the_truth_in_95_of_100_cases(users: int, metric: str) -> None:
    """3,000 sets each."""
    random = np.random.default_rng(20261102)
    truth = score(with_metric(AUC, metric), drawn_users(random, 60_000, 10)).value
    assert 0.935 <= covered(metric, truth, 3_000, lambda: drawn_users(random, users, 10)) <= 0.97


def test_an_estimate_without_units_of_a_class_is_newcombes() -> None:
    """All clicks of one user: nothing is known of how users differ."""
    clicked, said = made(60, 0.5, 21, 2)
    units = np.where(clicked, 0, np.arange(60) + 1)
    assert clustered_auc(place(clicked, said), clicked, units).method == "newcombe"
