"""The index: what it finds is what a listing finds, it reads only what is new, and nothing rests on its file."""

import os
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards.certificate import Claim, from_statement
from roadworthy.model_cards.envelope import payload_of
from roadworthy.model_cards.snapshot import FileEntry, entry_of
from roadworthy.registry import (
    FolderStore,
    MemoryStore,
    Reference,
    Registry,
    find,
    import_draft,
    index_state,
    layout,
    log,
    manifest,
    models,
    open_registry,
    publish,
    rebuild_index,
    revoke,
    signing_key,
)
from roadworthy.registry.index_file import place_of
from roadworthy.registry.manifest import Manifest

from .synthetic import bytes_at, counting, listed, measured, write

Keys = tuple[Key, ...]


@pytest.fixture
def claim(candidate: Any) -> Claim:
    """What a real certificate says."""
    return from_statement(payload_of((candidate("real") / "certificate.json").read_bytes())).claim


def test_a_publisher_that_is_slow_or_dead_between_log_and_version(claim: Claim, keys: Keys) -> None:
    """What was announced and is not there is looked for again, and hides nothing meanwhile."""
    registry, _ = counting()
    write(registry, claim, "demo/x@1.0.0")
    write(registry, claim, "demo/x@1.1.0", stored=False)
    write(registry, claim, "demo/x@1.2.0")
    assert [entry.reference for entry in models(registry)] == ["demo/x@1.2.0", "demo/x@1.0.0"]
    assert index_state(registry).waiting == 1
    write(registry, claim, "demo/x@1.1.0", announced=False)
    assert [entry.reference for entry in models(registry)][1] == "demo/x@1.1.0"
    assert index_state(registry).waiting == 0


def test_drafts_are_announced_too(registry: Registry, candidate: Any, keys: Keys) -> None:
    """The newest one counts; one that is slow to come is waited for."""
    import_draft(registry, candidate("a"), "demo/x", note={"source": "one"})
    assert [(entry.reference, entry.note) for entry in models(registry)] == [("demo/x@main", {"source": "one"})]
    import_draft(registry, candidate("b"), "demo/x", note={"source": "two"})
    log.announce_draft(registry.store, Reference.parse("demo/x"), 3)
    assert [entry.note for entry in models(registry)] == [{"source": "two"}]
    assert index_state(registry).waiting == 1
    third = bytes_at(registry, "drafts/demo/x/00000001.json")
    registry.store.create("drafts/demo/x/00000003.json", third)
    assert [entry.note for entry in models(registry)] == [{"source": "one"}]
    for number in (1, 2, 3):
        registry.store.delete(f"drafts/demo/x/0000000{number}.json")
    log.announce_draft(registry.store, Reference.parse("demo/x"), 3)
    assert models(registry) == []


def test_what_an_admin_removed_is_gone_after_a_rebuild(registry: Registry, candidate: Any, keys: Keys) -> None:
    """The removal is in no log; whatever asks for the version itself reads the registry."""
    folder = candidate()
    for version in ("1.0.0", "1.1.0"):
        publish(registry, folder, f"demo/x@{version}", keys=keys)
    assert len(models(registry)) == 2
    registry.store.delete("versions/demo/x/1.1.0.json")
    state = rebuild_index(registry)
    assert (state.versions, state.models) == (1, 1)
    assert [entry.reference for entry in find(registry, newest=True).entries] == ["demo/x@1.0.0"]


def spoil_bytes(place: Path) -> None:
    place.write_bytes(b"SQLite format 3\0" + os.urandom(8192))


