"""A xorb: chunks one after the other, checked while it passes, and the index by which parts of it are found again.

Form: https://huggingface.co/docs/xet/xorb. The index is ours: it is kept beside a xorb once that was checked.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from roadworthy.model_cards.errors import InputError

from .chunks import HEADER, read_header, unpack
from .hashes import Tree, hash_chunk, to_text

_MOST_CHUNKS = 8 * 1024  # the reference implementation's own bound
# Bytes of a xorb, as it is sent. The specification says 64 MiB; stock clients count those before the chunks get their
# headers, and send more where nothing could be compressed.
LARGEST = 64 * 2**20 + HEADER * _MOST_CHUNKS
_ENTRY = struct.Struct("<32sIII")
_BLOCK = 2**20  # bytes read at once: from an object store every reading is a request


class Readable(Protocol):
    """Bytes that are read once, from first to last, in pieces of at most ``size``; ``b""`` at the end."""

    def read(self, size: int, /) -> bytes: ...


class Index:
    """Where the chunks of one xorb lie. ``data``: for each, its hash, where it begins, and its size unpacked."""

    def __init__(self, data: bytes, xorb: bytes) -> None:
        """Reads an index that was kept.

        Raises:
            InputError: it is not that of the xorb with the hash ``xorb``.
        """
        self.data = data
        tree = Tree()
        if len(data) % _ENTRY.size:
            raise InputError(f"expected an index of xorb {to_text(xorb)}, found one that was cut short.")
        for digest, size in self.chunks(0, len(self)):
            tree.add(digest, size)
        if tree.xorb_hash() != xorb:
            raise InputError(f"expected an index of xorb {to_text(xorb)}, found another's.")

    def __len__(self) -> int:
        """How many chunks there are."""
        return len(self.data) // _ENTRY.size

    def chunks(self, begin: int, end: int) -> Iterator[tuple[bytes, int]]:
        """Hash, and size in bytes unpacked, of the chunks from ``begin`` up to ``end``."""
        for digest, _, _, size in _ENTRY.iter_unpack(self.data[begin * _ENTRY.size : end * _ENTRY.size]):
            yield digest, size

    def unpacked(self, xorb: BinaryIO, begin: int, end: int) -> Iterator[bytes]:
        """The chunks from ``begin`` up to ``end``, read from the xorb itself, a megabyte at a time.

        Raises:
            InputError: the xorb is not what it was when it was checked.
        """
        entries = list(_ENTRY.iter_unpack(self.data[begin * _ENTRY.size : end * _ENTRY.size]))
        if entries:
            xorb.seek(entries[0][1])
        left = sum(HEADER + packed for _, _, packed, _ in entries)
        held, at = b"", 0
        for _, _, packed, size in entries:
            if len(held) - at < HEADER + packed:
                more = _read_exactly(xorb, min(_BLOCK, left))
                held, at, left = held[at:] + more, 0, left - len(more)
            header = read_header(held[at : at + HEADER])
            if (header.packed, header.size) != (packed, size):
                raise InputError(f"expected a chunk of {packed:,} bytes, {size:,} unpacked, found another.")
            yield unpack(header, held[at + HEADER : at + HEADER + packed])
            at += HEADER + packed


class CheckedXorb:
    """A source of a xorb's bytes that raises before its end unless they are the xorb with that hash.

    Whoever stores what this yields stores either the right bytes or nothing; `index` is there afterwards.
    """

    def __init__(self, stream: Readable, expected: bytes, size: int) -> None:
        """``expected`` is its hash and ``size`` its length in bytes, as somebody claims.

        Raises:
            InputError: no xorb is that long.
        """
        if not 0 < size <= LARGEST:
            raise InputError(f"expected a xorb of 1 to {LARGEST:,} bytes, found one of {size:,}.")
        self.size = size
        self._stream = stream
        self._expected = expected
        self._at = 0
        self._entries: list[bytes] = []
        self._tree = Tree()
        self._checked = False

    def read(self, _: int = -1, /) -> bytes:
        """The next chunk with its header, whatever size was asked for; ``b""`` at the checked end.

        Raises:
            InputError: this is not the xorb that was expected.
        """
        head = _read_exactly(self._stream, HEADER)
        if not head:
            self._check()
            return b""
        header = read_header(head)
        packed = _read_exactly(self._stream, header.packed)
        digest = hash_chunk(unpack(header, packed))
        if len(self._entries) == _MOST_CHUNKS:
            raise InputError(f"expected a xorb of at most {_MOST_CHUNKS:,} chunks, found more.")
        self._tree.add(digest, header.size)
        self._entries.append(_ENTRY.pack(digest, self._at, header.packed, header.size))
        self._at += HEADER + header.packed
        if self._at > self.size:
            raise InputError(f"expected a xorb of {self.size:,} bytes, found more.")
        return head + packed

    @property
    def index(self) -> bytes:
        """The index of a xorb that was read to its end: `Index.data`."""
        if not self._checked:
            raise ValueError("a xorb has no index before it was read to its end")
        return b"".join(self._entries)

    def _check(self) -> None:
        if self._checked:
            return
        if self._at != self.size:
            raise InputError(f"expected a xorb of {self.size:,} bytes, found {self._at:,}.")
        if (found := self._tree.xorb_hash()) != self._expected:
            raise InputError(f"expected the xorb {to_text(self._expected)}, found {to_text(found)}.")
        self._checked = True


def _read_exactly(stream: Readable, size: int) -> bytes:
    # A body arrives in pieces of any length.
    data = stream.read(size)
    while 0 < len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return data
