"""A store in memory: for tests, for trying things out, and for registries that live as long as a process."""

import io
import threading
from collections.abc import Iterator
from typing import BinaryIO

from roadworthy.model_cards.errors import NotFoundError
from roadworthy.model_cards.snapshot import check_path

from .errors import ExistsError
from .store import CHUNK, Source


class MemoryStore:
    """A `Store` in one process's memory, safe to use from several threads."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def create(self, key: str, source: Source | bytes) -> None:
        """See `Store.create`."""
        check_path(key)
        # Read outside the lock: a slow source does not hold up the others.
        data = source if isinstance(source, bytes) else b"".join(iter(lambda: source.read(CHUNK), b""))
        with self._lock:
            if key in self._contents:
                raise ExistsError(f"{key} exists in memory, and nothing stored is ever overwritten.")
            self._contents[key] = data

    def open(self, key: str) -> BinaryIO:
        """See `Store.open`."""
        return io.BytesIO(self._get(key))

    def size(self, key: str) -> int:
        """See `Store.size`."""
        return len(self._get(key))

    def list(self, prefix: str) -> Iterator[str]:
        """See `Store.list`."""
        with self._lock:
            return iter(sorted(key for key in self._contents if key.startswith(prefix)))

    def delete(self, key: str) -> None:
        """See `Store.delete`."""
        with self._lock:
            if self._contents.pop(key, None) is None:
                raise _not_found(key)

    def _get(self, key: str) -> bytes:
        with self._lock:
            try:
                return self._contents[key]
            except KeyError:
                raise _not_found(key) from None


def _not_found(key: str) -> NotFoundError:
    return NotFoundError(f"{key} is not in this registry in memory. See what is: roadworthy models")
