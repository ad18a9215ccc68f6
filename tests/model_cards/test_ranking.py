"""MAP@12 by hand, by a plain loop, by scikit-learn; and the reference's own count, batch by batch."""

import dataclasses
import hashlib
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, label_ranking_average_precision_score

from roadworthy.model_cards import DamagedError, InputError, Row, evidence, score
from roadworthy.model_cards.evidence import _any_row, _grouped
from roadworthy.model_cards.grouped import group_row
from roadworthy.model_cards.protocols_of_scores import legacy_ranking, ranking
from roadworthy.model_cards.ranking import by_chance

Groups = list[tuple[list[int], list[float]]]
MAP = ranking()


def rows_of(groups: Groups, *, placed: bool = False) -> list[Row]:
    """Evidence of groups of (labels, scores), which lie one after another."""
    rows, start = [], 0
    for number, (labels, scores) in enumerate(groups):
        identity = hashlib.sha256(str(number).encode()).hexdigest()
        rows.append(group_row(id=identity, labels=labels, scores=scores, start=start if placed else None))
        start += len(labels)
    return rows


def measured(groups: Groups) -> float:
    """MAP@12, after a trip through the file."""
    return score(MAP, evidence.load(evidence.dump(rows_of(groups)))).value


def legacy(groups: Groups, batch_size: int) -> float:
    """The reference's, the same way."""
    rows = evidence.load(evidence.dump(rows_of(groups, placed=True)))
    return score(legacy_ranking(batch_size=batch_size), rows).value


def average_precision(labels: list[int], scores: list[float], k: int = 12) -> float:
    """AP@k by a plain loop; among equal scores the irrelevant come first."""
    order = sorted(range(len(labels)), key=lambda i: (-scores[i], labels[i]))
    found, total = 0, 0.0
    for place, item in enumerate(order[:k], start=1):
        if labels[item]:
            found += 1
            total += found / place
    return total / min(k, sum(labels))


GROUP = st.integers(1, 16).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(0, 1), min_size=n, max_size=n),
        st.lists(st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.75]), min_size=n, max_size=n),
    )
)
GROUPS = st.lists(GROUP, min_size=1, max_size=15)


@given(GROUPS, st.randoms())
@settings(deadline=None, max_examples=80)
def test_it_is_what_a_plain_loop_finds(groups: Groups, order: Any) -> None:
    """Several relevant items, none, more than twelve, ties; in any order of groups."""
    counted = [average_precision(*group) for group in groups if any(group[0])]
    if not counted:
        return
    expected = sum(counted) / len(counted)
    assert measured(groups) == pytest.approx(expected, abs=1e-13)
    rows = rows_of(groups)
    order.shuffle(rows)
    assert score(MAP, rows).value == measured(groups)
    assert measured([(labels, [s * s for s in scores]) for labels, scores in groups]) == measured(groups)


def test_it_is_scikit_learns_where_nothing_is_cut() -> None:
    """200 groups of at most twelve items without ties: the mean of its average precision; one positive: its LRAP."""
    random = np.random.default_rng(3)
    groups: Groups = []
    for _ in range(200):
        n = int(random.integers(2, 13))
        labels = (random.random(n) < 0.4).astype(int)
        labels[random.integers(n)] = 1
        groups.append((labels.tolist(), random.random(n).tolist()))
    expected = np.mean([average_precision_score(labels, scores) for labels, scores in groups])
    assert measured(groups) == pytest.approx(expected, abs=1e-13)
    scores, truth = random.random((200, 8)), np.eye(8, dtype=int)[random.integers(0, 8, 200)]
    singles = list(zip(truth.tolist(), scores.tolist(), strict=True))
    assert measured(singles) == pytest.approx(label_ranking_average_precision_score(truth, scores), abs=1e-13)


def test_groups_by_hand() -> None:
    """1 of 3; (1 + 2/3) / 2; 1/2, because the irrelevant of two equals comes first; none is left out."""
    groups: Groups = [
        ([0, 0, 1], [0.9, 0.8, 0.7]),
        ([1, 0, 1], [0.9, 0.8, 0.7]),
        ([1, 0], [0.5, 0.5]),
        ([0, 0], [0.9, 0.1]),
    ]
    assert measured(groups) == pytest.approx((1 / 3 + 5 / 6 + 1 / 2) / 3, abs=1e-15)
    assert score(MAP, rows_of(groups)).n == 4


def test_a_thirteenth_place_is_worth_nothing() -> None:
    """And of fifteen relevant items twelve can be in the first twelve: 1, not 12/15."""
    scores = [1 - i / 20 for i in range(15)]
    assert measured([([0] * 12 + [1, 0, 0], scores)]) == 0
    assert measured([([0] * 11 + [1, 0, 0, 0], scores)]) == 1 / 12
    assert measured([([1] * 15, scores)]) == 1


LABELS = st.lists(st.integers(0, 1), min_size=1, max_size=6)


@given(st.lists(LABELS, min_size=1, max_size=3).filter(lambda groups: any(map(any, groups))))
@settings(deadline=None, max_examples=30)
def test_by_chance_is_the_mean_over_all_orders(labels: list[list[int]]) -> None:
    """Every order of every group, one by one; groups without a relevant item are left out of it too."""
    expected = [
        np.mean([average_precision(list(order), [-float(n) for n in range(len(order))]) for order in permutations(one)])
        for one in labels
        if any(one)
    ]
    assert by_chance(rows_of([(one, [0.0] * len(one)) for one in labels])) == pytest.approx(np.mean(expected))


def test_by_chance_twelve_places_of_a_long_group_count() -> None:
    """One film of twenty: (1 + 1/2 + … + 1/12) / 20."""
    assert by_chance(rows_of([([1] + [0] * 19, [0.0] * 20)])) == pytest.approx(86021 / 27720 / 20)


