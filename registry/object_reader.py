"""A stored object as a seekable stream: fetched range by range, the next one while the last is being read."""

import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from roadworthy.model_cards.errors import StorageError

FIRST = 1 << 18  # bytes that come with the first request: most documents, and the headers of most weights
_LONGEST = 1 << 23  # bytes of one range; two of them are in memory at most

# Returns the bytes from an offset on, as many as are asked for.
Fetch = Callable[[int, int], bytes]


class Forward:
    """A `Fetch` where a server sends no ranges: ``whole`` yields the object from its beginning, each time it is called.

    What lies before a range is read and dropped; only going back begins anew.
    """

    def __init__(self, whole: Callable[[], Iterator[bytes]]) -> None:
        self._whole = whole
        self._pieces = whole()
        self._at, self._held = 0, b""
        self._lock = threading.Lock()

    def __call__(self, begin: int, length: int) -> bytes:
        """The bytes of that range."""
        with self._lock:
            if begin < self._at:
                self._pieces, self._at, self._held = self._whole(), 0, b""
            while self._at + len(self._held) < begin + length and (piece := next(self._pieces, b"")):
                if self._at + len(self._held) <= begin:
                    self._at, self._held = self._at + len(self._held), b""
                self._held += piece
            cut = begin - self._at
            found, self._held = self._held[cut : cut + length], self._held[cut + length :]
            self._at = begin + len(found)
            return found


class RangeReader(io.RawIOBase):
    """``size`` bytes, of which ``first`` came already. Ranges grow while they are read one after another.

    Reading raises what ``fetch`` raises, and StorageError where it returns too little.
    """

    def __init__(self, fetch: Fetch, size: int, first: bytes) -> None:
        self._fetch = fetch
        self._size = size
        self._at = 0
        self._begin, self._block = 0, first
        self._next_length = _LONGEST // 8
        self._ahead: tuple[int, Future[bytes]] | None = None
        self._thread: ThreadPoolExecutor | None = None

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is, and seeking costs nothing until something is read."""
        return True

    def tell(self) -> int:
        """The offset of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """As a file's."""
        at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if at < 0:
            raise ValueError(f"negative seek position {at}")
        self._at = at
        return at

    def readinto(self, target: memoryview, /) -> int:  # type: ignore[override]  # Buffer has no name before 3.12
        """Fills ``target`` with what is at hand, at least one byte before the end."""
        if self._at >= self._size:
            return 0
        if not self._begin <= self._at < self._begin + len(self._block):
            self._turn()
        piece = memoryview(self._block)[self._at - self._begin :][: len(target)]
        target[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def close(self) -> None:
        """Fetches nothing more."""
        self._block = b""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
        super().close()

    def _turn(self) -> None:
        one_after_another = self._at == self._begin + len(self._block)
        if self._ahead is not None and self._ahead[0] == self._at:
            self._block = self._ahead[1].result()
        else:
            self._next_length = _LONGEST // 8
            self._block = self._range(self._at, min(self._next_length, self._size - self._at))
        self._begin, self._ahead = self._at, None
        after = self._begin + len(self._block)
        if one_after_another and after < self._size:
            self._next_length = min(2 * self._next_length, _LONGEST)
            self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
            self._ahead = after, self._thread.submit(self._range, after, min(self._next_length, self._size - after))

    def _range(self, begin: int, length: int) -> bytes:
        block = self._fetch(begin, length)
        if len(block) != length:
            raise StorageError(f"a stored file is shorter than it says: expected {length} bytes, found {len(block)}.")
        return block
