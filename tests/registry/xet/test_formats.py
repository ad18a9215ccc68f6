"""Hashes, chunks, xorbs and shards: against the specification's examples, the client's library, and the batch form."""

import hashlib
import io
import random
from pathlib import Path

import hf_xet
import lz4.frame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.model_cards.errors import InputError
from roadworthy.registry.xet import shard
from roadworthy.registry.xet.chunks import read_header, unpack
from roadworthy.registry.xet.hashes import Tree, from_text, hash_chunk, hash_range, to_text
from roadworthy.registry.xet.xorb import CheckedXorb, Index

from . import build


def test_spelling() -> None:
    """The example of the specification, there and back."""
    text = "07060504030201000f0e0d0c0b0a0908171615141312111f1e1d1c1b1a1918"
    whole = "07060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a1918"
    assert to_text(bytes(range(32))) == whole
    assert from_text(whole) == bytes(range(32))
    for wrong in (text, whole.upper(), whole[:-1], whole + "0", "é" * 64, ""):
        with pytest.raises(InputError, match="64 lower-case hex digits"):
            from_text(wrong)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 1000, 8191])
def test_a_file_of_one_chunk(tmp_path: Path, size: int) -> None:
    """The client's library computes the same hash. Below 8 KiB a file is one chunk."""
    data = random.Random(size).randbytes(size)
    (tmp_path / "f").write_bytes(data)
    tree = Tree()
    tree.add(hash_chunk(data), size)
    assert to_text(tree.file_hash()) == hf_xet.hash_files([str(tmp_path / "f")])[0].hash


@given(st.integers(1, 400), st.randoms(use_true_random=False), st.sampled_from([0, 1, 4]))
def test_the_tree_grows_as_the_batch_form_does(count: int, pick: random.Random, divisor: int) -> None:
    """Node by node or list by list; where every node, no node, or one in four would end a group."""
    nodes = []
    for _ in range(count):
        digest = bytearray(pick.randbytes(32))
        if divisor != 4:
            digest[24] = digest[24] & 0xFC | divisor
        nodes.append((bytes(digest), pick.randint(1, 131072)))
    tree = Tree()
    for node, size in nodes:
        tree.add(node, size)
    assert tree.xorb_hash() == build.root(nodes)


@pytest.mark.parametrize("scheme", [0, 1, 2])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 4099, 131072])
def test_chunks_unpack(scheme: int, size: int) -> None:
    """Whatever the length leaves over when it is divided by four. Compressed by another library."""
    data = bytes(n * n % 251 for n in range(size))
    packed = build.packed(data, scheme)
    assert unpack(read_header(packed[:8]), packed[8:]) == data


def test_grouping_is_that_of_the_specification() -> None:
    """A1 A2 A3 A4 B1 B2 B3 B4 C1 C2 lie there as A1 B1 C1 A2 B2 C2 A3 B3 A4 B4."""
    body = lz4.frame.compress(b"ABCabc1212")
    head = bytes([0, len(body), 0, 0, 2, 10, 0, 0])
    assert unpack(read_header(head), body) == b"Aa11Bb22Cc"


@pytest.mark.parametrize(
    ("head", "body"),
    [
        pytest.param("0003000000040000", b"abc", id="shorter than it says"),
        pytest.param("0004000000030000", b"abcd", id="longer than it says"),
        pytest.param("0103000000030000", b"abc", id="another version"),
        pytest.param("0003000003030000", b"abc", id="another compression"),
        pytest.param("0000000000000000", b"", id="nothing"),
        pytest.param("0003000001030000", b"abc", id="no frame"),
        pytest.param("0001000200010002", b"a" * 131073, id="too large"),
    ],
)
def test_a_chunk_that_lies(head: str, body: bytes) -> None:
    """Each is refused with what was expected."""
    with pytest.raises(InputError, match="expected a chunk"):
        unpack(read_header(bytes.fromhex(head)), body)


def test_a_chunk_that_explodes() -> None:
    """A frame of a few kB that holds 30 MB is stopped one byte beyond what its header says."""
    body = lz4.frame.compress(bytes(30_000_000))
    assert len(body) < 131072
    for size in (1, 131072):
        head = bytes([0]) + len(body).to_bytes(3, "little") + bytes([1]) + size.to_bytes(3, "little")
        with pytest.raises(InputError, match="LZ4 frame"):
            unpack(read_header(head), body)


CHUNKS = tuple(random.Random(n).randbytes(8192 + n) for n in range(20))
XORB = build.Xorb(chunks=CHUNKS)


