"""Xorbs and shards as a client might make them, true or not. Hashes of whole things: by the batch form of the tree."""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace

import lz4.frame
from blake3 import blake3

DATA = bytes.fromhex("6697f5775b9550de3135cbaca597181c9de421109beb2b58b4d0b04b93adf229")
NODE = bytes.fromhex("017ec5c7a5472996fd946666b48a02e65ddd536f37c76dd2f86352e64a53713f")
RANGE = bytes.fromhex("7f1857d6ce56ed66127ff913e7a5c3f3a4cd26d5b5db49e64124987f28fb94c3")
TAG = b"HFRepoMetaData\0" + bytes.fromhex("556967456a7b815783a5bdd95ccdd14aa9")
BOOKEND = b"\xff" * 32 + bytes(16)


def chunk_hash(data: bytes) -> bytes:
    """A chunk's hash."""
    return blake3(data, key=DATA).digest()


def spelled(digest: bytes) -> str:
    """A hash as text: groups of eight bytes, each turned round."""
    return "".join(digest[at : at + 8][::-1].hex() for at in range(0, 32, 8))


def root(nodes: Sequence[tuple[bytes, int]]) -> bytes:
    """The tree's root as the reference implementation finds it: level by level, over whole lists."""
    level = list(nodes)
    while len(level) > 1:
        above, at = [], 0
        while at < len(level):
            end = min(at + 9, len(level))
            cut = next((n + 1 for n in range(at + 2, end) if int.from_bytes(level[n][0][24:], "little") % 4 == 0), end)
            text = "".join(f"{spelled(digest)} : {size}\n" for digest, size in level[at:cut])
            above.append((blake3(text.encode(), key=NODE).digest(), sum(size for _, size in level[at:cut])))
            at = cut
        level = above
    return level[0][0]


def grouped(data: bytes) -> bytes:
    """The bytes of each place in a group of four together."""
    return data[0::4] + data[1::4] + data[2::4] + data[3::4]


def packed(data: bytes, scheme: int) -> bytes:
    """A chunk with its header."""
    body = data if scheme == 0 else bytes(lz4.frame.compress(grouped(data) if scheme == 2 else data))
    return bytes([0]) + len(body).to_bytes(3, "little") + bytes([scheme]) + len(data).to_bytes(3, "little") + body


@dataclass(frozen=True, kw_only=True)
class Xorb:
    """A xorb of ``chunks``, all compressed in the same way."""

    chunks: tuple[bytes, ...]
    scheme: int = 1

    @property
    def body(self) -> bytes:
        """As it is sent."""
        return b"".join(packed(chunk, self.scheme) for chunk in self.chunks)

    @property
    def hash(self) -> bytes:
        """Its hash."""
        return root([(chunk_hash(chunk), len(chunk)) for chunk in self.chunks])


@dataclass(frozen=True, kw_only=True)
class Term:
    """Chunks of a xorb. Each field may lie."""

    xorb: bytes
    size: int
    begin: int
    end: int
    proof: bytes

    @classmethod
    def of(cls, xorb: Xorb, begin: int, end: int) -> "Term":
        """A true one."""
        chunks = xorb.chunks[begin:end]
        proof = blake3(b"".join(chunk_hash(chunk) for chunk in chunks), key=RANGE).digest()
        return cls(xorb=xorb.hash, size=sum(map(len, chunks)), begin=begin, end=end, proof=proof)


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of a shard. ``count`` is how many terms it says there are."""

    terms: tuple[Term, ...]
    hash: bytes
    sha256: bytes
    flags: int = 0xC0000000
    count: int | None = None

    @classmethod
    def of(cls, xorb: Xorb, *ranges: tuple[int, int]) -> "File":
        """A true one, of ranges of one xorb."""
        chunks = [chunk for begin, end in ranges for chunk in xorb.chunks[begin:end]]
        whole = root([(chunk_hash(chunk), len(chunk)) for chunk in chunks])
        return cls(
            terms=tuple(Term.of(xorb, begin, end) for begin, end in ranges),
            hash=blake3(whole, key=bytes(32)).digest(),
            sha256=hashlib.sha256(b"".join(chunks)).digest(),
        )

    def lying(self, **fields: int | bytes) -> "File":
        """With another first term."""
        return replace(self, terms=(replace(self.terms[0], **fields), *self.terms[1:]))  # type: ignore[arg-type]

    @property
    def body(self) -> bytes:
        """Its entries in a shard."""
        count = len(self.terms) if self.count is None else self.count
        terms = b"".join(struct.pack("<32sIIII", t.xorb, 0, t.size, t.begin, t.end) for t in self.terms)
        proofs = b"".join(term.proof + bytes(16) for term in self.terms)
        sha256 = bytes.fromhex(spelled(self.sha256)) + bytes(16)
        return struct.pack("<32sIIQ", self.hash, self.flags, count, 0) + terms + proofs + sha256


def shard(*files: File, xorbs: bytes = b"", footer: bytes = b"", end: bytes = BOOKEND) -> bytes:
    """A shard, as it is sent."""
    head = TAG + struct.pack("<QQ", 2, len(footer))
    return head + b"".join(file.body for file in files) + BOOKEND + xorbs + end + footer
