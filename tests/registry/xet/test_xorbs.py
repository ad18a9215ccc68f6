"""Where xorbs wait: for four weeks, for every server before the same store, whatever is killed in between."""

import io
import random
from datetime import date, timedelta
from pathlib import Path

import pytest

from roadworthy.model_cards.errors import DamagedError, InputError
from roadworthy.registry import FolderStore, MemoryStore, Store
from roadworthy.registry.server.xorbs import DAYS, Xorbs

from . import build

XORB = build.Xorb(chunks=tuple(random.Random(n).randbytes(9000) for n in range(3)))
FIRST = date(2026, 11, 28)


class Clock:
    """A day that can be moved."""

    def __init__(self) -> None:
        self.day = FIRST

    def __call__(self) -> date:
        """Today."""
        return self.day


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Both kinds."""
    return FolderStore(tmp_path / "registry") if request.param == "folder" else MemoryStore()


def add(xorbs: Xorbs, xorb: build.Xorb = XORB) -> bool:
    """Sends a xorb."""
    return xorbs.add(xorb.hash, io.BytesIO(xorb.body), len(xorb.body))


def content(xorbs: Xorbs) -> bytes:
    """All chunks of the xorb, by its index."""
    with xorbs.open(XORB.hash) as stream:
        return b"".join(xorbs.index(XORB.hash).unpacked(stream, 0, 3))


def test_two_servers_before_one_store(store: Store) -> None:
    """What one takes in, the other finds, though their clocks differ by a day."""
    ahead, behind = Clock(), Clock()
    ahead.day += timedelta(days=1)
    assert add(Xorbs(store, today=ahead))
    assert content(Xorbs(store, today=behind)) == b"".join(XORB.chunks)


def test_they_are_kept_for_four_weeks(store: Store) -> None:
    """Longer than the client remembers them (three weeks); the first upload of the next day clears them away."""
    clock = Clock()
    xorbs = Xorbs(store, today=clock)
    add(xorbs)
    for days in (1, 21, DAYS):
        clock.day = FIRST + timedelta(days=days)
        add(xorbs, build.Xorb(chunks=(bytes([days]),)))
        assert content(xorbs) == b"".join(XORB.chunks)
    clock.day += timedelta(days=1)
    add(xorbs, build.Xorb(chunks=(b"new",)))
    with pytest.raises(InputError, match="delete its cache"):
        xorbs.index(XORB.hash)
    assert not list(store.list(f"xorbs/{FIRST:%Y%m%d}/"))
    assert len(list(store.list("xorbs/"))) == 8


def test_what_is_sent_again_is_kept_for_longer(store: Store) -> None:
    """Its time begins with the day on which it was sent last."""
    clock = Clock()
    xorbs = Xorbs(store, today=clock)
    assert add(xorbs)
    clock.day += timedelta(days=20)
    assert add(xorbs)
    assert not add(xorbs)
    clock.day = FIRST + timedelta(days=DAYS + 1)
    assert xorbs.clear() == 1
    assert content(xorbs) == b"".join(XORB.chunks)


def test_a_server_killed_between_a_xorb_and_its_index(store: Store) -> None:
    """Whoever sends it again writes the index, from the bytes that are there."""
    xorbs = Xorbs(store, today=Clock())
    add(xorbs)
    key = next(store.list("xorbs/"))
    store.delete(f"{key}.index")
    with pytest.raises(InputError, match="expected the xorb"):
        xorbs.index(XORB.hash)
    assert add(xorbs)
    assert content(xorbs) == b"".join(XORB.chunks)


def test_an_index_that_rots(store: Store) -> None:
    """Its hashes give the xorb's name, or it is damage."""
    xorbs = Xorbs(store, today=Clock())
    add(xorbs)
    key = next(store.list("xorbs/")) + ".index"
    with store.open(key) as stream:
        index = bytearray(stream.read())
    index[3] ^= 1
    store.delete(key)
    store.create(key, bytes(index))
    with pytest.raises(DamagedError, match="index of a xorb is damaged"):
        xorbs.index(XORB.hash)
