"""Whatever is reached stays, at any moment of anybody else's work; whatever is not goes, a day later."""

import hashlib
import itertools
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from roadworthy.model_cards.errors import CheckError, DamagedError, StorageError
from roadworthy.model_cards.snapshot import FileEntry, list_files
from roadworthy.registry import MemoryStore, Registry, Swept, holding, import_draft, layout, pull
from roadworthy.registry.manifest import Manifest, dump
from roadworthy.registry.squeeze import squeeze
from roadworthy.registry.stored import open_blob
from roadworthy.registry.sweep import sweep

DAY = timedelta(hours=24)


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        """The time."""
        return self.now


def _weights(seed: int) -> bytes:
    base = hashlib.shake_256(b"base").digest(100_000)
    edit = hashlib.shake_256(bytes([seed])).digest(500)
    header = json.dumps({"w": {"dtype": "U8", "shape": [100_000], "data_offsets": [0, 100_000]}}).encode()
    # Near enough to each other to be kept as deltas.
    return len(header).to_bytes(8, "little") + header + base[:-500] + edit


class Sweeping(RuleBasedStateMachine):
    """Publishers, killed publishers, squeezed weights, removed drafts, and sweeps in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = Registry(MemoryStore(), "memory:")
        self.clock = Clock()
        self.listed: dict[str, str] = {}  # by the key of a manifest: the digest of its file
        self.data = {hashlib.sha256(_weights(seed)).hexdigest(): _weights(seed) for seed in range(5)}
        self.numbers = 0

    @rule(seed=st.integers(0, 4), killed=st.booleans())
    def publish(self, seed: int, killed: bool) -> None:
        """A manifest with one file; or the file alone, of who was killed."""
        sha256, data = list(self.data.items())[seed]
        store = self.registry.store
        with holding.holding(store, {sha256}):
            try:
                open_blob(store, sha256).close()
            except StorageError:
                store.create(layout.blob_key(sha256), data)
            if killed:
                return
            self.numbers += 1
            made = Manifest(
                namespace="demo", name="x", version=None, files=(_entry(data),), created="2026-01-01T00:00:00Z"
            )
            key = layout.key("drafts", "demo", "x", self.numbers)
            store.create(key, dump(made))
            self.listed[key] = sha256

    @rule(child=st.integers(0, 4), base=st.integers(0, 4))
    def squeeze(self, child: int, base: int) -> None:
        """One file becomes a delta of another, if both are there."""
        entries = [_entry(data) for data in self.data.values()]
        squeeze(self.registry.store, entries[child], entries[base].sha256)

    @precondition(lambda self: self.listed)
    @rule(which=st.integers(0, 100))
    def remove(self, which: int) -> None:
        """A draft goes."""
        key = sorted(self.listed)[which % len(self.listed)]
        self.registry.store.delete(key)
        del self.listed[key]

    @rule(hours=st.integers(0, 30), dry_run=st.booleans())
    def look(self, hours: int, dry_run: bool) -> None:
        """A sweep, some hours later."""
        self.clock.now += timedelta(hours=hours)
        before = set(self.registry.store.list(""))
        done = sweep(self.registry, now=self.clock, dry_run=dry_run)
        assert not dry_run or set(self.registry.store.list("")) == before
        assert done.waiting + done.removed <= len(self.data)

    @invariant()
    def everything_reached_is_there(self) -> None:
        """Bit by bit."""
        for sha256 in set(self.listed.values()):
            with open_blob(self.registry.store, sha256) as stream:
                assert stream.read() == self.data[sha256]

    def teardown(self) -> None:
        """Two days later nothing is there that nothing reaches."""
        for _ in range(3):
            self.clock.now += DAY
            sweep(self.registry, now=self.clock)
        done = sweep(self.registry, now=self.clock, dry_run=True)
        assert (done.removed, done.waiting) == (0, 0)
        self.everything_reached_is_there()


def _entry(data: bytes) -> FileEntry:
    return FileEntry(path="model.safetensors", size=len(data), sha256=hashlib.sha256(data).hexdigest())


Sweeping.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestSweeping = Sweeping.TestCase


@pytest.fixture
def orphans(registry: Registry, tmp_path: Path, weights_of: Callable[..., bytes]) -> Path:
    """A draft was imported and removed again; what it was imported from."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"architecture": "none"}')
    (folder / "model.safetensors").write_bytes(weights_of(10_000))
    import_draft(registry, folder, "demo/x")
    registry.store.delete(layout.key("drafts", "demo", "x", 1))
    return folder


