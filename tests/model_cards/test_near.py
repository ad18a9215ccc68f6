"""Near duplicates: the file, and the metric without them by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.model_cards import DamagedError, Row, image_top1
from roadworthy.model_cards.near import Neighbour, dump, load, near_of

PROTOCOL = image_top1(resize=256, crop=224, interpolation="bilinear", mean=(0, 0, 0), std=(1, 1, 1))
FOUND = st.builds(
    Neighbour,
    id=st.text(min_size=1, max_size=8),
    nearest=st.text(max_size=8),
    distance=st.floats(0, 64),
    similarity=st.floats(0, 1),
)


def rows(*right: bool) -> tuple[Row, ...]:
    """An example for each answer, called a, b, c, …"""
    return tuple(
        Row(id=chr(97 + n), truth=0, prediction=0 if is_right else 1, confidence=0.9)
        for n, is_right in enumerate(right)
    )


def beside(name: str, nearest: str = "x") -> Neighbour:
    """A test example with its neighbour."""
    return Neighbour(id=name, nearest=nearest, distance=2, similarity=0.99)


@given(st.lists(FOUND, unique_by=lambda one: one.id))
def test_a_file_is_read_as_it_was_written(found: list[Neighbour]) -> None:
    """Sorted by id, whatever the order before."""
    data = dump(found)
    assert list(load(data)) == sorted(found, key=lambda one: one.id)
    assert dump(load(data)) == data == dump(found[::-1])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"{}\n", "line 1 of the near duplicates is none"),
        (dump([beside("a")]).replace(b'"a"', b"7"), "line 1"),
        (dump([beside("a")]).replace(b"0.99", b'"much"'), "line 1"),
        (dump([beside("a")]) * 2, "told twice"),
        (dump([beside("b")]) + dump([beside("a")]), "not sorted"),
        (dump([beside("a")]).replace(b":2", b": 2"), "not in canonical form"),
    ],
)
def test_another_file_is_refused(data: bytes, said: str) -> None:
    """A line that is none, ids that repeat or are out of order."""
    with pytest.raises(DamagedError, match=said):
        load(data)


def test_the_metric_without_them_by_hand() -> None:
    """Five of eight are right; without a near copy that is right and an equal one that is right, three of six."""
    evidence = rows(True, True, True, True, True, False, False, False)
    found = near_of(
        "phash-64@1", {"distance": 8, "similarity": 0.95}, evidence, [beside("a"), beside("b", "b")], PROTOCOL
    )
    assert (found.n, found.same) == (1, 1)
    assert found.metric is not None
    assert (found.metric.value, found.metric.n) == (0.5, 6)


def test_a_content_that_is_tested_twice_counts_twice() -> None:
    """Rows, not contents, are what the metric is of."""
    evidence = (*rows(True, False), *rows(True))
    found = near_of("m", {}, evidence, [beside("a")], PROTOCOL)
    assert found.n == 2
    assert found.metric is not None
    assert (found.metric.value, found.metric.n) == (0.0, 1)


def test_where_nothing_is_left_out_or_nothing_left() -> None:
    """There is no other figure."""
    assert near_of("m", {}, rows(True, False), [], PROTOCOL).metric is None
    assert near_of("m", {}, rows(True, False), [beside("a"), beside("b")], PROTOCOL).metric is None
