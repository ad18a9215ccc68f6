"""HR@10 and NDCG@10 against scikit-learn and a plain sort, with ties; and what is no evidence of a recommendation."""

import dataclasses
import hashlib
from math import log2
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import ndcg_score, top_k_accuracy_score
from statsmodels.stats.proportion import proportion_confint

from roadworthy.model_cards import DamagedError, InputError, Metric, Row, evidence, score, with_metric
from roadworthy.model_cards.candidates import above_and_equal
from roadworthy.model_cards.evidence import _any_row, _ranked
from roadworthy.model_cards.protocols_of_scores import full_recommendation, sampled_recommendation
from roadworthy.model_cards.recommendation import by_popularity, user_row

PROTOCOL = sampled_recommendation()


def rows_of(scores: NDArray[np.float64]) -> list[Row]:
    """Evidence of users whose item scored the first column, and the candidates the others."""
    above, equal = above_and_equal(scores[:, 1:], np.ones(scores[:, 1:].shape, dtype=np.bool_), scores[:, 0])
    return [ranked(u, int(above[u]), int(equal[u]), candidates=scores.shape[1] - 1) for u in range(len(scores))]


def ranked(number: int, above: int, equal: int = 0, *, candidates: int = 100, seen: int = 5) -> Row:
    """One user whose item has so many above it."""
    pool = hashlib.sha256(str(number).encode()).hexdigest()[:16]
    return user_row(
        id=f"{number:06x}", candidates=candidates, pool=pool, seen=seen, above=above, equal=equal, score=0.625
    )


def measured(rows: list[Row], metric: str) -> Metric:
    """The metric, after a trip through the file."""
    return score(with_metric(PROTOCOL, metric), evidence.load(evidence.dump(rows)))


def test_both_metrics_are_scikit_learns() -> None:
    """400 users and 101 items without ties."""
    scores = np.random.default_rng(1).normal(size=(400, 101))
    scores[:, 0] += 1.5
    rows = rows_of(scores)
    first = np.zeros(400, dtype=int)
    expected = top_k_accuracy_score(first, scores, k=10, labels=np.arange(101))
    assert measured(rows, "hit_rate_at_10").value == expected
    relevant = np.zeros((400, 101))
    relevant[:, 0] = 1
    assert measured(rows, "ndcg_at_10").value == pytest.approx(ndcg_score(relevant, scores, k=10), abs=1e-13)


@given(st.lists(st.lists(st.integers(0, 4), min_size=14, max_size=14), min_size=1, max_size=25), st.randoms())
@settings(deadline=None, max_examples=50)
def test_among_equal_scores_the_item_is_last(users: list[list[int]], order: Any) -> None:
    """Counted one by one; in any order of rows, and after a rising function of the scores."""
    scores = np.array(users, dtype=np.float64)
    # Whoever scores higher or the same stands before it.
    places = [1 + sum(one >= row[0] for one in row[1:]) for row in users]
    rows = rows_of(scores)
    order.shuffle(rows)
    hits = measured(rows, "hit_rate_at_10")
    assert hits.value == sum(place <= 10 for place in places) / len(users)
    gains = [1 / log2(place + 1) if place <= 10 else 0.0 for place in places]
    assert measured(rows, "ndcg_at_10").value == pytest.approx(sum(gains) / len(users), abs=1e-12)
    assert measured(rows_of(np.exp(scores)), "hit_rate_at_10") == hits


def test_who_scores_all_alike_hits_nothing() -> None:
    """By torch.topk it would hit as often as the order of memory has it."""
    assert measured(rows_of(np.full((50, 101), 0.5)), "hit_rate_at_10").value == 0


def test_three_users_by_hand() -> None:
    """First, tenth by a tie, eleventh by a tie: two hits; 1 and 1 / log2(11)."""
    rows = [ranked(1, 0), ranked(2, 8, 1), ranked(3, 9, 1)]
    assert measured(rows, "hit_rate_at_10").value == 2 / 3
    assert measured(rows, "ndcg_at_10").value == pytest.approx((1 + 0.289064826317888) / 3, abs=1e-14)


def test_the_interval_of_a_hit_rate_is_wilsons() -> None:
    """943 users, 900 of them hits, as statsmodels has it."""
    found = measured([ranked(u, 0 if u < 900 else 50) for u in range(943)], "hit_rate_at_10")
    assert (found.low, found.high) == pytest.approx(proportion_confint(900, 943, method="wilson"), abs=1e-9)
    assert found.interval == "wilson"


