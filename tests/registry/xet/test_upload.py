"""hf_xet, the stock client's own library, uploads; what is stored is what was sent."""

import hashlib
import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hf_xet
import numpy as np
import pytest

from .conftest import RefusedError, Serving

FLOATS = np.random.default_rng(0).normal(size=250_000).astype("float32").tobytes()
NOISE = random.Random(1).randbytes(1_500_001)


def write(folder: Path, **contents: bytes) -> list[Path]:
    """Files by name."""
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in contents]


def test_whatever_is_uploaded_is_stored(serving: Serving, tmp_path: Path) -> None:
    """Weights, noise, text, one byte, nothing but zeros, the same piece again and again, the same file twice."""
    contents = {
        "weights": FLOATS,
        "noise": NOISE,
        "text": b"a line of text, again and again\n" * 40_000,
        "one": b"x",
        "odd": FLOATS[:200_003],
        "zeros": bytes(3_000_000),
        "repeated": NOISE[:400_000] * 5,
        "twice": FLOATS,
        "changed": NOISE[:700_000] + b"!" + NOISE[700_001:],
    }
    files = write(tmp_path, **contents)
    uploaded = serving.upload(*files)
    expected = {hashlib.sha256(data).hexdigest(): data for data in contents.values()}
    assert serving.blobs() == expected
    assert [sha256 for _, sha256, _ in uploaded] == [hashlib.sha256(data).hexdigest() for data in contents.values()]
    assert {file.hash for file in hf_xet.hash_files([str(file) for file in files])} == {hash_ for hash_, *_ in uploaded}
    assert schemes(serving) == {0, 1, 2}  # the client chose plain, LZ4 and grouped LZ4


def schemes(serving: Serving) -> set[int]:
    """How chunks were compressed, read off their headers."""
    found = set()
    for key in serving.xorbs():
        with serving.registry.store.open(key) as stream:
            while head := stream.read(8):
                found.add(head[4])
                stream.seek(int.from_bytes(head[1:4], "little"), os.SEEK_CUR)
    return found


def test_a_file_of_several_xorbs(serving: Serving, tmp_path: Path) -> None:
    """A xorb is 64 MiB at most, and what does not fit begins the next one."""
    data = np.random.default_rng(2).bytes(80_000_000)
    (file,) = write(tmp_path, large=data)
    ((_, sha256, size),) = serving.upload(file)
    assert (sha256, size) == (hashlib.sha256(data).hexdigest(), 80_000_000)
    assert serving.blobs() == {sha256: data}
    assert len(serving.xorbs()) > 1


def test_a_full_xorb_of_what_cannot_be_compressed(serving: Serving, tmp_path: Path) -> None:
    """The client fills a xorb with 64 MiB of chunks, and then there are their headers."""
    data = np.random.default_rng(3).bytes(64 * 2**20)
    (file,) = write(tmp_path, full=data)
    serving.upload(file)
    assert serving.blobs() == {hashlib.sha256(data).hexdigest(): data}
    assert max(map(serving.registry.store.size, serving.xorbs())) > 64 * 2**20


def test_several_clients_at_once(serving: Serving, tmp_path: Path) -> None:
    """Each with a cache of its own, all with the same files: each is done, and one of each is stored."""
    contents = {"weights": FLOATS, "noise": NOISE}
    files = write(tmp_path, **contents)
    with ThreadPoolExecutor(4) as pool:
        uploads = list(pool.map(lambda number: serving.upload(*files, cache=f"cache-{number}"), range(4)))
    assert uploads == [uploads[0]] * 4
    assert serving.blobs() == {hashlib.sha256(data).hexdigest(): data for data in contents.values()}


def test_the_client_names_what_it_sent_before(serving: Serving, tmp_path: Path) -> None:
    """It remembers its chunks, and sends only what is new; those xorbs are still there."""
    first, second = write(tmp_path, first=NOISE, second=NOISE[:700_000] + b"!" + NOISE[700_001:])
    serving.upload(first)
    before = set(serving.xorbs())
    serving.upload(second)
    (new,) = set(serving.xorbs()) - before
    assert serving.registry.store.size(new) < len(NOISE) / 4
    assert hashlib.sha256(second.read_bytes()).hexdigest() in serving.blobs()


def test_a_xorb_that_is_gone(serving: Serving, tmp_path: Path) -> None:
    """The client still names it: it is told what to do, and with an empty cache everything is sent again."""
    first, second = write(tmp_path, first=NOISE, second=NOISE + b"!")
    serving.upload(first)
    for key in list(serving.registry.store.list("xorbs/")):
        serving.registry.store.delete(key)
    with pytest.raises(RefusedError, match=r"delete its cache \(HF_XET_CACHE"):  # the server's own words
        serving.upload(second)
    assert hashlib.sha256(second.read_bytes()).hexdigest() not in serving.blobs()
    serving.upload(second, cache="new")
    assert serving.blobs()[hashlib.sha256(second.read_bytes()).hexdigest()] == second.read_bytes()


def test_an_empty_file(serving: Serving, tmp_path: Path) -> None:
    """It has no chunks, and comes with the commit: the client's shard says nothing of it that could be stored."""
    empty, one = write(tmp_path, empty=b"", one=b"x")
    assert [size for *_, size in serving.upload(empty, one)] == [0, 1]
    assert list(serving.blobs().values()) == [b"x"]