def read(body: bytes, expected: bytes = XORB.hash, size: int | None = None) -> bytes:
    """The index of a xorb that was read to its end."""
    source = CheckedXorb(io.BytesIO(body), expected, len(body) if size is None else size)
    assert b"".join(iter(lambda: source.read(1 << 20), b"")) == body
    return source.index


def test_a_xorb_passes_and_is_found_again() -> None:
    """Every range of its chunks, by the index."""
    index = Index(read(XORB.body), XORB.hash)
    assert len(index) == 20
    for begin, end in ((0, 20), (0, 1), (19, 20), (7, 13), (5, 5)):
        assert tuple(index.unpacked(io.BytesIO(XORB.body), begin, end)) == CHUNKS[begin:end]
        assert hash_range(digest for digest, _ in index.chunks(begin, end)) == build.Term.of(XORB, begin, end).proof


@given(st.data())
def test_a_flipped_bit_is_noticed(data: st.DataObject) -> None:
    """Anywhere in the bytes of a chunk that is not compressed, or in a header."""
    xorb = build.Xorb(chunks=CHUNKS[:3], scheme=0)
    body = bytearray(xorb.body)
    body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(InputError):
        read(bytes(body), xorb.hash)


def test_an_index_that_is_not_of_this_xorb() -> None:
    """It cannot be taken for one: its hashes are those of the xorb's name."""
    index = read(XORB.body)
    for wrong in (index[:-44], index[:-1], index[44:], bytes(44) + index[44:], b""):
        with pytest.raises(InputError, match="expected an index of xorb"):
            Index(wrong, XORB.hash)


def test_xorbs_that_lie() -> None:
    """Cut short, too long, out of order, another's."""
    for body, size in (
        (XORB.body[:-1], None),
        (XORB.body + b"\0", None),
        (XORB.body, len(XORB.body) + 1),
        (XORB.body, len(XORB.body) - 1),
        (XORB.body, 0),
        (XORB.body, 2**26 + 1),
        (build.Xorb(chunks=CHUNKS[::-1]).body, None),
        (build.Xorb(chunks=CHUNKS[:-1]).body, None),
        (b"", 1),
    ):
        with pytest.raises(InputError):
            read(body, size=size)


def test_a_xorb_of_too_many_chunks() -> None:
    """8,192 are taken, one more is refused, whatever its name."""
    for count in (8192, 8193):
        xorb = build.Xorb(chunks=(b"x",) * count, scheme=0)
        if count == 8192:
            assert len(Index(read(xorb.body, xorb.hash), xorb.hash)) == count
        else:
            with pytest.raises(InputError, match="at most 8,192 chunks"):
                read(xorb.body, xorb.hash)


FILE = build.File.of(XORB, (0, 7), (3, 5), (19, 20))


def test_a_shard_says_what_files_are_made_of() -> None:
    """Terms in order, with their proofs; with a footer or without."""
    for footer in (b"", (1).to_bytes(8, "little") + bytes(192)):
        (file, other) = shard.parse(build.shard(FILE, build.File.of(XORB, (1, 2)), footer=footer))
        assert (file.file_hash, file.sha256) == (FILE.hash, FILE.sha256.hex())
        assert [(t.xorb, t.begin, t.end, t.size, t.proof) for t in file.terms()] == [
            (t.xorb, t.begin, t.end, t.size, t.proof) for t in FILE.terms
        ]
        assert other.sha256 == hashlib.sha256(CHUNKS[1]).hexdigest()


def test_shards_that_lie() -> None:
    """Cut anywhere, longer, counts beyond the end, without proofs: refused before anything is made of a count."""
    whole = build.shard(FILE)
    wrong = [whole[:at] for at in range(len(whole))]
    wrong += [whole + b"\0", b"x" + whole[1:], whole[:32] + b"\3" + whole[33:]]
    for count in (0, 2, 4, 2**31, 2**32 - 1):
        wrong.append(build.shard(build.File(terms=FILE.terms, hash=FILE.hash, sha256=FILE.sha256, count=count)))
    for flags in (0, 0x80000000, 0x40000000):
        wrong.append(build.shard(build.File(terms=FILE.terms, hash=FILE.hash, sha256=FILE.sha256, flags=flags)))
    wrong.append(build.shard(FILE, xorbs=bytes(32) + bytes(4) + b"\xff" * 4 + bytes(8)))
    wrong.append(build.shard(FILE, footer=bytes(200)))
    for data in wrong:
        with pytest.raises(InputError):
            shard.parse(data)
