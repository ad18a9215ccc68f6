"""The latest of very many rows, without sorting them: a sort of a billion times would not fit into memory."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from .row_files import spans

_LEADS = 2**16  # values of a digest's first two bytes


def latest(
    time: NDArray[np.int64], digest: NDArray[np.uint8], among: NDArray[np.bool_], count: int
) -> NDArray[np.int64]:
    """Numbers of the ``count`` latest rows ``among`` them; of rows at one time those with the highest digests."""
    if count <= 0:
        return np.empty(0, dtype=np.int64)
    cut = _cut(time, among, count)
    later = _where(time, among, lambda t: t > cut)
    return np.concatenate([later, _highest(time, digest, among, cut, count - len(later))])


def _highest(
    time: NDArray[np.int64], digest: NDArray[np.uint8], among: NDArray[np.bool_], at: int, count: int
) -> NDArray[np.int64]:
    """Of the rows at one time, which may be all there are, the ``count`` with the highest digests."""
    sizes = np.zeros(_LEADS, dtype=np.int64)

    def tied() -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.int64]]]:
        for span in spans(len(time), time, digest):
            rows = span.start + np.flatnonzero((time[span] == at) & among[span])
            found = digest[rows]
            yield rows, found, found[:, 0] * np.int64(256) + found[:, 1]

    for _, _, lead in tied():
        sizes += np.bincount(lead, minlength=_LEADS)
    least = int(np.flatnonzero(np.cumsum(sizes[::-1])[::-1] >= count)[-1])
    surely, rest, digests = [], [], []
    for rows, found, lead in tied():
        surely.append(rows[lead > least])
        rest.append(rows[lead == least])
        digests.append(found[lead == least])
    high, low = order(np.concatenate(digests))
    ranked = np.concatenate(rest)[np.lexsort((low, high))[::-1]]
    return np.concatenate([*surely, ranked[: count - sum(map(len, surely))]])


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
    pieces = (time[span][among[span]] for span in spans(len(time), time))
    found = [(int(piece.min()), int(piece.max())) for piece in pieces if len(piece)]
    return min(low for low, _ in found), max(high for _, high in found)


def _count(time: NDArray[np.int64], among: NDArray[np.bool_], since: int) -> int:
    return sum(int(np.count_nonzero((time[span] >= since) & among[span])) for span in spans(len(time), time))


def _where(
    time: NDArray[np.int64], among: NDArray[np.bool_], holds: Callable[[NDArray[np.int64]], NDArray[np.bool_]]
) -> NDArray[np.int64]:
    found = [span.start + np.flatnonzero(holds(time[span]) & among[span]) for span in spans(len(time), time)]
    return np.concatenate(found)
