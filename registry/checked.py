"""Reading with the digest in view: bytes are hashed as they pass, and a wrong end is an error."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from roadworthy.model_cards.errors import DamagedError, StorageError
from roadworthy.model_cards.snapshot import FileEntry

from .store import CHUNK

# Called with the number of bytes that have just passed.
Passed = Callable[[int], None]


class CheckedReader:
    """A stream that raises at its end unless it was exactly the file that ``expected`` describes.

    Whoever stores what this yields stores either the right bytes or nothing.
    """

    def __init__(self, stream: BinaryIO, expected: FileEntry, what: str, passed: Passed | None = None) -> None:
        self._stream = stream
        self._expected = expected
        self._what = what
        self._passed = passed
        self._digest = hashlib.sha256()
        self._size = 0

    @property
    def size(self) -> int:
        """How many bytes the whole file has."""
        return self._expected.size

    def read(self, size: int = CHUNK, /) -> bytes:
        """The next bytes, ``b""`` at the checked end.

        Raises:
            DamagedError: the file ends, or runs on, where it should not, or its digest is another.
            StorageError: the file cannot be read.
        """
        try:
            chunk = self._stream.read(size)
        except OSError as error:
            raise StorageError(f"cannot read {self._what}: {error.strerror}. Nothing was changed.") from error
        self._digest.update(chunk)
        self._size += len(chunk)
        if not chunk or self._size > self._expected.size:
            self._check()
        if self._passed is not None:
            self._passed(len(chunk))
        return chunk

    def read_all(self) -> bytes:
        """Everything that is left, checked."""
        return b"".join(iter(self.read, b""))

    def _check(self) -> None:
        refuse_other(self._expected, self._what, self._size, self._digest.hexdigest())


def refuse_other(expected: FileEntry, what: str, size: int, sha256: str) -> None:
    """Raises a `DamagedError` unless ``what`` was found to be the expected file."""
    if size != expected.size:
        more = "more" if size > expected.size else str(size)
        raise DamagedError(f"{what} is damaged: expected {expected.size} bytes, found {more}.")
    if sha256 != expected.sha256:
        raise DamagedError(f"{what} is damaged: expected sha256 {expected.sha256}, found {sha256}.")


def holds(path: Path, expected: FileEntry, passed: Passed | None = None) -> bool:
    """Whether the file at ``path`` is exactly the expected one. Every byte is read.

    Raises:
        StorageError: there is a file, and it cannot be read.
    """
    try:
        with path.open("rb") as file:
            CheckedReader(file, expected, str(path), passed).read_all()
    except DamagedError:
        return False
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}.") from error
    return True
