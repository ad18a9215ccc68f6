"""Xorbs and shards as anybody who may write sends them."""

import io

from roadworthy.registry.xet import shard
from roadworthy.registry.xet.chunks import HEADER, LARGEST, read_header, unpack
from roadworthy.registry.xet.hashes import Tree, hash_chunk
from roadworthy.registry.xet.xorb import CheckedXorb, Index


def a_shard(data: bytes) -> None:
    """What is made of a shard is no larger than the shard, and every entry of it lies in there."""
    files = shard.parse(data)
    entries = 0
    for file in files:
        assert len(file.sha256) == 64
        assert len(file.file_hash) == 32
        entries += 2 + 2 * sum(1 for _ in file.terms())
        for term in file.terms():
            assert term.xorb in data
            assert term.proof in data
    assert 48 * (entries + 3) <= len(data)


def a_xorb(data: bytes) -> None:
    """Chunks that unpack are those that the xorb of their hash gives back, whole and in parts."""
    tree, chunks, at = Tree(), [], 0
    while at < len(data):
        header = read_header(data[at : at + HEADER])
        chunk = unpack(header, data[at + HEADER : at + HEADER + header.packed])
        assert 0 < len(chunk) <= LARGEST
        tree.add(hash_chunk(chunk), len(chunk))
        chunks.append(chunk)
        at += HEADER + header.packed
    name = tree.xorb_hash()
    source = CheckedXorb(io.BytesIO(data), name, len(data))
    assert b"".join(iter(lambda: source.read(1), b"")) == data
    index = Index(source.index, name)
    assert list(index.unpacked(io.BytesIO(data), 0, len(index))) == chunks
    assert list(index.unpacked(io.BytesIO(data), len(index) - 1, len(index))) == chunks[-1:]
