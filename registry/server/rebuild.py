"""Files put together from xorbs as a shard states, checked, and stored by their SHA-256.

First what a shard says is held against the indexes of the xorbs: ranges, sizes, the proof that the sender knows every
chunk, the file's hash. Then the bytes pass once, chunk by chunk, from the xorbs into the store.
"""

import io
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import BinaryIO

from roadworthy.model_cards.errors import DamagedError, InputError, NotFoundError
from roadworthy.model_cards.snapshot import FileEntry
from roadworthy.registry import layout
from roadworthy.registry.checked import CheckedReader
from roadworthy.registry.errors import ExistsError
from roadworthy.registry.store import CHUNK, Store
from roadworthy.registry.xet.hashes import Tree, hash_chunk, hash_range, to_text
from roadworthy.registry.xet.shard import File, Term
from roadworthy.registry.xet.xorb import Index

from .xorbs import Xorbs

LARGEST = 50_000_000_000  # bytes of a file, as on the Hub
_MOST_CHUNKS = 2**23  # in all files of a shard: half a terabyte in chunks of the usual size, looked up in 15 seconds
_HELD = 64  # indexes, of 360 kB at most


@dataclass(slots=True)
class Progress:
    """Bytes that were put together, and bytes there are."""

    done: int = 0
    total: int = 0


def rebuild(store: Store, xorbs: Xorbs, files: tuple[File, ...], progress: Progress) -> None:
    """Stores every file that a shard states, after all of its statements were checked.

    Raises:
        DamagedError: a xorb is not what it was when it was sent. It was removed.
        InputError: a statement is not true: nothing was stored, or, if a SHA-256 is another, not that file.
    """
    # An empty file has no chunks, and hf_xet states no digest of it: it comes with the commit itself.
    _Rebuilding(store, xorbs, progress).run([file for file in files if file.entries])


class _Rebuilding:
    def __init__(self, store: Store, xorbs: Xorbs, progress: Progress) -> None:
        self._store = store
        self._xorbs = xorbs
        self._progress = progress
        self._index = lru_cache(maxsize=_HELD)(xorbs.index)
        self._chunks = 0

    def run(self, files: list[File]) -> None:
        entries = [self._checked(file) for file in files]
        self._progress.total = sum(entry.size for entry in entries)
        for file, entry in zip(files, entries, strict=True):
            try:
                self._store_file(file, entry)
            except DamagedError as error:
                self._blame(file)
                raise InputError(f"the SHA-256 is another than the shard says: {error} It was not stored.") from error
            except InputError as error:
                self._blame(file)
                raise DamagedError(f"what was sent of {entry.sha256} changed meanwhile: {error}") from error

    def _checked(self, file: File) -> FileEntry:
        what, tree, size = f"file {to_text(file.file_hash)}", Tree(), 0
        for term in file.terms():
            index = self._index(term.xorb)
            if not 0 <= term.begin < term.end <= len(index):
                raise InputError(
                    f"expected a range of the {len(index)} chunks of xorb {to_text(term.xorb)} in {what}, "
                    f"found {term.begin} to {term.end}."
                )
            self._chunks += term.end - term.begin
            if self._chunks > _MOST_CHUNKS:
                raise InputError(f"expected at most {_MOST_CHUNKS:,} chunks in one shard, found more.")
            size += self._weighed(term, index, tree, what)
            if size > LARGEST:
                raise InputError(f"expected at most {LARGEST:,} bytes in one file, found more in {what}.")
        if tree.file_hash() != file.file_hash:
            raise InputError(f"expected the chunks of {what}, found those of another file.")
        return FileEntry(path=file.sha256, size=size, sha256=file.sha256)

    def _weighed(self, term: Term, index: Index, tree: Tree, what: str) -> int:
        chunks = list(index.chunks(term.begin, term.end))
        size = sum(length for _, length in chunks)
        if size != term.size:
            raise InputError(
                f"expected {size:,} bytes in chunks {term.begin} to {term.end} of xorb {to_text(term.xorb)}, "
                f"found the claim of {term.size:,} in {what}."
            )
        if hash_range(digest for digest, _ in chunks) != term.proof:
            raise InputError(
                f"expected the verification hash of chunks {term.begin} to {term.end} of xorb {to_text(term.xorb)} "
                f"in {what}, found another."
            )
        for digest, length in chunks:
            tree.add(digest, length)
        return size

    def _store_file(self, file: File, entry: FileEntry) -> None:
        key = layout.blob_key(entry.sha256)
        stream = io.BufferedReader(_Pieces(self._bytes_of(file)), CHUNK)
        checked = CheckedReader(stream, entry, f"the file of {entry.size:,} bytes", self._passed)
        try:
            self._store.size(key)
        except NotFoundError:
            with suppress(ExistsError):  # another upload of the same bytes was faster
                self._store.create(key, checked)
        else:
            # Who names a digest must have the bytes, or else a digest would be enough to come by them.
            while checked.read():
                pass

    def _bytes_of(self, file: File) -> Iterator[bytes]:
        with ExitStack() as opened:
            last, stream = b"", None
            for term in file.terms():
                if stream is None or term.xorb != last:
                    opened.close()
                    last, stream = term.xorb, opened.enter_context(self._xorbs.open(term.xorb))
                yield from self._index(term.xorb).unpacked(stream, term.begin, term.end)

    def _passed(self, count: int) -> None:
        self._progress.done += count

    def _blame(self, file: File) -> None:
        # A digest that differs is the sender's lie, unless a xorb is no longer what was checked when it arrived.
        for xorb in dict.fromkeys(term.xorb for term in file.terms()):
            index = self._index(xorb)
            try:
                with self._xorbs.open(xorb) as stream:
                    kept = _is_kept(index, stream)
            except InputError:
                kept = False
            if not kept:
                self._xorbs.forget(xorb)
                raise DamagedError(f"the stored xorb {to_text(xorb)} is damaged, and was removed. Upload again.")


def _is_kept(index: Index, stream: BinaryIO) -> bool:
    pairs = zip(index.chunks(0, len(index)), index.unpacked(stream, 0, len(index)), strict=True)
    return all(hash_chunk(data) == digest for (digest, _), data in pairs)


class _Pieces(io.RawIOBase):
    """A stream of what an iterator yields."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        """The next bytes, as many as fit; none at the end."""
        if not self._left:
            self._left = memoryview(next(self._pieces, b""))
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count
