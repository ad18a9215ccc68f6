"""Aliases: moved by compare-and-swap, every move kept."""

from pathlib import Path

import pytest

from roadworthy.model_cards.errors import CheckError, DamagedError, InputError, NotFoundError
from roadworthy.registry import MemoryStore, Reference, Registry, Version, aliases, layout, open_registry
from roadworthy.registry.store import Source

LATEST = Reference.parse("demo/x@latest")
ONE, TWO, THREE = Version(1, 0, 0), Version(1, 1, 0), Version(2, 0, 0)


@pytest.fixture
def store() -> MemoryStore:
    """Three versions; their content does not matter here."""
    store = MemoryStore()
    for version in (ONE, TWO, THREE):
        store.create(layout.key("versions", "demo", "x", str(version)), b"")
    return store


def test_the_history_tells_every_move(store: MemoryStore) -> None:
    """From where, to where, when, by whom."""
    registry = Registry(store, "memory:")
    registry.move(LATEST, ONE, expected=None)
    registry.move("demo/x@latest", TWO, expected=ONE)
    first, second = registry.history(LATEST)
    assert (first.number, first.old, first.new) == (1, None, ONE)
    assert (second.number, second.old, second.new) == (2, ONE, TWO)
    assert second.who
    assert second.when.endswith("Z")
    assert aliases.current(store, LATEST) == TWO


def test_a_move_that_expects_something_else_is_refused(store: MemoryStore) -> None:
    """The message says where it is; nothing moves."""
    aliases.move(store, LATEST, TWO, expected=None)
    for expected in (None, ONE, THREE):
        with pytest.raises(CheckError, match=r"found it at 1\.1\.0"):
            aliases.move(store, LATEST, THREE, expected=expected)
    assert aliases.current(store, LATEST) == TWO


def test_a_move_that_loses_the_race_is_refused() -> None:
    """Two who have seen the same state: the second one's entry is taken."""

    class Racing(MemoryStore):
        """Lets another mover in just before the first entry is made."""

        raced = False

        def create(self, key: str, source: Source | bytes) -> None:
            """The other's first."""
            if key.startswith("aliases/") and not self.raced:
                self.raced = True
                aliases.move(self, LATEST, TWO, expected=None)
            super().create(key, source)

    racing = Racing()
    for version in (ONE, TWO):
        racing.create(layout.key("versions", "demo", "x", str(version)), b"")
    with pytest.raises(CheckError, match=r"expected it at nothing, found it at 1\.1\.0"):
        aliases.move(racing, LATEST, ONE, expected=None)
    assert [move.new for move in aliases.history(racing, LATEST)] == [TWO]


def test_latest_advances_to_higher_versions_only(store: MemoryStore) -> None:
    """And not again to one that it was moved back from."""
    assert aliases.advance(store, LATEST, TWO)
    assert not aliases.advance(store, LATEST, ONE)
    assert aliases.advance(store, LATEST, THREE)
    aliases.move(store, LATEST, ONE, expected=THREE)
    assert not aliases.advance(store, LATEST, THREE)
    assert aliases.current(store, LATEST) == ONE


def test_an_alias_points_at_a_version_that_exists(store: MemoryStore) -> None:
    """Never at a name without a manifest."""
    with pytest.raises(NotFoundError):
        aliases.move(store, LATEST, Version(9, 0, 0), expected=None)
    assert aliases.history(store, LATEST) == ()


def test_main_and_versions_are_not_moved(store: MemoryStore) -> None:
    """They are not aliases."""
    for selector in ("main", "1.0.0"):
        with pytest.raises(InputError):
            aliases.move(store, LATEST.at(selector), ONE, expected=None)


def test_a_changed_entry_of_the_log_is_damage(tmp_path: Path) -> None:
    """Every byte of it in turn."""
    registry = open_registry(tmp_path)
    registry.store.create(layout.key("versions", "demo", "x", "1.0.0"), b"")
    registry.move(LATEST, ONE, expected=None)
    entry = tmp_path / layout.key("aliases", "demo", "x", "latest", 1)
    data = entry.read_bytes()
    entry.chmod(0o644)
    for at in range(len(data)):
        entry.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(DamagedError):
            registry.history(LATEST)
