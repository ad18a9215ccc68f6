"""Agreement of two sets of answers, against scikit-learn and numpy."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score

from roadworthy.model_cards import Row, evidence
from roadworthy.model_cards.agreement import agreement

ANSWERS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.floats(0, 1), st.floats(0, 1)), min_size=1)


@given(answers=ANSWERS)
def test_shares_and_differences(answers: list[tuple[int, int, float, float]]) -> None:
    """One set of predictions taken as the truth of the other: scikit-learn's accuracy is the share."""
    rows = [Row(id=f"{i:03}", truth=0, prediction=p, confidence=c) for i, (p, _, c, _) in enumerate(answers)]
    first = [Row(id=f"{i:03}", truth=0, prediction=p, confidence=c) for i, (_, p, _, c) in enumerate(answers)]
    found = agreement(rows, first)
    assert found is not None
    ours, theirs, confidence, before = (np.array(column) for column in zip(*answers, strict=True))
    assert found.same == pytest.approx(accuracy_score(theirs, ours))
    assert found.largest_difference == pytest.approx(np.abs(confidence - before).max())
    assert found.n == len(answers)


def test_other_examples_are_not_compared() -> None:
    """Neither another picture, nor another truth, nor fewer of them; nor nothing."""
    rows = [Row(id=name, truth=0, prediction=0, confidence=0.5) for name in "abc"]
    for other in (rows[:2], [*rows[:2], replace(rows[2], id="d")], [*rows[:2], replace(rows[2], truth=1)], []):
        assert agreement(rows, other) is None
        assert agreement(other, rows) is None


def test_the_order_of_evidence_pairs_the_rows() -> None:
    """Rows that were written and read again are paired by example, whatever order they were answered in."""
    rows = [Row(id=name, truth=0, prediction=n, confidence=0.5) for n, name in enumerate("cab")]
    again = evidence.load(evidence.dump(reversed(rows)))
    found = agreement(evidence.load(evidence.dump(rows)), again)
    assert found is not None
    assert found.same == 1.0
