"""The hashes of the Xet protocol: of a chunk, of a xorb, of a file and of a range of chunks. 32 bytes each.

Keys, tree and spelling: "Hashing" of the Xet protocol specification (https://huggingface.co/docs/xet/hashing) and
"Converting Hashes to Strings" (https://huggingface.co/docs/xet/api); where a group of nodes ends is what the reference
implementation does (huggingface/xet-core, merklehash/aggregated_hashes.rs).
"""

import re
import struct
from collections.abc import Iterable

from blake3 import blake3

from roadworthy.model_cards.errors import InputError

_DATA = bytes.fromhex("6697f5775b9550de3135cbaca597181c9de421109beb2b58b4d0b04b93adf229")
_NODE = bytes.fromhex("017ec5c7a5472996fd946666b48a02e65ddd536f37c76dd2f86352e64a53713f")
_RANGE = bytes.fromhex("7f1857d6ce56ed66127ff913e7a5c3f3a4cd26d5b5db49e64124987f28fb94c3")
_FILE = bytes(32)
_TEXT = re.compile(r"[0-9a-f]{64}")
_WORDS = struct.Struct("<4Q")
_FEWEST, _MOST, _MEAN = 3, 9, 4  # nodes of a group: all but the last have from 3 to 9, and 4 is what they aim at


def to_text(digest: bytes) -> str:
    """A hash as the protocol spells it: four little-endian numbers, 16 hex digits each."""
    return "{:016x}{:016x}{:016x}{:016x}".format(*_WORDS.unpack(digest))


def from_text(text: str) -> bytes:
    """The hash that ``text`` spells.

    Raises:
        InputError: not 64 lower-case hex digits.
    """
    if _TEXT.fullmatch(text) is None:
        raise InputError(f"expected a hash of 64 lower-case hex digits, found {text!r:.80}.")
    return _WORDS.pack(*(int(text[at : at + 16], 16) for at in range(0, 64, 16)))


def hash_chunk(data: bytes) -> bytes:
    """The hash of a chunk's bytes, as they were before compression."""
    return bytes(blake3(data, key=_DATA).digest())


def hash_range(chunks: Iterable[bytes]) -> bytes:
    """The hash by which somebody shows that they know every chunk of a range: of the chunks' hashes, in order."""
    return bytes(blake3(b"".join(chunks), key=_RANGE).digest())


class Tree:
    """The tree over a sequence of chunks, built as they come: at most nine nodes of each level are held."""

    def __init__(self) -> None:
        self._levels: list[list[tuple[bytes, int]]] = [[]]

    def add(self, digest: bytes, size: int) -> None:
        """The next chunk's hash, and its size in bytes."""
        self._add(0, digest, size)

    def xorb_hash(self) -> bytes:
        """The root: the hash of a xorb of these chunks, zeros if there are none. The tree is used up."""
        level = 0
        while level < len(self._levels) - 1 or len(self._levels[level]) > 1:
            if self._levels[level]:
                self._close(level)
            level += 1
        return self._levels[level][0][0] if self._levels[level] else bytes(32)

    def file_hash(self) -> bytes:
        """The hash of a file of these chunks. The tree is used up."""
        return bytes(blake3(self.xorb_hash(), key=_FILE).digest())

    def _add(self, level: int, digest: bytes, size: int) -> None:
        if level == len(self._levels):
            self._levels.append([])
        group = self._levels[level]
        group.append((digest, size))
        # The last eight bytes are the number that is looked at, little-endian.
        if len(group) == _MOST or (len(group) >= _FEWEST and digest[24] % _MEAN == 0):
            self._close(level)

    def _close(self, level: int) -> None:
        group = self._levels[level]
        lines = "".join(f"{to_text(digest)} : {size}\n" for digest, size in group)
        size = sum(size for _, size in group)
        group.clear()
        self._add(level + 1, bytes(blake3(lines.encode(), key=_NODE).digest()), size)
