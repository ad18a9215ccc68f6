"""Numbers of values are those that a dict would give, whatever the values and however they come."""

from itertools import islice, pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.finetune.tabular import words
from roadworthy.finetune.tabular.ahead import ahead, beforehand
from roadworthy.finetune.tabular.codes import NONE, Codes

# Of equal beginnings, with characters of no bytes' value, around the eight and fifteen bytes that words hold.
TEXT = st.one_of(st.none(), st.text("a\0é", max_size=18), st.sampled_from(["", "a" * 7, "a" * 8, "a" * 15, "a" * 16]))


@given(st.lists(TEXT, max_size=60), st.lists(st.integers(0, 60)))
def test_as_a_dict_has_them(values: list[str | None], cuts: list[int]) -> None:
    """New values get the next number; in blocks, of text or of Arrow's dictionaries, sliced or not."""
    known: dict[str, int] = {}
    expected = [NONE if value is None else known.setdefault(value, len(known)) for value in values]
    codes, text, found = Codes(), pa.array(values, pa.string()), list[int]()
    for number, (start, end) in enumerate(pairwise([0, *sorted(min(cut, len(values)) for cut in cuts), len(values)])):
        block = text.slice(start, end - start)
        found += codes.encode(block.dictionary_encode() if number % 2 else block).tolist()
    assert found == expected
    assert codes.values().to_pylist() == list(known)


@pytest.mark.parametrize("crowded", [False, True])
def test_many_and_all_in_one_place(crowded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table grows, and finds what its neighbours pushed aside."""
    if crowded:
        monkeypatch.setattr(words.Words, "_first", lambda _, texts: np.full(len(texts), 1020, dtype=np.int64))
    count = 700 if crowded else 50_000
    codes, names = Codes(), np.array([f"{n * 2654435761 % 2**32:08x}" for n in range(count)])
    random = np.random.default_rng(0)
    for _ in range(3):
        drawn = random.permutation(count)
        found = codes.encode(pa.array(names[drawn]))
        assert np.array_equal(np.array(codes.values())[found], names[drawn])
    assert len(codes.values()) == count


def test_work_ahead_comes_in_order() -> None:
    """And what fails does so in its turn, wherever it fails."""
    assert list(ahead(lambda n: n * n, range(100))) == [n * n for n in range(100)]

    failing = ahead(lambda n: 1 / (n - 4), range(9))
    assert list(islice(failing, 4)) == [-1 / 4, -1 / 3, -1 / 2, -1.0]
    with pytest.raises(ZeroDivisionError):
        next(failing)
    assert list(beforehand(iter(range(1, 100)))) == list(range(1, 100))
    with pytest.raises(ZeroDivisionError):
        list(beforehand(1 / n for n in range(5, -1, -1)))
