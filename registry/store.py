"""What the registry asks of a place that keeps bytes: five methods, and no way to overwrite.

A key is a relative POSIX path (`layout`). Every backend runs one conformance suite, `tests/registry/test_store.py`.
"""

from collections.abc import Iterator
from typing import BinaryIO, Protocol, runtime_checkable

CHUNK = 1 << 20  # bytes read at once; large enough that the hashing, not the calls, takes the time


class Source(Protocol):
    """Bytes to be stored: anything that is read to its end, ``b""``, and says how many bytes it will be."""

    @property
    def size(self) -> int: ...

    def read(self, size: int, /) -> bytes: ...


class Store(Protocol):
    """Immutable bytes by key."""

    def create(self, key: str, source: Source | bytes) -> None:
        """Stores everything that ``source`` yields under ``key``: all of it or, on any error, nothing.

        A source that raises, even at its end, leaves nothing: that is how bytes are checked on their way
        in (`CheckedReader`). Of several creators of one key exactly one succeeds.

        Raises:
            ExistsError: the key is taken.
            StorageError: the bytes could not be written; what was stored before is untouched.
        """

    def open(self, key: str) -> BinaryIO:
        """The bytes under ``key``, as a seekable stream that the caller closes.

        Raises:
            NotFoundError: nothing is stored under that key.
        """

    def size(self, key: str) -> int:
        """How many bytes are stored under ``key``.

        Raises:
            NotFoundError: nothing is stored under that key.
        """

    def list(self, prefix: str) -> Iterator[str]:
        """Every key that begins with ``prefix``, sorted."""

    def delete(self, key: str) -> None:
        """Removes what is stored under ``key``.

        Raises:
            NotFoundError: nothing is stored under that key.
        """


@runtime_checkable
class Presigns(Protocol):
    """What a store can do besides, whose bytes others may fetch from where they lie, without its credentials."""

    def presign(self, key: str, seconds: int) -> str:
        """A URL that answers a GET, and no other request, with the bytes under ``key``, for that many seconds.

        Nobody asks whether anything is stored there.

        Raises:
            StorageError: there are no credentials, or none that can sign.
        """
