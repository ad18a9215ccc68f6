"""Calibration: bins that are counted by hand, and the ECE beside numpy's own cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.model_cards import Row
from roadworthy.model_cards.calibration import BINS, calibrate

ANSWERS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=80)


def rows_of(answers: list[tuple[float, bool]]) -> list[Row]:
    """Evidence of (confidence, answered rightly)."""
    return [Row(id=f"{i:04}", truth=1, prediction=int(right), confidence=c) for i, (c, right) in enumerate(answers)]


def test_the_error_by_hand() -> None:
    """Two bins: 3 of mean 0.6 of which 1 is right, 2 of mean 0.9, both right: 3/5 * |1/3 - 0.6| + 2/5 * 0.1 = 0.2."""
    found = calibrate(rows_of([(0.9, True), (0.5, False), (0.6, True), (0.9, True), (0.7, False)]), bins=2)
    assert found is not None
    assert [one.n for one in found.bins] == [3, 2]
    assert [one.confidence for one in found.bins] == pytest.approx([0.6, 0.9])
    assert [one.accuracy for one in found.bins] == pytest.approx([1 / 3, 1.0])
    assert found.error == pytest.approx(0.2)


@given(ANSWERS)
def test_the_bins_equal_numpys(answers: list[tuple[float, bool]]) -> None:
    """numpy.array_split cuts the sorted examples in the same way; the weighted gaps add up to the error."""
    found = calibrate(rows_of(answers))
    assert found is not None
    order = sorted(range(len(answers)), key=lambda i: (answers[i][0], i))
    parts = [part for part in np.array_split(np.array(order), BINS) if len(part)]
    confidence, right = (np.array(column, dtype=float) for column in zip(*answers, strict=True))
    gaps = [len(part) * abs(right[part].mean() - confidence[part].mean()) for part in parts]
    assert [one.n for one in found.bins] == [len(part) for part in parts]
    assert found.error == pytest.approx(sum(gaps) / len(answers))


@given(ANSWERS, st.randoms())
def test_the_order_of_the_rows_does_not_matter(answers: list[tuple[float, bool]], random: object) -> None:
    """Evidence is sorted by id when it is written; ties of confidence must not depend on that."""
    rows = rows_of(answers)
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert calibrate(shuffled) == calibrate(rows)


def test_a_calibrated_classifier_has_a_small_error() -> None:
    """20,000 answers that are right as often as they are sure; sure by 0.2 too much is an error of 0.2."""
    random = np.random.default_rng(20260102)
    sure = random.uniform(0.3, 0.8, 20_000)
    right = random.random(20_000) < sure
    honest = calibrate(rows_of(list(zip(sure.tolist(), right.tolist(), strict=True))))
    boastful = calibrate(rows_of(list(zip((sure + 0.2).tolist(), right.tolist(), strict=True))))
    assert honest is not None
    assert boastful is not None
    assert honest.error < 0.015
    assert boastful.error == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("confidence", [-0.1, 1.1, 17.0])
def test_what_is_no_probability_is_not_calibrated(confidence: float) -> None:
    """A logit, say."""
    assert calibrate(rows_of([(0.5, True), (confidence, True)])) is None


def test_the_last_bit_of_a_softmax_is_a_probability() -> None:
    """1.0000001 comes out of single precision."""
    assert calibrate(rows_of([(1.0000001, True)])) is not None


def test_nothing_is_not_calibrated() -> None:
    """No rows."""
    assert calibrate([]) is None
