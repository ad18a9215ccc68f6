"""A file's bytes as what makes them of another file's: the header that says which blocks, and how each is kept.

Form: `MAGIC`, 4 bytes little-endian length, that many bytes of JSON, then what is kept of each block, one after the
other. Blocks cover the file from its first byte to its last, so that any place of it is read by decoding one block.

Where the base is kept as a delta too, what a block is XORed with is one whole block of that: so each step of a chain
costs one block more. If it could begin anywhere, and be of a single byte, a few kilobytes would take days to decode.
"""

import json
import re
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, BinaryIO, Literal, get_args

from .errors import DamagedDeltaError

MAGIC = b"roadworthy delta 1\n"
BLOCK = 4 * 2**20  # bytes of a file in one block; what is in memory at once is a few of them
LONGEST_HEADER = 4 * 2**20  # bytes: of a file of 400 GB; read, one takes some fifty megabytes of memory
DEEPEST = 4  # deltas that are written, and read, for one file: each of them is decoded on every pull

# As it is; grouped by the place of each byte in its number, and compressed; the same of the XOR with the base.
How = Literal["raw", "grouped", "xor"]
WIDTHS = (1, 2, 4, 8)  # bytes of one number
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Block:
    """``length`` bytes of the file, kept in ``stored`` bytes; ``base`` is where its like begins in the base."""

    length: int
    how: How
    width: int
    base: int
    stored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What the header says: the file that is made, the file that it is made of, and the blocks. ``begin``: where what
    is kept of the first one lies."""

    sha256: str
    size: int
    base: str
    blocks: tuple[Block, ...]
    begin: int


def header(sha256: str, size: int, base: str, blocks: list[Block]) -> bytes:
    """Everything before what is kept of the blocks."""
    rows = [[block.length, block.how, block.width, block.base, block.stored] for block in blocks]
    said = {"sha256": sha256, "size": size, "base": base, "blocks": rows}
    text = json.dumps(said, separators=(",", ":")).encode()
    return MAGIC + len(text).to_bytes(4, "little") + text


def spans(delta: Delta) -> frozenset[tuple[int, int]]:
    """Where each block of the file begins, and its length."""
    begins = accumulate((block.length for block in delta.blocks), initial=0)
    return frozenset(zip(begins, (block.length for block in delta.blocks), strict=False))


def read_header(stream: BinaryIO, sha256: str) -> Delta:
    """The header of the delta that is kept for the file with that digest. Every number in it is checked.

    Raises:
        DamagedDeltaError: it is none, or of another file.
    """
    what = f"the delta of {sha256}"
    begins = stream.read(len(MAGIC) + 4)
    length = int.from_bytes(begins[len(MAGIC) :], "little")
    if len(begins) != len(MAGIC) + 4 or not begins.startswith(MAGIC) or length > LONGEST_HEADER:
        raise DamagedDeltaError(f"{what} is damaged: it does not begin as one. Publish that version again.")
    try:
        said = json.loads(stream.read(length).decode())
        blocks = tuple(_block(row) for row in said["blocks"])
        delta = Delta(
            sha256=said["sha256"], size=said["size"], base=said["base"], blocks=blocks, begin=len(begins) + length
        )
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DamagedDeltaError(f"{what} is damaged: its header cannot be read ({error!r:.200}).") from error
    if delta.sha256 != sha256 or not isinstance(delta.base, str) or not _HEX.fullmatch(delta.base):
        raise DamagedDeltaError(f"{what} is damaged: it makes {delta.sha256!r:.80} of {delta.base!r:.80}.")
    if delta.base == sha256 or type(delta.size) is not int or sum(block.length for block in blocks) != delta.size:
        raise DamagedDeltaError(f"{what} is damaged: its blocks are not the file's.")
    return delta


def _block(row: Any) -> Block:
    length, how, width, base, stored = row
    block = Block(length, how, width, base, stored)
    numbers = (length, width, base, stored)
    if not all(type(number) is int and number >= 0 for number in numbers) or how not in get_args(How):
        raise ValueError(f"not a block: {row!r:.100}")
    if not 0 < length <= BLOCK or stored > length or width not in WIDTHS or length % width:
        raise ValueError(f"a block of lengths that no writer makes: {row!r:.100}")
    return block
