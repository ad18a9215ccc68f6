"""Negatives by the reference's rules, against a plain loop over users and words."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import chisquare

from roadworthy.model_cards import InputError
from roadworthy.model_cards.candidates import above_and_equal, catalogue_pools, draw_negatives, drawn_pools

Numbers = NDArray[np.int64]


def csr(taken: list[list[int]]) -> tuple[Numbers, Numbers]:
    """Users' items as arrays."""
    sizes = np.cumsum([0, *map(len, taken)])
    return sizes.astype(np.int64), np.array([item for items in taken for item in items], dtype=np.int64)


def by_hand(taken: list[list[int]], test: list[int], n_items: int, negatives: int, seed: int) -> list[list[int]]:
    """What each user's item is ranked among: word by word, as the docstring says."""
    words = iter(np.random.Philox(key=seed).random_raw(len(taken) * negatives).tolist())
    found = []
    for own, positive in zip(taken, test, strict=True):
        free = [item for item in range(n_items) if item not in own]
        drawn = [free[((next(words) >> 32) * len(free)) >> 32] for _ in range(negatives)]
        found.append(sorted(set(drawn) - {positive}) if positive >= 0 else [])
    return found


USERS = st.lists(
    st.tuples(st.lists(st.integers(0, 11), max_size=15).filter(lambda own: len(set(own)) < 12), st.integers(-1, 11)),
    min_size=1,
    max_size=12,
)


@given(USERS, st.integers(1, 20), st.sampled_from([0, 7, 2**100]))
@settings(deadline=None, max_examples=80)
def test_it_draws_what_a_plain_loop_draws(users: list[tuple[list[int], int]], negatives: int, seed: int) -> None:
    """Training items repeated and in any order; a test item that was trained on too, or none."""
    taken, test = [own for own, _ in users], [positive for _, positive in users]
    indptr, items = csr(taken)
    found = draw_negatives(indptr, items, np.array(test), n_items=12, negatives=negatives, seed=seed)
    assert found.items.shape == found.kept.shape == (len(users), negatives)
    kept = [sorted(row[mask].tolist()) for row, mask in zip(found.items, found.kept, strict=True)]
    assert kept == by_hand(taken, test, 12, negatives, seed)
    for row, own in zip(found.items, taken, strict=True):
        assert not set(row.tolist()) & set(own)


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """2,500 users in three blocks and in one: the same words for the same user."""
    random = np.random.default_rng(1)
    indptr, items = csr([random.integers(0, 500, size=random.integers(0, 40)).tolist() for _ in range(2_500)])
    test = random.integers(0, 500, 2_500)
    first = draw_negatives(indptr, items, test, n_items=500, seed=3)
    pools = catalogue_pools(indptr, items, test, n_items=500)
    monkeypatch.setattr("roadworthy.model_cards.candidates._BLOCK", 10**6)
    second = draw_negatives(indptr, items, test, n_items=500, seed=3)
    assert (first.items == second.items).all()
    assert (first.kept == second.kept).all()
    again = catalogue_pools(indptr, items, test, n_items=500)
    assert ((pools[0] == again[0]).all(), pools[1]) == (True, again[1])


def test_of_equal_draws_the_first_counts() -> None:
    """One free item besides the test item: both are drawn again and again, and one counts once."""
    found = draw_negatives(*csr([[0, 1]]), np.array([2]), n_items=4, negatives=50)
    assert set(found.items[0].tolist()) == {2, 3}
    assert found.kept.sum() == 1
    assert found.kept[0].argmax() == found.items[0].tolist().index(3)


def test_every_free_item_is_as_likely() -> None:
    """100,000 draws among 40 items of 50: chi-squared knows no difference."""
    found = draw_negatives(*csr([list(range(10))] * 1_000), np.full(1_000, -1), n_items=50, seed=5)
    counts = np.bincount(found.items.ravel(), minlength=50)
    assert counts[:10].sum() == 0
    assert chisquare(counts[10:]).pvalue > 0.001


