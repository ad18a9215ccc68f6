"""Random numbers as functions of (seed, epoch, index): nothing to save, nothing to restore.

Every number is a hash of a counter (SplitMix64: Steele, Lea & Flood 2014), so that a run that was killed
draws the same when it goes on, whatever the batch size or the number of processes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


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


def batches(seed: int, epoch: int, n: int, size: int) -> list[list[int]]:
    """An epoch in batches of ``size`` examples; what does not fill one waits for the next epoch's order."""
    numbers = order(seed, epoch, n).tolist()
    size = min(size, n)
    return [numbers[start : start + size] for start in range(0, n - size + 1, size)]


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
