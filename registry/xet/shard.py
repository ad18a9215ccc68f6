"""A shard: how files are put together from ranges of chunks, as a client states it when it has sent the xorbs.

Form: "MDB Shard File Format Specification" of the Xet protocol (https://huggingface.co/docs/xet/shard). What it says of
the xorbs' own chunks is passed over: that is looked up in the xorbs.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from roadworthy.model_cards.errors import InputError

from .hashes import to_text

LARGEST = 64 * 2**20  # bytes: the protocol's bound
_TAG = b"HFRepoMetaData\0" + bytes.fromhex("556967456a7b815783a5bdd95ccdd14aa9")
_HEADER = struct.Struct("<32sQQ")
_ENTRY = 48  # bytes of everything between header and footer
_VERSION, _FOOTER_VERSION, _FOOTER = 2, 1, 200
_BOOKEND = b"\xff" * 32
_START = struct.Struct("<32sII")  # hash, flags, entries; the same in both sections
_TERM = struct.Struct("<32sIIII")
_PROVEN, _HAS_SHA256 = 1 << 31, 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """The chunks from ``begin`` up to ``end`` of a xorb, ``size`` bytes; ``proof`` is the hash of that range."""

    xorb: bytes
    begin: int
    end: int
    size: int
    proof: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file as its terms, in order. Both digests are claims: the protocol's own, and the SHA-256 (64 hex digits)."""

    file_hash: bytes
    sha256: str
    entries: bytes
    proofs: bytes

    def terms(self) -> Iterator[Term]:
        """The terms, read one by one: there may be a million of them."""
        proofs = (self.proofs[at : at + 32] for at in range(0, len(self.proofs), _ENTRY))
        for (xorb, _, size, begin, end), proof in zip(_TERM.iter_unpack(self.entries), proofs, strict=True):
            yield Term(xorb=xorb, begin=begin, end=end, size=size, proof=proof)


def parse(data: bytes) -> tuple[File, ...]:
    """The files that a shard states. It may end with a footer, which is not needed.

    Raises:
        InputError: it is no shard, or a file comes without proof or SHA-256.
    """
    if len(data) > LARGEST:
        raise InputError(f"expected a shard of at most {LARGEST:,} bytes, found {len(data):,}.")
    if len(data) < _HEADER.size or data[:32] != _TAG:
        raise InputError(f"expected a shard, which begins with {_TAG[:14]!r}, found {data[:14]!r}.")
    _, version, footer = _HEADER.unpack_from(data)
    if version != _VERSION or footer not in (0, _FOOTER):
        raise InputError(f"expected a shard of version {_VERSION}, found {version}, and a footer of {footer} bytes.")
    files, at = [], _HEADER.size
    while (start := _start(data, at)) is not None:
        file, at = _file(data, at, *start)
        files.append(file)
    at += _ENTRY
    while (start := _start(data, at)) is not None:
        at += _ENTRY * (1 + start[2])
    at += _ENTRY
    if len(data) - at != footer or (footer and int.from_bytes(data[at : at + 8], "little") != _FOOTER_VERSION):
        raise InputError(f"expected a footer of {footer} bytes at the end of the shard, found {len(data) - at} bytes.")
    return tuple(files)


def _start(data: bytes, at: int) -> tuple[bytes, int, int] | None:
    # Every count is held against what is there before anything is made of it.
    if at + _ENTRY > len(data):
        raise InputError(f"expected an entry of {_ENTRY} bytes at byte {at:,} of the shard, found its end.")
    digest, flags, count = _START.unpack_from(data, at)
    return None if digest == _BOOKEND else (digest, flags, count)


def _file(data: bytes, at: int, digest: bytes, flags: int, count: int) -> tuple[File, int]:
    what = f"file {to_text(digest)}"
    if not flags & _PROVEN or not flags & _HAS_SHA256:
        raise InputError(f"expected {what} with verification entries and its SHA-256, found it without.")
    entries = at + _ENTRY
    proofs = entries + count * _ENTRY
    metadata = proofs + count * _ENTRY
    end = metadata + _ENTRY
    if end > len(data):
        raise InputError(f"expected {count:,} terms of {what}, found the end of the shard.")
    return File(
        file_hash=digest,
        # Spelled as the protocol spells its own hashes, this is how others spell a SHA-256.
        sha256=to_text(data[metadata : metadata + 32]),
        entries=data[entries:proofs],
        proofs=data[proofs:metadata],
    ), end
