"""The latest of very many rows, without sorting them: a sort of a billion times would not fit into memory."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_BLOCK = 2**22  # rows looked at in one piece


def latest(
    time: NDArray[np.int64], digest: NDArray[np.uint8], among: NDArray[np.bool_], count: int
) -> NDArray[np.int64]:
    """Numbers of the ``count`` latest rows ``among`` them; of rows at one time those with the highest digests."""
    if count <= 0:
        return np.empty(0, dtype=np.int64)
    cut = _cut(time, among, count)
    later = _where(time, among, lambda t: t > cut)
    tied = _where(time, among, lambda t: t == cut)
    high, low = order(digest[tied])
    first = np.lexsort((low, high))[::-1]
    return np.concatenate([later, tied[first[: count - len(later)]]])


def order(digest: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Digests, uint8 [R, 16], as two numbers each that sort as the bytes do."""
    words = np.ascontiguousarray(digest).view(">u8").reshape(-1, 2)
    return words[:, 0].astype(np.uint64), words[:, 1].astype(np.uint64)


def _cut(time: NDArray[np.int64], among: NDArray[np.bool_], count: int) -> int:
    """The greatest time such that at least ``count`` rows are as late, found by halving."""
    low, high = _ends(time, among)
    while low < high:
        middle = low + (high - low + 1) // 2
        if _count(time, among, middle) >= count:
            low = middle
        else:
            high = middle - 1
    return low


def _ends(time: NDArray[np.int64], among: NDArray[np.bool_]) -> tuple[int, int]:
    pieces = (time[s : s + _BLOCK][among[s : s + _BLOCK]] for s in range(0, len(time), _BLOCK))
    found = [(int(piece.min()), int(piece.max())) for piece in pieces if len(piece)]
    return min(low for low, _ in found), max(high for _, high in found)


def _count(time: NDArray[np.int64], among: NDArray[np.bool_], since: int) -> int:
    return sum(
        int(np.count_nonzero((time[s : s + _BLOCK] >= since) & among[s : s + _BLOCK]))
        for s in range(0, len(time), _BLOCK)
    )


def _where(
    time: NDArray[np.int64], among: NDArray[np.bool_], holds: Callable[[NDArray[np.int64]], NDArray[np.bool_]]
) -> NDArray[np.int64]:
    found = [
        s + np.flatnonzero(holds(time[s : s + _BLOCK]) & among[s : s + _BLOCK]) for s in range(0, len(time), _BLOCK)
    ]
    return np.concatenate(found)
