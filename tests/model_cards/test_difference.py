"""Two certificates beside each other: paired only where both answered the same examples under one protocol."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from roadworthy.model_cards import PairedComparison, Row
from roadworthy.model_cards.certificate import Claim
from roadworthy.model_cards.difference import ABSENT, Change, changes, figure_change

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def rows(answers: str) -> list[Row]:
    """A letter each: ``+`` answered rightly, ``-`` wrongly."""
    return [Row(id=f"{i:02}", truth=1, prediction=int(a == "+"), confidence=0.9) for i, a in enumerate(answers)]


def test_the_comparison_is_paired(claim: Claim) -> None:
    """5 gained and 1 lost of 8 that differ in nothing else: McNemar's p is scipy's binomial one."""
    found = figure_change(claim, claim, rows("-----+++"), rows("+++++-++"))
    assert found.not_comparable is None
    assert isinstance(found.comparison, PairedComparison)
    assert (found.comparison.gained, found.comparison.lost) == (5, 1)
    assert found.comparison.difference == pytest.approx(4 / 8)
    assert found.comparison.p_value == pytest.approx(binomtest(5, 6).pvalue)


def test_other_data_classes_or_protocols_are_only_shown(claim: Claim) -> None:
    """Each with its reason."""
    others = {
        "different protocols": replace(claim, protocol=replace(claim.protocol, version=claim.protocol.version + 1)),
        "different test data": replace(claim, data=replace(claim.data, test=replace(claim.data.test, n=7))),
        "different classes": replace(claim, data=replace(claim.data, labels=("one",))),
    }
    for reason, other in others.items():
        found = figure_change(claim, other, rows("+"), rows("+"))
        assert found.comparison is None
        assert found.not_comparable is not None
        assert reason in found.not_comparable


def test_changes_are_named_by_their_path() -> None:
    """A field inside, one that is new, one that is gone; a list is one value."""
    old = {"a": {"b": 1, "c": 2}, "labels": ["x"], "gone": None}
    new = {"a": {"b": 1, "c": 3}, "labels": ["x", "y"], "new": 0}
    assert list(changes(old, new)) == [
        Change(path="a.c", old=2, new=3),
        Change(path="gone", old=None, new=ABSENT),
        Change(path="labels", old=["x"], new=["x", "y"]),
        Change(path="new", old=ABSENT, new=0),
    ]


@given(JSON, JSON)
def test_there_is_a_change_exactly_where_they_differ(old: object, new: object) -> None:
    """And none between equal ones."""
    assert bool(list(changes(old, new))) == (old != new)