def spoil_pages(place: Path) -> None:
    data = bytearray(place.read_bytes())
    data[4096 : len(data) // 2] = bytes(len(data) // 2 - 4096)
    place.write_bytes(data)


def spoil_schema(place: Path) -> None:
    with sqlite3.connect(place) as connection:
        connection.execute("PRAGMA user_version = 999")


def spoil_tables(place: Path) -> None:
    with sqlite3.connect(place) as connection:
        connection.execute("DROP TABLE entries")


def spoil_name(place: Path) -> None:
    place.unlink()
    place.mkdir()


@pytest.mark.parametrize("spoil", [spoil_bytes, spoil_pages, spoil_schema, spoil_tables, spoil_name, Path.unlink])
def test_a_spoilt_file_is_made_anew_without_a_word(
    registry: Registry, candidate: Any, keys: Keys, spoil: Callable[[Path], None]
) -> None:
    """Cut, overwritten, of another release, a folder in its place: the answer is the registry's."""
    publish(registry, candidate(), "demo/x@1.0.0", keys=keys)
    before = models(registry)
    place = place_of(registry)
    assert place is not None
    spoil(place)
    assert models(registry) == before == listed(registry)
    assert models(registry, "photographs", sort="metric") == before


def test_a_registry_made_anew_in_the_same_place(registry: Registry, candidate: Any, keys: Keys) -> None:
    """Its log is another: nothing of the old index is shown."""
    publish(registry, candidate(), "demo/x@1.0.0", keys=keys)
    assert len(models(registry)) == 1
    for key in list(registry.store.list("")):
        registry.store.delete(key)
    assert models(registry) == []
    publish(registry, candidate("other"), "demo/y@1.0.0", keys=keys)
    assert [entry.reference for entry in models(registry)] == ["demo/y@1.0.0"]


def test_a_registry_older_than_logs(registry: Registry, candidate: Any, keys: Keys) -> None:
    """It is listed each time, until its log begins."""
    folder = candidate()
    publish(registry, folder, "demo/x@1.0.0", keys=keys)
    kept = {key: bytes_at(registry, key) for key in registry.store.list("versions/")}
    for key in list(registry.store.list("log/")):
        registry.store.delete(key)
    assert models(registry) == listed(registry)
    registry.store.create("versions/demo/x/0.9.0.json", next(iter(kept.values())))  # moved: damaged
    assert models(registry) == listed(registry)
    assert [entry.problem is not None for entry in models(registry)] == [False, True]
    registry.store.delete("versions/demo/x/0.9.0.json")
    publish(registry, folder, "demo/x@1.1.0", keys=keys)
    assert models(registry) == listed(registry)
    assert index_state(registry).log_entry > 0


def test_what_was_damaged_is_looked_at_again(registry: Registry, candidate: Any, keys: Keys) -> None:
    """Restored from a copy, it has its figures back."""
    found = publish(registry, candidate(), "demo/x@1.0.0", keys=keys).manifest
    key = layout.blob_key(str(found.certificate_sha256))
    data = bytes_at(registry, key)
    registry.store.delete(key)
    assert models(registry)[0].problem is not None
    registry.store.create(key, data)
    assert models(registry) == listed(registry)
    assert models(registry)[0].problem is None


def test_an_entry_of_the_log_that_cannot_be_read(registry: Registry, candidate: Any, keys: Keys) -> None:
    """Whatever it announced is found by listing."""
    folder = candidate()
    publish(registry, folder, "demo/x@1.0.0", keys=keys)
    assert len(models(registry)) == 1
    publish(registry, folder, "demo/x@1.1.0", keys=keys)
    path = Path(registry.location) / layout.key("log", 3)
    path.chmod(0o644)
    path.write_bytes(b"{}")
    assert models(registry) == listed(registry)
    assert len(models(registry)) == 2


def test_an_entry_of_the_log_that_is_missing(registry: Registry, candidate: Any, keys: Keys) -> None:
    """Nobody reads on past it, which is the log's audit's to say; a rebuild does."""
    folder = candidate()
    for version in ("1.0.0", "1.1.0"):
        publish(registry, folder, f"demo/x@{version}", keys=keys)
    registry.store.delete(layout.key("log", 2))
    assert rebuild_index(registry).log_entry == 4
    publish(registry, folder, "demo/x@1.2.0", keys=keys)
    assert models(registry) == listed(registry)


def test_where_no_file_can_be_written(
    claim: Claim, keys: Keys, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lies in a folder of this process, and is not made anew at each look; without that, in memory."""
    registry, store = counting()
    write(registry, claim, "demo/x@1.0.0")
    (home / "file").write_text("")
    monkeypatch.setattr("roadworthy.registry.index_file.place_of", lambda _: home / "file" / "index.sqlite3")
    monkeypatch.setattr("roadworthy.registry.index_file._aside", lambda: tmp_path / "aside")
    assert models(registry) == listed(registry)
    store.asked.clear()
    assert models(registry) == listed(registry)
    assert store.asked["open versions"] == 1  # by `listed`
    assert (tmp_path / "aside/index.sqlite3").is_file()
    monkeypatch.setattr("roadworthy.registry.index_file._aside", lambda: home / "file")
    assert models(registry) == listed(registry)


def test_many_ask_while_some_write_and_rebuild(claim: Claim, keys: Keys) -> None:
    """Nobody is told a version twice, or misses one that was there before they asked."""
    registry, _ = counting("counting:threads")
    write(registry, claim, "demo/x@1.0.0")
    wrong: list[object] = []
    done = threading.Event()

    def asks() -> None:
        while not done.is_set():
            there = len(registry.versions("demo", "x"))
            found = [entry.reference for entry in models(registry)]
            if len(found) < there or len(set(found)) != len(found):
                wrong.append((there, found))

    def rebuilds() -> None:
        while not done.is_set():
            rebuild_index(registry)

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(task) for task in (asks, asks, asks, rebuilds)]
        for number in range(1, 25):
            write(registry, measured(claim, number / 100), f"demo/x@1.{number}.0")
        done.set()
        for task in running:
            task.result()
    assert not wrong
    assert len(models(registry)) == 25


def test_a_rebuild_that_was_killed(registry: Registry, candidate: Any, keys: Keys) -> None:
    """What it left is cleared away, and the old file serves until then."""
    publish(registry, candidate(), "demo/x@1.0.0", keys=keys)
    before = models(registry)
    place = place_of(registry)
    assert place is not None
    place.with_suffix(".new").write_bytes(b"half")
    place.with_name(place.name + "-journal").write_bytes(b"of another file")
    assert models(registry) == before
    rebuild_index(registry)
    assert models(registry) == before
    assert sorted(path.suffix for path in place.parent.iterdir()) == [".lock", ".sqlite3"]
    assert place.parent.stat().st_mode & 0o077 == 0


def test_revocations_are_a_column(registry: Registry, candidate: Any, keys: Keys, tmp_path: Path) -> None:
    """Of those whom the reader hears."""
    folder = candidate()
    for version in ("1.0.0", "1.1.0"):
        publish(registry, folder, f"demo/x@{version}", keys=keys)
    assert [entry.revoked for entry in models(registry)] == [None, None]
    said = revoke(registry, "demo/x@1.0.0", reason="a leak", signer=signing_key(), keys=keys)
    assert [entry.revoked for entry in models(registry)] == [None, str(said)]
    stranger = CryptoSigner.generate_ed25519().public_key
    assert [entry.revoked for entry in models(registry, keys=(stranger,))] == [None, None]
    assert [entry.revoked for entry in models(registry, keys=keys)] == [None, str(said)]
    rebuild_index(registry)
    assert [entry.revoked for entry in models(registry)] == [None, str(said)]


# Random lives of a registry, and random questions.

_MODELS = ("ann/x", "bob/y", "ann/Xy")
_VALUES = st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9])
_EDITS = st.one_of(
    st.tuples(st.just("publish"), st.sampled_from(_MODELS), st.integers(0, 12), _VALUES),
    st.tuples(st.just("draft"), st.sampled_from(_MODELS), st.just(0), _VALUES),
    st.tuples(st.just("late"), st.sampled_from(_MODELS), st.integers(0, 12), _VALUES),
    st.tuples(st.just("remove"), st.sampled_from(_MODELS), st.integers(0, 12), _VALUES),
    st.tuples(st.just("look"), st.just(""), st.just(0), _VALUES),
)


@settings(max_examples=40, deadline=None)
@given(edits=st.lists(_EDITS, max_size=14), limit=st.integers(1, 4))
def test_it_finds_what_a_listing_finds(build_candidate: Any, tmp_path_factory: Any, edits: Any, limit: int) -> None:
    """After any edits; pages put together are the whole."""
    claim = _real_claim(build_candidate, tmp_path_factory)
    registry, _ = counting(f"counting:{tmp_path_factory.mktemp('life')}")
    for what, model, number, value in edits:
        key = f"versions/{model}/1.{number}.0.json"
        there = list(registry.store.list(key))
        if what in ("publish", "late") and not there:
            write(registry, measured(claim, value), f"{model}@1.{number}.0", stored=what == "publish")
            if what == "late":
                models(registry)
                write(registry, measured(claim, value), f"{model}@1.{number}.0", announced=False)
        elif what == "draft":
            _draft(registry, model)
        elif what == "remove" and there:
            registry.store.delete(key)
            rebuild_index(registry)
        elif what == "look":
            models(registry)
    expected = listed(registry)
    assert models(registry) == expected
    assert models(registry, where="top1>=0.5") == [e for e in expected if e.metric and e.metric.value >= 0.5]
    for text in ("x", "xy@", "ANN/", "1.1", "e", '"', "photographs"):
        kept = [
            e
            for e in expected
            if text.casefold() in " ".join((e.reference, e.task or "", e.system or "", e.data or "")).casefold()
        ]
        assert models(registry, text) == kept, text
    paged = [e for at in range(0, len(expected), limit) for e in models(registry, limit=limit, offset=at)]
    assert paged == expected
    newest = {e.reference.partition("@")[0]: e for e in reversed(expected) if not e.reference.endswith("@main")}
    only_drafts = [e for e in expected if e.reference.partition("@")[0] not in newest]
    assert {*find(registry, newest=True).entries} == {*newest.values(), *only_drafts}
    page = find(registry, limit=1)
    assert (page.total, page.more) == (len(expected), False)


def _draft(registry: Registry, model: str) -> None:
    asked = Reference.parse(model)
    number = len(list(registry.store.list(f"drafts/{model}/"))) + 1
    made = Manifest(
        namespace=asked.namespace,
        name=asked.name,
        version=None,
        files=(FileEntry(path="a", size=number, sha256="0" * 64),),
        created=f"2026-01-01T00:00:{number:02d}Z",
    )
    log.announce_draft(registry.store, asked, number)
    registry.store.create(layout.key("drafts", asked.namespace, asked.name, number), manifest.dump(made))


_claims: list[Claim] = []


def _real_claim(build_candidate: Any, tmp_path_factory: Any) -> Claim:
    if not _claims:
        folder = build_candidate(tmp_path_factory.mktemp("real") / "candidate", CryptoSigner.generate_ed25519())
        assert entry_of(folder / "certificate.json", "certificate.json").size
        _claims.append(from_statement(payload_of((folder / "certificate.json").read_bytes())).claim)
    return _claims[0]


def test_a_folder_has_one_index_however_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And another registry another."""
    monkeypatch.chdir(tmp_path)
    one, same, other = (place_of(open_registry(name)) for name in ("a", str(tmp_path / "b" / ".." / "a"), "b"))
    assert one == same != other
    assert place_of(Registry(MemoryStore(), "memory:")) is None
    assert isinstance(open_registry("a").store, FolderStore)
