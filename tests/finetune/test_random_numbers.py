"""Random numbers are functions of (seed, epoch, index), and orders have each example once."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.finetune import random_numbers
from roadworthy.finetune.random_numbers import _mix, batches, batches_by_length, order, uniforms


def test_first_words_of_splitmix64() -> None:
    """The mixer is SplitMix64: its published first output for seed 0 (Vigna, splitmix64.c) is 0xE220A8397B1DCDAF."""
    with np.errstate(over="ignore"):
        assert int(_mix(np.array([0x9E3779B97F4A7C15], dtype=np.uint64))[0]) == 0xE220A8397B1DCDAF


def test_draws_depend_on_every_argument() -> None:
    """Another seed, epoch or index draws other numbers; the same draw the same."""
    base = uniforms(1, 2, [3], 5)
    assert np.array_equal(base, uniforms(1, 2, [3], 5))
    for seed, epoch, index in ((2, 2, 3), (1, 3, 3), (1, 2, 4), (2, 1, 3)):
        assert not np.array_equal(base, uniforms(seed, epoch, [index], 5))


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    """Whatever else is in the batch, an example draws the same."""
    assert np.array_equal(uniforms(1, 2, [9, 3, 7], 5)[1], uniforms(1, 2, [3], 5)[0])


def test_draws_are_uniform() -> None:
    """Mean and variance of a million draws are those of the uniform distribution, within five deviations."""
    numbers = uniforms(7, 0, [0], 1_000_000)[0]
    assert abs(numbers.mean() - 0.5) < 5 * np.sqrt(1 / 12 / 1e6)
    assert abs(numbers.var() - 1 / 12) < 5 * np.sqrt(1 / 180 / 1e6)


def test_an_epoch_has_each_example_once() -> None:
    """The order is a permutation, and another one in another epoch."""
    assert sorted(order(5, 0, 1000)) == list(range(1000))
    assert not np.array_equal(order(5, 0, 1000), order(5, 1, 1000))


@given(n=st.integers(1, 400), size=st.integers(1, 64), seed=st.integers(0, 2**48))
def test_batches_are_whole_and_disjoint(n: int, size: int, seed: int) -> None:
    """By order or by length: n // size batches of the same size, no example twice."""
    lengths = np.arange(n) % 37
    for made in (batches(seed, 0, n, size), batches_by_length(seed, 0, lengths, size)):
        assert {len(batch) for batch in made} == {min(size, n)}
        assert len(made) == n // min(size, n)
        members = [number for batch in made for number in batch]
        assert len(set(members)) == len(members)


def test_batches_by_length_pad_little() -> None:
    """On lengths spread evenly from 1 to 256, less than a twentieth of the tokens are padding; at random, a half."""
    lengths = order(1, 0, 4096) % 256 + 1

    def padding(made: Sequence[list[int]]) -> float:
        padded = sum(len(batch) * int(lengths[batch].max()) for batch in made)
        return float(1 - sum(int(lengths[batch].sum()) for batch in made) / padded)

    assert padding(batches_by_length(3, 0, lengths, 32)) < 0.05
    assert padding(batches(3, 0, 4096, 32)) > 0.4


@pytest.mark.parametrize(("n", "size"), [(1000, 16), (1003, 64), (1003, 300), (640, 7)])
def test_a_large_epoch_has_each_example_once(monkeypatch: pytest.MonkeyPatch, n: int, size: int) -> None:
    """Shuffled in windows of blocks: whole and disjoint batches, the same in whatever order they are asked for."""
    monkeypatch.setattr(random_numbers, "_BLOCK", 8)
    monkeypatch.setattr(random_numbers, "_WINDOW", 32)
    made = batches(3, 1, n, size)
    assert len(made) == n // size
    whole = list(made)
    assert {len(batch) for batch in whole} == {size}
    members = [number for batch in whole for number in batch]
    assert len(set(members)) == len(members)
    assert set(members) <= set(range(n))
    assert [made[at] for at in reversed(range(len(made)))] == whole[::-1]
    assert made[2:5] == whole[2:5]
    assert made[-1] == whole[-1]
    assert list(batches(3, 2, n, size)) != whole
    with pytest.raises(IndexError):
        made[len(made)]


def test_a_large_epoch_leaves_out_no_example_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fills no batch is another in every epoch, and so is who comes first."""
    monkeypatch.setattr(random_numbers, "_BLOCK", 8)
    monkeypatch.setattr(random_numbers, "_WINDOW", 32)
    epochs = [[number for batch in batches(3, epoch, 203, 50) for number in batch] for epoch in range(40)]
    assert {number for members in epochs for number in members} == set(range(203))
    assert len({members[0] for members in epochs}) > 20


def test_a_large_epoch_reads_a_file_nearly_from_end_to_end() -> None:
    """Five million examples: a batch comes from 128 blocks of neighbours at most, and an epoch is made at once."""
    made = batches(3, 0, 5_000_000, 4096)
    blocks = [{number // 8192 for number in made[at]} for at in (0, 100, 700)]
    assert all(100 < len(found) <= 2 * 128 for found in blocks)
    assert not blocks[0] & blocks[2]
