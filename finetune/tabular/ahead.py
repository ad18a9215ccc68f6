"""Threads for a stream of pieces: one that makes them, some that work on them; all in order, and only a few ahead."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Piece = TypeVar("Piece")
Done = TypeVar("Done")
_MOST = 8  # threads; more would hold more pieces in memory than they save time


def ahead(work: Callable[[Piece], Done], pieces: Iterable[Piece]) -> Iterator[Done]:
    """``work`` of each piece, which should spend its time where Python's lock is released: in Arrow, numpy, files.

    ``pieces`` is run through in the caller's thread. What either raises is raised in its turn.
    """
    threads = min(_MOST, os.cpu_count() or 1)
    waiting: deque[Future[Done]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="ahead")
    try:
        for piece in pieces:
            waiting.append(pool.submit(work, piece))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def beforehand(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """The same pieces; each is made in a thread while the caller has the one before it."""
    with ThreadPoolExecutor(1, thread_name_prefix="beforehand") as pool:
        coming = pool.submit(next, pieces, None)
        while (piece := coming.result()) is not None:
            coming = pool.submit(next, pieces, None)
            yield piece
