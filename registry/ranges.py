"""Ranges of one file: asked for several at once, handed over in the order of the file."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, runtime_checkable

from roadworthy.model_cards.errors import StorageError

STEP = 8 << 20  # bytes; large enough that the asking does not count, small enough that many fit into memory


class NoRangesError(StorageError):
    """The store's server sends whole files only."""


@runtime_checkable
class Distant(Protocol):
    """A store whose bytes come over a network, so that ``streams`` ranges of one file are best asked for at once."""

    streams: int

    def read_range(self, key: str, start: int, buffer: memoryview) -> None:
        """Fills ``buffer`` with the bytes stored under ``key`` from ``start`` on.

        Raises:
            NoRangesError: its server sends none.
        """


def in_order(
    read: Callable[[int, memoryview], None], start: int, end: int, *, streams: int, step: int = STEP
) -> Iterator[memoryview]:
    """The bytes ``start`` to ``end``, ``step`` of them at a time, read by ``streams`` threads ahead of the caller.

    What is yielded holds until the one after the next is asked for: one may be written while the one before is hashed.
    """
    ahead: deque[tuple[Future[None], memoryview]] = deque()
    free = [memoryview(bytearray(min(step, end - start))) for _ in range(streams + 3)] if end > start else []
    lent: deque[memoryview] = deque()
    at = start
    pool = ThreadPoolExecutor(streams, thread_name_prefix="range")
    try:
        while at < end or ahead:
            while at < end and free and len(ahead) <= streams:
                buffer = free.pop()
                part = buffer[: min(step, end - at)]
                ahead.append((pool.submit(read, at, part), buffer))
                at += len(part)
            future, buffer = ahead.popleft()
            future.result()
            lent.append(buffer)
            yield buffer[: min(step, end - start)]
            if len(lent) > 1:
                free.append(lent.popleft())
            start += step
    finally:
        pool.shutdown(cancel_futures=True)