def test_another_seed_is_another_draw() -> None:
    """And another pool, by which it is told."""
    users = csr([[0], [1]])
    first, second = (draw_negatives(*users, np.array([1, 2]), n_items=1_000, seed=seed) for seed in (0, 1))
    assert (first.items != second.items).any()
    assert set(drawn_pools(first)).isdisjoint(drawn_pools(second))


def test_pools_are_digests_that_anybody_can_compute() -> None:
    """Of the numbers that count, ascending; and of the catalogue's size, the training items and the test item."""
    taken, test = [[3, 1, 3], [], [0, 1, 2]], [4, 0, 1]
    indptr, items = csr(taken)
    found = draw_negatives(indptr, items, np.array(test), n_items=9, negatives=6, seed=2)
    expected = by_hand(taken, test, 9, 6, 2)
    assert drawn_pools(found) == [digest(one) for one in expected]
    counts, pools = catalogue_pools(indptr, items, np.array(test), n_items=9)
    assert counts.tolist() == [9 - 2 - 1, 9 - 1, 9 - 3]
    assert pools == [digest([9, 1, 3, 4]), digest([9, 0]), digest([9, 0, 1, 2, 1])]


def digest(numbers: list[int]) -> str:
    """16 hex digits of the SHA-256 of little-endian int64."""
    return hashlib.sha256(b"".join(number.to_bytes(8, "little") for number in numbers)).hexdigest()[:16]


@given(
    st.lists(st.lists(st.sampled_from([0.1, 0.2, 0.5, float("nan")]), min_size=4, max_size=4), min_size=1, max_size=6)
)
def test_scores_that_are_no_number_win_nothing(given_scores: list[list[float]]) -> None:
    """Neither a candidate's nor the positive's; the last of the four is the positive's, the second is masked."""
    scores = np.array(given_scores)
    kept = np.ones((len(scores), 3), dtype=np.bool_)
    kept[:, 1] = False
    above, equal = above_and_equal(scores[:, :3], kept, scores[:, 3])
    for row, a, e in zip(given_scores, above.tolist(), equal.tolist(), strict=True):
        others, positive = (row[0], row[2]), row[3]
        assert e == sum(other == positive for other in others)
        assert a == sum(not other <= positive for other in others)


@pytest.mark.parametrize(
    ("taken", "test", "n_items", "message"),
    [
        ([[0, 1, 2]], [1], 3, "user 0 has taken all 3 items"),
        ([[0]], [1, 2], 3, "expected the training items of 2 users"),
        ([[5]], [1], 3, "expected item numbers of 0 to 2"),
        ([[-1]], [1], 3, "expected item numbers of 0 to 2"),
        ([[0]], [3], 3, "expected item numbers of 0 to 2"),
        ([[0]], [-2], 3, "expected item numbers of 0 to 2"),
    ],
)
def test_what_cannot_be_drawn_from_is_refused(
    taken: list[list[int]], test: list[int], n_items: int, message: str
) -> None:
    """Nothing left to draw, arrays that do not fit, numbers of no item."""
    with pytest.raises(InputError, match=message):
        draw_negatives(*csr(taken), np.array(test), n_items=n_items)


@pytest.mark.parametrize(("negatives", "seed"), [(0, 0), (5, -1)])
def test_no_negatives_are_refused(negatives: int, seed: int) -> None:
    """Nor a seed below 0."""
    with pytest.raises(InputError, match="expected one negative at least"):
        draw_negatives(*csr([[0]]), np.array([1]), n_items=3, negatives=negatives, seed=seed)


@pytest.mark.slow
def test_movielens_size_takes_seconds() -> None:
    """138,493 users, 26,744 items, 20 million training items: the reference's sizes."""
    import time

    random = np.random.default_rng(4)
    sizes = np.minimum(random.geometric(1 / 144, 138_493) + 1, 2_000)
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    items = random.integers(0, 26_744, indptr[-1])
    began = time.process_time()
    found = draw_negatives(indptr, items, random.integers(0, 26_744, 138_493), n_items=26_744)
    assert time.process_time() - began < 20
    assert 99 < found.kept.sum() / 138_493 < 100