def test_no_relevant_item_anywhere_is_refused() -> None:
    """Zero of zero is no MAP."""
    with pytest.raises(InputError, match="none of the 2 groups has a relevant item"):
        score(MAP, rows_of([([0, 0], [0.1, 0.2]), ([0], [0.5])]))


# --- the reference's count


def reference(groups: Groups, batch_size: int) -> float:
    """Evaluator._calculate_map of NVIDIA's TF2 Wide & Deep in plain Python: batches of rows, groups within them."""
    flat = [
        (g, label, said)
        for g, (labels, scores) in enumerate(groups)
        for label, said in zip(labels, scores, strict=True)
    ]
    display_id_counter = streaming_map = 1.0  # _reset_states
    for begin in range(0, len(flat), batch_size):
        batch = flat[begin : begin + batch_size]
        for display in sorted({g for g, _, _ in batch}):
            labels = [label for g, label, _ in batch if g == display]
            scores = [said for g, _, said in batch if g == display]
            if max(labels) == 0:  # labels_mask
                continue
            top = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:12]  # top_k: the lower index first
            display_id_counter += 1
            first = labels.index(1)  # argmax
            if first in top:
                streaming_map += 1 / (top.index(first) + 1)
    return streaming_map / display_id_counter


@given(GROUPS, st.integers(1, 40), st.randoms())
@settings(deadline=None, max_examples=80)
def test_the_legacy_count_is_the_references(groups: Groups, batch_size: int, order: Any) -> None:
    """Groups cut anywhere, positives lost at a cut or doubled by it; whatever the order of the evidence."""
    assert legacy(groups, batch_size) == pytest.approx(reference(groups, batch_size), abs=1e-13)
    rows = rows_of(groups, placed=True)
    order.shuffle(rows)
    assert score(legacy_ranking(batch_size=batch_size), rows).value == legacy(groups, batch_size)


def test_cutting_groups_inflates_the_figure() -> None:
    """600 groups of six with one positive, at random: 0.41 whole, far more in batches of four rows."""
    random = np.random.default_rng(5)
    groups = [(np.eye(6, dtype=int)[random.integers(6)].tolist(), random.random(6).tolist()) for _ in range(600)]
    assert legacy(groups, 4) > measured(groups) + 0.1
    assert legacy(groups, 3_600) == pytest.approx(measured(groups), abs=0.002)


def test_the_two_counts_share_neither_family_nor_id_nor_metric() -> None:
    """So that nobody compares them."""
    other = legacy_ranking()
    assert (MAP.family, MAP.name, MAP.metric) == ("ranking", "ranking-map-at-12-whole-groups@1", "map_at_12")
    assert (other.family, other.name, other.metric) == (
        "ranking-legacy",
        "ranking-legacy-map-at-12-batches-of-131072@1",
        "legacy_map_at_12",
    )
    with pytest.raises(InputError, match="expected a batch of one row"):
        legacy_ranking(batch_size=0)


def test_groups_that_do_not_tile_the_test_part_are_refused() -> None:
    """One is missing, or one begins elsewhere: the cuts would be others."""
    rows = rows_of([([1, 0], [0.5, 0.25])] * 4, placed=True)
    with pytest.raises(InputError, match="do not lie one after another"):
        score(legacy_ranking(), [*rows[:1], *rows[2:]])
    with pytest.raises(InputError, match="does not say where it begins"):
        score(legacy_ranking(), rows_of([([1, 0], [0.5, 0.25])]))


# --- what is no evidence of a ranking


@pytest.mark.parametrize(
    ("truth", "prediction"),
    [
        ([1, 0], [0.5]),
        ([], []),
        ([2, 0], [0.5, 0.1]),
        ([True, False], [0.5, 0.1]),
        ([1, 0], ["0.5", 0.1]),
        ([1, 0], [0.5, float("nan")]),
        (1, 0.5),
        ([1, 0], {"scores": [0.5, 0.1]}),
    ],
)
def test_another_form_is_refused(truth: Any, prediction: Any) -> None:
    """With what was found."""
    bad = dataclasses.replace(rows_of([([1], [0.5])])[0], truth=truth, prediction=prediction)
    with pytest.raises(InputError, match="is no evidence of a ranking"):
        score(MAP, [bad])


NUMBER = st.sampled_from(["0.5", "0.50", "-0.5", "-0.0", "00.5", "1", "1.0", "1e-07", "0.00001"])


@given(
    st.lists(NUMBER, min_size=1, max_size=4),
    st.lists(st.sampled_from(["0", "1", "01", "2"]), min_size=1, max_size=4),
    st.sampled_from([None, "0", "7", "07", "-1", "1.5", "999999999999999", "9007199254740993"]),
)
def test_a_group_is_read_as_any_other_row(scores: list[str], labels: list[str], start: str | None) -> None:
    """The short way through its two forms, and the long way, agree."""
    truth = f"[{','.join(labels)}]"
    truth = truth if start is None else f'{{"labels":{truth},"start":{start}}}'
    line = f'{{"confidence":0.5,"id":"ab","prediction":[{",".join(scores)}],"truth":{truth}}}'.encode()
    short = _grouped(line)
    try:
        long = _any_row(line, 1)
    except DamagedError:
        assert short is None
    else:
        assert short in (None, long)


def test_a_group_takes_the_short_way() -> None:
    """With a unit and without, and with where it begins."""
    group: Groups = [([1, 0], [0.625, 0.25])]
    (row,), (placed,) = rows_of(group), rows_of(group, placed=True)
    for one in (row, dataclasses.replace(row, unit="ab"), placed, dataclasses.replace(placed, unit="ab")):
        assert _grouped(evidence.dump([one]).rstrip()) == one
