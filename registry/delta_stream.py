"""A file that is kept as a delta, as a stream of its bytes: made block by block, from any place on."""

import io
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, BinaryIO

from . import delta_block
from .delta_format import Block, Delta

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class DeltaStream(io.RawIOBase):
    """Bytes that nobody has checked yet, as those of any blob. Closes both files that it reads.

    Raises, from every read:
        DamagedDeltaError: a block cannot be made.
    """

    def __init__(self, delta: Delta, kept: BinaryIO, base: BinaryIO) -> None:
        super().__init__()
        self._delta, self._kept, self._base = delta, kept, base
        self._starts = [0, *accumulate(block.length for block in delta.blocks)]
        self._places = [delta.begin, *accumulate((block.stored for block in delta.blocks), initial=delta.begin)][1:]
        self._at = 0
        self._made: tuple[int, bytes] = (-1, b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Moves there, as in any file."""
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._delta.size}[whence])
        return self._at

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """The bytes up to the end of one block."""
        if self._at >= self._delta.size:
            return 0
        number = bisect_right(self._starts, self._at) - 1
        inside = self._at - self._starts[number]
        with memoryview(buffer).cast("B") as view:
            piece = self._block(number)[inside : inside + len(view)]
            view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def close(self) -> None:
        """Closes both files."""
        self._kept.close()
        self._base.close()
        super().close()

    def _block(self, number: int) -> bytes:
        if self._made[0] != number:
            block = self._delta.blocks[number]
            self._kept.seek(self._places[number])
            kept = read_whole(self._kept, block.stored)
            self._made = (number, delta_block.make(block.how, kept, self._like(block), block.length, block.width))
        return self._made[1]

    def _like(self, block: Block) -> bytes:
        if block.how != "xor":
            return b""
        self._base.seek(block.base)
        return read_whole(self._base, block.length)


def read_whole(stream: BinaryIO, length: int) -> bytes:
    """``length`` bytes, or as many as there are: a stream may give fewer at once."""
    pieces = []
    while length and (piece := stream.read(length)):
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)
