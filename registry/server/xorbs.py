"""Where xorbs wait until a shard says what files they are parts of: in the registry's store, by day.

    xorbs/<yyyymmdd>/<64 hex>          a xorb, as it was sent
    xorbs/<yyyymmdd>/<64 hex>.index    where its chunks lie; written last, so what has an index is whole

A Xet client remembers for three weeks which chunks it has sent, and names those xorbs instead of sending them again
(MDB_SHARD_LOCAL_CACHE_EXPIRATION in huggingface/xet-core). So they are kept for four, even when every file that they
are parts of was put together; then the first upload of a day clears them away.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from typing import BinaryIO

from roadworthy.model_cards.errors import DamagedError, InputError, NotFoundError
from roadworthy.registry.errors import ExistsError
from roadworthy.registry.store import Store
from roadworthy.registry.xet.hashes import to_text
from roadworthy.registry.xet.xorb import CheckedXorb, Index, Readable

DAYS = 28


def _today() -> date:
    return datetime.now(UTC).date()


class Xorbs:
    """The xorbs in a store, from any number of servers."""

    def __init__(self, store: Store, *, today: Callable[[], date] = _today) -> None:
        self._store = store
        self._today = today
        self._lock = threading.Lock()
        self._cleared: date | None = None

    def add(self, xorb: bytes, stream: Readable, size: int) -> bool:
        """Keeps a xorb of ``size`` bytes, checked while it arrives; ``False`` if it was sent today already.

        Raises:
            InputError: it is not the xorb with the hash ``xorb``. Nothing is kept.
        """
        self._clear_once_a_day()
        key = _key(self._today(), xorb)
        if self._has(f"{key}.index"):
            while stream.read(2**20):  # whoever is answered in the middle takes it for a broken connection
                pass
            return False
        source = CheckedXorb(stream, xorb, size)
        try:
            self._store.create(key, source)
        except ExistsError:
            # Its sender was killed before the index was written, or is about to write it.
            with self._store.open(key) as stored:
                source = CheckedXorb(stored, xorb, self._store.size(key))
                while source.read():
                    pass
            while stream.read(2**20):
                pass
        with suppress(ExistsError):
            self._store.create(f"{key}.index", source.index)
        return True

    def index(self, xorb: bytes) -> Index:
        """The index of a xorb.

        Raises:
            DamagedError: it is not what it was when it was written.
            InputError: no such xorb was sent in the last four weeks.
        """
        with self._open(xorb, ".index") as stream:
            data = stream.read()
        try:
            return Index(data, xorb)
        except InputError as error:
            raise DamagedError(f"the stored index of a xorb is damaged: {error}") from error

    @contextmanager
    def open(self, xorb: bytes) -> Iterator[BinaryIO]:
        """The bytes of a xorb, not checked again.

        Raises:
            InputError: no such xorb was sent in the last four weeks.
        """
        with self._open(xorb) as stream:
            yield stream

    def forget(self, xorb: bytes) -> None:
        """Removes a xorb, so that it can be sent again."""
        for day in self._days():
            for key in (f"{_key(day, xorb)}.index", _key(day, xorb)):
                with suppress(NotFoundError):
                    self._store.delete(key)

    def clear(self, days: int = DAYS) -> int:
        """Removes what was sent more than ``days`` days ago. Returns how many xorbs that were."""
        oldest = f"{self._today() - timedelta(days=days):%Y%m%d}"
        gone = [key for key in self._store.list("xorbs/") if key.split("/")[1] < oldest]
        for key in reversed(gone):  # an index before its xorb
            with suppress(NotFoundError):  # another server was faster
                self._store.delete(key)
        return sum(not key.endswith(".index") for key in gone)

    def _clear_once_a_day(self) -> None:
        with self._lock:
            due = self._cleared != self._today()
            self._cleared = self._today()
        if due:
            self.clear()

    def _open(self, xorb: bytes, ending: str = "") -> BinaryIO:
        for day in self._days():
            with suppress(NotFoundError):
                return self._store.open(_key(day, xorb) + ending)
        raise InputError(
            f"expected the xorb {to_text(xorb)} before the files that name it, found none from the last {DAYS} days. "
            "Your client remembers having sent it: delete its cache (HF_XET_CACHE, by default "
            "~/.cache/huggingface/xet), and upload again."
        )

    def _has(self, key: str) -> bool:
        try:
            self._store.size(key)
        except NotFoundError:
            return False
        return True

    def _days(self) -> Iterator[date]:
        # From tomorrow, if another server's clock is ahead, back to the oldest.
        return (self._today() - timedelta(days=ago) for ago in range(-1, DAYS + 1))


def _key(day: date, xorb: bytes) -> str:
    return f"xorbs/{day:%Y%m%d}/{to_text(xorb)}"
