"""A store in an uncompressed tar file that is only read. Nothing is ever extracted from it under a name of its own.

A member's name is a key to be asked for, never a path that is written to; links, devices and sparse files, which
make an archive more than names and bytes, are refused, as is every header that would take more memory than a name.
"""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

from roadworthy.model_cards.errors import DamagedError, InputError, NotFoundError, StorageError
from roadworthy.model_cards.snapshot import check_path

from .store import Source

_BLOCK = tarfile.BLOCKSIZE
_LONGEST_NAME = 1024  # bytes; a key has fewer
_MOST_MEMBERS = 1_000_000


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    size: int


class TarStore:
    """A `Store` of what a tar file held when it was opened."""

    def __init__(self, path: Path) -> None:
        """Reads the headers.

        Raises:
            DamagedError: truncated, a wrong checksum, a name twice, or a member that is no plain file.
            StorageError: the file cannot be read.
        """
        self._path = path
        try:
            with path.open("rb") as file:
                self._spans = dict(_members(file, path.stat().st_size, str(path)))
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror or error}.") from error

    def create(self, key: str, source: Source | bytes) -> NoReturn:
        """Refused: see `Store.create`."""
        raise InputError(f"{self._path} is a bundle, which is only read. Import it into a registry first.")

    def open(self, key: str) -> BinaryIO:
        """See `Store.open`."""
        return io.BufferedReader(_Part(self._path, self._span(key)))

    def size(self, key: str) -> int:
        """See `Store.size`."""
        return self._span(key).size

    def list(self, prefix: str) -> Iterator[str]:
        """See `Store.list`."""
        return iter(sorted(key for key in self._spans if key.startswith(prefix)))

    def delete(self, key: str) -> NoReturn:
        """Refused: see `Store.delete`."""
        raise InputError(f"{self._path} is a bundle, which is only read.")

    def _span(self, key: str) -> _Span:
        try:
            return self._spans[key]
        except KeyError:
            raise NotFoundError(f"{key} is not in the bundle {self._path}.") from None


class _Part(io.RawIOBase):
    """The bytes of one member, as a file of its own."""

    def __init__(self, path: Path, span: _Span) -> None:
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self._span = span
        self.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._file.tell() - self._span.start

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: self._span.size}[whence]
        self._file.seek(self._span.start + min(max(0, base + offset), self._span.size))
        return self.tell()

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        left = self._span.size - self.tell()
        return self._file.readinto(memoryview(buffer)[:left])

    def close(self) -> None:
        self._file.close()
        super().close()


def _members(file: BinaryIO, total: int, what: str) -> Iterator[tuple[str, _Span]]:
    seen: set[str] = set()
    long_name: str | None = None
    at = 0
    while True:
        file.seek(at)
        block = file.read(_BLOCK)
        if block == b"\0" * _BLOCK:
            return
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except (tarfile.HeaderError, UnicodeDecodeError) as error:
            raise _damaged(what, f"a whole tar file with its end; at byte {at} {error}") from error
        start, at = at + _BLOCK, at + _BLOCK + -(-info.size // _BLOCK) * _BLOCK
        if info.size < 0 or start + info.size > total:
            raise _damaged(what, f"{info.size} bytes of {info.name!r:.80}, found {total - start}")
        if info.type == tarfile.GNUTYPE_LONGNAME and info.size <= _LONGEST_NAME:
            long_name = file.read(info.size).rstrip(b"\0").decode("utf-8", "replace")
            continue
        name, long_name = long_name or info.name, None
        if info.type != tarfile.REGTYPE:
            raise _damaged(what, f"plain files alone, found {name!r:.80} of type {info.type!r}")
        try:
            check_path(name)
        except InputError as error:
            raise _damaged(what, f"names of stored files; {error}") from error
        if name in seen or len(seen) >= _MOST_MEMBERS:
            raise _damaged(what, f"each name once, found {name!r:.80} again, or too many")
        seen.add(name)
        yield name, _Span(start, info.size)


def _damaged(what: str, expected: str) -> DamagedError:
    return DamagedError(f"{what} is not a whole bundle: expected {expected}. Copy it again; nothing was imported.")
