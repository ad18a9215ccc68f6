"""Categories by how often the train part has them; numbers on one scale."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import skew

from roadworthy.finetune.tabular.codes import Codes
from roadworthy.finetune.tabular.number_scale import fit
from roadworthy.finetune.tabular.vocabulary import MISSING, RESERVED, UNSEEN, Vocabulary

WORDS = st.lists(st.sampled_from(["a", "b", "c", "ä", "10", "9"]), max_size=60)


@given(WORDS, st.integers(1, 5), st.randoms(use_true_random=False))
def test_counted_as_a_counter_counts(words: list[str], least: int, random: object) -> None:
    """Frequent values, most frequent first, equal ones by their text; the order of the rows changes nothing."""

    def vocabulary(rows: list[str]) -> Vocabulary:
        codes = Codes()
        numbers = codes.encode(pa.array(rows, pa.string()))
        counts = np.bincount(numbers, minlength=len(codes.values()))
        return Vocabulary.counted(codes.values(), counts, least)

    expected = sorted(
        (v for v, n in Counter(words).items() if n >= least), key=lambda v: (-Counter(words)[v], v.encode())
    )
    assert vocabulary(words).values.to_pylist() == expected
    random.shuffle(words)  # type: ignore[attr-defined]
    assert vocabulary(words).values.to_pylist() == expected


@given(st.lists(st.text(), unique=True))
def test_encode_and_decode(values: list[str]) -> None:
    """Every number but the reserved ones comes back."""
    words = Vocabulary.of(values)
    assert words.encode(pa.array(values, pa.string())).tolist() == list(range(RESERVED, words.size))
    assert [words.decode(number) for number in range(RESERVED, words.size)] == values


def test_unseen_and_missing() -> None:
    """They are two things."""
    words = Vocabulary.of(["a", "b"])
    assert words.encode(pa.array(["b", "z", None])).tolist() == [RESERVED + 1, UNSEEN, MISSING]
    assert words.decode(UNSEEN) is None


@given(
    arrays(np.float32, st.integers(1, 80), elements=st.floats(-1000, 1000, width=32)),
    st.lists(st.integers(0, 80), max_size=4),
)
def test_a_scale_is_numpys(values: np.ndarray, cuts: list[int]) -> None:
    """Mean and deviation of the whole, in whatever pieces it comes."""
    scale = fit(iter(np.split(values, sorted(cuts))))
    base = np.log1p(values.astype(np.float64)) if scale.log else values.astype(np.float64)
    assert scale.mean == pytest.approx(base.mean(), rel=1e-7, abs=1e-7)
    if base.std() > 1e-3:
        assert scale.deviation == pytest.approx(base.std(), rel=1e-6)


def test_counts_with_a_long_tail_go_through_a_logarithm() -> None:
    """By scipy's skewness; what may be negative does not."""
    random = np.random.default_rng(3)
    tail = random.lognormal(3, 1, 5000).astype(np.float32)
    even = random.normal(50, 5, 5000).astype(np.float32)
    assert skew(tail) > 2 > skew(even)
    assert fit(np.split(tail, 5)).log
    assert not fit([even]).log
    assert not fit([np.append(tail, np.float32(-1))]).log


def test_missing_numbers() -> None:
    """The mean instead, and a column that says so where training had any."""
    scale = fit([np.array([1, 3, np.nan], dtype=np.float32)])
    assert scale.apply(np.array([3, np.nan], dtype=np.float32)).tolist() == [[1, 0], [0, 1]]
    whole = fit([np.array([1, 3], dtype=np.float32)])
    assert whole.apply(np.array([np.nan], dtype=np.float32)).tolist() == [[0]]
    assert fit([np.array([7, 7], dtype=np.float32)]).apply(np.array([7], dtype=np.float32)).tolist() == [[0]]
    assert fit([np.array([np.nan], dtype=np.float32)]).apply(np.array([7], dtype=np.float32)).tolist() == [[7, 0]]