def test_the_number_of_negatives_is_in_the_name() -> None:
    """So that 100 and MLPerf's 999 are never compared, nor two draws, nor the whole catalogue."""
    protocols = [
        PROTOCOL,
        sampled_recommendation(negatives=999),
        sampled_recommendation(seed=1),
        full_recommendation(),
    ]
    names = [
        one.name for metric in ("hit_rate_at_10", "ndcg_at_10") for one in (with_metric(p, metric) for p in protocols)
    ]
    assert len(set(names)) == 8
    assert names[0] == "recommendation-hit-rate-at-10-100-negatives-seed-0@1"
    assert names[1] == "recommendation-hit-rate-at-10-999-negatives-seed-0@1"
    assert score(full_recommendation(), [ranked(1, 0)]).value == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prediction", {"above": 90, "equal": 11}),
        ("prediction", {"above": -1, "equal": 0}),
        ("prediction", {"above": 1.5, "equal": 0}),
        ("prediction", {"above": True, "equal": 0}),
        ("prediction", {"above": 3}),
        ("prediction", 3),
        ("truth", {"candidates": 100, "pool": "0123456789abcdef"}),
        ("truth", {"candidates": 100, "pool": "xyz", "seen": 1}),
        ("truth", {"candidates": 100, "pool": 7, "seen": 1}),
        ("truth", {"candidates": 100, "pool": "0123456789abcdef", "seen": -1}),
        ("truth", {"candidates": 100, "pool": "0123456789abcdef", "popular": 101, "seen": 1}),
        ("truth", {"candidates": 100, "pool": "0123456789abcdef", "popular": True, "seen": 1}),
        ("truth", {"candidates": 100, "pool": "0123456789abcdef", "unpopular": 1, "seen": 1}),
        ("truth", 1),
    ],
)
def test_another_form_is_refused(field: str, value: Any) -> None:
    """More above it than there are, no counts, no pool."""
    bad = dataclasses.replace(ranked(2, 5), **{field: value})
    with pytest.raises(InputError, match=r"row 000002 is no evidence of a recommendation"):
        score(PROTOCOL, [ranked(1, 0), bad])


@pytest.mark.parametrize("arguments", [{"negatives": 0}, {"seed": -1}])
def test_a_protocol_needs_negatives_and_a_seed(arguments: dict[str, int]) -> None:
    """Or its name would say nothing."""
    with pytest.raises(InputError, match="expected one negative at least"):
        sampled_recommendation(**arguments)


COUNTS = st.sampled_from(["0", "7", "-1", "07", "1.0", "1000000000", "true"])


@given(
    st.sampled_from(["0.5", "0.50", "1", "1e-05"]),
    COUNTS,
    COUNTS,
    st.sampled_from(["ab", "AB", ""]),
    st.sampled_from(["", ',"popular":7', ',"popular":07']),
)
def test_a_rank_is_read_as_any_other_row(confidence: str, above: str, seen: str, pool: str, popular: str) -> None:
    """The short way through its one form, and the long way, agree; with and without the place by popularity."""
    line = (
        f'{{"confidence":{confidence},"id":"ab","prediction":{{"above":{above},"equal":0}},'
        f'"truth":{{"candidates":9,"pool":"{pool}"{popular},"seen":{seen}}}}}'
    ).encode()
    short = _ranked(line)
    try:
        long = _any_row(line, 1)
    except DamagedError:
        assert short is None
    else:
        assert short in (None, long)


def test_a_rank_takes_the_short_way() -> None:
    """Or nothing would be gained."""
    row = ranked(3, 4)
    assert _ranked(evidence.dump([row]).rstrip()) == row
    row = dataclasses.replace(row, truth=row.truth | {"popular": 12})
    assert _ranked(evidence.dump([row]).rstrip()) == row


def test_popularity_is_scored_where_all_rows_tell_it() -> None:
    """By the same protocol, as a model that scores by popularity would be; rows of before say nothing of it."""
    old = [ranked(1, 0), ranked(2, 50)]
    assert by_popularity(old) is None
    told = [dataclasses.replace(row, truth=row.truth | {"popular": p}) for row, p in zip(old, (9, 10), strict=True)]
    assert measured(told, "hit_rate_at_10") == measured(old, "hit_rate_at_10")
    popular = by_popularity(told)
    assert popular is not None
    assert measured(popular, "hit_rate_at_10") == measured([ranked(1, 9), ranked(2, 10)], "hit_rate_at_10")
    assert by_popularity([told[0], old[1]]) is None