def _swept(registry: Registry, *, later: timedelta) -> Swept:
    return sweep(registry, now=lambda: datetime.now(UTC) + later)


def test_two_looks_a_day_apart(registry: Registry, orphans: Path) -> None:
    """The first removes nothing, the second what was not reached meanwhile; both files of the draft."""
    assert (_swept(registry, later=timedelta()).waiting, _swept(registry, later=DAY / 2).removed) == (2, 0)
    done = _swept(registry, later=DAY)
    assert (done.removed, done.waiting) == (2, 0)
    assert done.removed_bytes == sum(file.size for file in list_files(orphans))
    assert list(registry.store.list("blobs/")) == []


def test_who_comes_while_it_removes_waits_and_loses_nothing(
    registry: Registry, orphans: Path, keys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A publisher of the very files that are being removed, at the moment of the first removal."""
    _swept(registry, later=timedelta())
    publishers: list[threading.Thread] = []
    store, deleted = registry.store, registry.store.delete

    def delete(key: str) -> None:
        if key.startswith("blobs/") and not publishers:
            publishers.append(threading.Thread(target=import_draft, args=(registry, orphans, "demo/x")))
            publishers[0].start()
            publishers[0].join(timeout=1)
            assert publishers[0].is_alive(), "it did not wait"
        deleted(key)

    monkeypatch.setattr(type(store), "delete", lambda _, key: delete(key))
    assert _swept(registry, later=DAY).removed == 2
    publishers[0].join(timeout=20)
    assert list_files(pull(registry, "demo/x@main", keys=keys, to=tmp_path / "x")) == list_files(orphans)


def test_who_came_before_is_left_alone(registry: Registry, orphans: Path, keys: Any, tmp_path: Path) -> None:
    """A publisher that has looked, and found its files stored, when the sweep begins."""
    _swept(registry, later=timedelta())
    files = list_files(orphans)
    with holding.holding(registry.store, {file.sha256 for file in files}):
        done = sweep(registry, grace=timedelta(hours=1), now=lambda: datetime.now(UTC) + timedelta(hours=2))
        assert (done.removed, done.waiting) == (0, 2)
        for file in files:
            assert registry.store.size(layout.blob_key(file.sha256)) == file.size


def test_who_ends_while_it_looks_loses_nothing(
    registry: Registry, orphans: Path, keys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A publisher that found its files stored, and ends right before, or right after, holds or manifests are read."""
    _swept(registry, later=timedelta())
    files = tuple(list_files(orphans))
    made = Manifest(namespace="demo", name="x", version=None, files=files, created="2026-01-01T00:00:00Z")
    key = layout.key("drafts", "demo", "x", 2)
    for place, first in itertools.product((holding.HOLDS, "drafts/"), (True, False)):
        hold = holding.leave_note(registry.store, holding.HOLDS, {file.sha256 for file in files})
        listed = registry.store.list

        def ends(prefix: str, hold: str = hold, place: str = place, first: bool = first, listed: Any = listed) -> Any:
            found = None if first else list(listed(prefix))
            if prefix.startswith(place) and list(listed(holding.SWEEPS)):
                monkeypatch.undo()
                registry.store.create(key, dump(made))
                registry.store.delete(hold)
            return listed(prefix) if found is None else iter(found)

        monkeypatch.setattr(type(registry.store), "list", lambda _, prefix, ends=ends: ends(prefix))
        done = sweep(registry, grace=timedelta(hours=1), now=lambda: datetime.now(UTC) + timedelta(hours=2))
        assert done.removed == 0, (place, first)
        assert registry.store.list == listed, "nobody ended"
        pulled = pull(registry, "demo/x@main", keys=keys, to=tmp_path / f"{place[:4]}{first}")
        assert list_files(pulled) == list_files(orphans)
        registry.store.delete(key)
        _swept(registry, later=timedelta())


def test_a_sweep_that_was_killed_holds_nobody_up_for_ever(
    registry: Registry, orphans: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the hour a publisher says what it waits for; then the note is a leftover, and the next sweep clears it."""
    digests = {file.sha256 for file in list_files(orphans)}
    holding.leave_note(registry.store, holding.SWEEPS, digests)
    monkeypatch.setattr(holding, "_PATIENCE", 0.5)
    with pytest.raises(StorageError, match=r"about to take 2 of the files.*Nothing was published; try again"):
        import_draft(registry, orphans, "demo/x")
    monkeypatch.setattr(holding, "LONGEST_SWEEP", timedelta(0))
    import_draft(registry, orphans, "demo/x")
    _swept(registry, later=DAY)
    assert list(registry.store.list(holding.SWEEPS)) == list(registry.store.list(holding.HOLDS)) == []


def test_what_uploads_left_goes_after_a_week(registry: Registry) -> None:
    """Parts of files that never became whole, and notes of who sent what, from the day on that a look saw them."""
    left = ["sent/" + "0" * 32 + "/" + "1" * 64, "uploads/" + "2" * 64 + "/00000001"]
    for key in left:
        registry.store.create(key, b"")
    for days in (0, 1, 6):
        assert _swept(registry, later=days * DAY).cleared == 0
    late = "uploads/" + "3" * 64 + "/00000001"
    registry.store.create(late, b"")
    dry = sweep(registry, dry_run=True, now=lambda: datetime.now(UTC) + 7 * DAY)
    assert dry.cleared == 2
    assert set(left) < set(registry.store.list(""))
    assert _swept(registry, later=7 * DAY).cleared == 2
    assert [key for key in registry.store.list("") if not key.startswith("sweeping/")] == [late]


def test_it_says_how_far_it_is(registry: Registry, orphans: Path) -> None:
    """Of reading what versions and drafts list, and of removing."""
    import_draft(registry, orphans, "demo/y")
    import_draft(registry, orphans, "demo/z")
    told: list[tuple[str, int, int]] = []
    sweep(registry, progress=lambda *said: told.append(said))
    assert told == [("reading manifests", 1, 2), ("reading manifests", 2, 2)]
    for name in "yz":
        registry.store.delete(layout.key("drafts", "demo", name, 1))
    _swept(registry, later=timedelta())
    told.clear()
    sweep(registry, now=lambda: datetime.now(UTC) + DAY, progress=lambda *said: told.append(said))
    assert told == [("removing files", 1, 2), ("removing files", 2, 2)]


def test_of_two_sweeps_one_ends(registry: Registry, orphans: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it removes anything."""
    created = registry.store.create

    def create(key: str, source: Any) -> None:
        if key.startswith("sweeping/looks/"):
            monkeypatch.undo()
            _swept(registry, later=timedelta())
        created(key, source)

    monkeypatch.setattr(type(registry.store), "create", lambda _, key, source: create(key, source))
    with pytest.raises(CheckError, match="somebody else sweeps"):
        _swept(registry, later=timedelta())


def test_a_manifest_that_cannot_be_read_stops_it(registry: Registry, orphans: Path) -> None:
    """What it reaches nobody knows."""
    _swept(registry, later=timedelta())
    registry.store.create(layout.key("drafts", "demo", "y", 1), b"{}")
    with pytest.raises(DamagedError):
        _swept(registry, later=DAY)
    assert len(list(registry.store.list("blobs/"))) == 2
