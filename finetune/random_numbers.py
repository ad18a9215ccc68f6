"""Random numbers as functions of (seed, epoch, index): nothing to save, nothing to restore.

Every number is a hash of a counter (SplitMix64: Steele, Lea & Flood 2014), so that a run that was killed
draws the same when it goes on, whatever the batch size or the number of processes.
"""

from collections.abc import Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_BLOCK, _WINDOW = 2**13, 2**20  # examples that stay neighbours in a large epoch, and that are shuffled at a time


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def uniforms(seed: int, epoch: int, indices: Sequence[int] | NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """[len(indices), count] numbers in [0, 1); each row depends on seed, epoch and its own index alone."""
    with np.errstate(over="ignore"):
        state = np.zeros(len(indices), dtype=np.uint64)
        for word in (np.uint64(seed % 2**64), np.uint64(epoch % 2**64), np.asarray(indices, dtype=np.int64)):
            state = _mix(state + word.astype(np.uint64) + _GOLDEN)
        steps = np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN
        bits = _mix(state[:, None] + steps[None, :])
    numbers: NDArray[np.float64] = (bits >> np.uint64(11)).astype(np.float64) / 2.0**53
    return numbers


def order(seed: int, epoch: int, n: int) -> NDArray[np.int64]:
    """The order of ``n`` examples in an epoch: each once."""
    return np.argsort(uniforms(seed, epoch, [-1], n)[0], kind="stable")


def batches(seed: int, epoch: int, n: int, size: int) -> Sequence[list[int]]:
    """An epoch in batches of ``size`` examples; what does not fill one waits for the next epoch's order.

    Up to four million examples are in any order. Of more, blocks of 8,192 neighbours are, and within 128 blocks that
    follow one another each example: an epoch then takes no memory to speak of, and reads a file nearly from end to end.
    """
    if n <= _WINDOW * 4:
        numbers = order(seed, epoch, n).tolist()
        size = min(size, n)
        return [numbers[start : start + size] for start in range(0, n - size + 1, size)]
    return _Windows(seed, epoch, n, size)


class _Windows(Sequence[list[int]]):
    """The batches of an epoch, each made when it is asked for: what two windows hold at most is kept."""

    def __init__(self, seed: int, epoch: int, n: int, size: int) -> None:
        self._seed, self._epoch, self._n, self._size = seed, epoch, n, size
        self._blocks = order(seed, epoch, -(-n // _BLOCK))
        # Where each window begins in the epoch: the last block of the data is shorter, wherever its turn comes.
        lengths = np.minimum(_BLOCK, n - self._blocks * _BLOCK)
        self._starts = np.concatenate([[0], np.cumsum(lengths)])[:: _WINDOW // _BLOCK]
        self._held: dict[int, NDArray[np.int64]] = {}

    def __len__(self) -> int:
        return self._n // self._size

    @overload
    def __getitem__(self, number: int) -> list[int]: ...

    @overload
    def __getitem__(self, number: slice) -> list[list[int]]: ...

    def __getitem__(self, number: int | slice) -> list[int] | list[list[int]]:
        if isinstance(number, slice):
            return [self[one] for one in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        at, end = (number % len(self)) * self._size, (number % len(self) + 1) * self._size
        found: list[int] = []
        window = int(np.searchsorted(self._starts, at, side="right")) - 1
        while at < end:
            start, members = int(self._starts[window]), self._window(window)
            found += members[at - start : end - start].tolist()
            at = start + len(members)
            window += 1
        return found

    def _window(self, number: int) -> NDArray[np.int64]:
        """The examples of a window in the epoch's order."""
        if number not in self._held:
            self._held = {one: held for one, held in self._held.items() if one == number - 1}
            each = _WINDOW // _BLOCK
            starts = self._blocks[number * each : (number + 1) * each] * _BLOCK
            members = np.concatenate([np.arange(start, min(start + _BLOCK, self._n)) for start in starts])
            self._held[number] = members[order(self._seed, self._epoch + (number + 1) * 2**32, len(members))]
        return self._held[number]


def batches_by_length(seed: int, epoch: int, lengths: NDArray[np.int64], size: int) -> list[list[int]]:
    """The same, with examples of like length in a batch, so that little is padded.

    The epoch's order is cut into pools of 32 batches, each pool is sorted by length, and the batches are
    shuffled again: an example's neighbours change with every epoch.
    """
    n = len(lengths)
    size = min(size, n)
    shuffled = order(seed, epoch, n)[: n // size * size]
    pool = 32 * size
    made: list[list[int]] = []
    for start in range(0, len(shuffled), pool):
        members = shuffled[start : start + pool]
        ranked = members[np.argsort(lengths[members], kind="stable")].tolist()
        made += [ranked[at : at + size] for at in range(0, len(ranked), size)]
    return [made[number] for number in order(seed, epoch + 2**32, len(made))]
