"""The chain of a log, over stored bytes: gaps, edits, forks, a tail that was cut off, and what is harmless."""

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards.errors import CheckError, StorageError
from roadworthy.registry import (
    MemoryStore,
    Registry,
    Version,
    audit_log,
    home,
    layout,
    log,
    open_registry,
    publish,
    pull,
    signing_key,
)
from roadworthy.registry.log_memory import memory_of

Keys = tuple[Key, ...]


@pytest.fixture
def three(registry: Registry, candidate: Any, keys: Keys) -> Registry:
    """demo/x at 1.0.0, 1.1.0 and 1.2.0: an entry for each version and for each move of latest."""
    folder = candidate()
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        publish(registry, folder, f"demo/x@{version}", keys=keys)
    return registry


def entry(registry: Registry, number: int) -> Path:
    """The file of an entry."""
    return Path(registry.location) / layout.key("log", number)


def edit(path: Path, change: Callable[[dict[str, Any]], object], *, signer: CryptoSigner | None = None) -> None:
    """Changes what an entry says, and writes it in the form that entries have."""
    from roadworthy.model_cards import canonical
    from roadworthy.model_cards.envelope import seal

    said = json.loads(base64.b64decode(json.loads(path.read_bytes())["payload"]))
    change(said)
    path.chmod(0o644)
    path.write_bytes(seal(canonical.dump(said), *([signer] if signer else [])))


def remove(registry: Registry, key: str) -> None:
    """Takes a document away, as somebody would who can write the folder."""
    (Path(registry.location) / key).unlink()


def test_every_publish_and_every_move_is_in_one_signed_chain(three: Registry, keys: Keys) -> None:
    """Each entry names the digest of the one before it, computed here by hand, and the document by its digest."""
    found = audit_log(three, keys)
    assert found.ok, found.reasons
    assert found.checks == ("log of 6 entries is one chain, 6 of them signed by keys you trust",)
    previous = None
    for number in range(1, 7):
        data = entry(three, number).read_bytes()
        said = json.loads(base64.b64decode(json.loads(data)["payload"]))
        assert said["predicate"]["number"] == number
        assert said["predicate"]["previous"] == previous
        (subject,) = said["subject"]
        stored = (Path(three.location) / subject["name"]).read_bytes()
        assert subject["digest"]["sha256"] == hashlib.sha256(stored).hexdigest()
        previous = hashlib.sha256(data).hexdigest()
    entries = [link.entry for link in found.chain.links]
    assert [(one.what, one.reference, one.to) for one in entries[:2]] == [
        ("publish", "demo/x@1.0.0", None),
        ("alias", "demo/x@latest", "1.0.0"),
    ]
    assert {one.keyid for one in entries} == {signing_key().public_key.keyid}
    assert entries[0].certificate_sha256 == three.resolve("demo/x@1.0.0").certificate_sha256


def test_a_gap_is_found(three: Registry, keys: Keys) -> None:
    """And what it announced is in no entry any more."""
    entry(three, 3).unlink()
    found = audit_log(three, keys)
    assert found.reasons == (
        "log entry 3 is missing: expected every number up to 6",
        "versions/demo/x/1.1.0.json is in no entry of the log: it was written past it",
    )


def test_a_wide_gap_is_told_once(three: Registry, keys: Keys) -> None:
    """By its ends."""
    for number in (2, 3, 4):
        entry(three, number).unlink()
    assert audit_log(three, keys).reasons[0] == "log entries 2 to 4 are missing: expected every number up to 6"


def test_an_edited_entry_is_found(three: Registry, keys: Keys) -> None:
    """By its signature; without one, or signed anew, by the entry that follows it."""

    def change(said: dict[str, Any]) -> None:
        said["predicate"]["when"] = "2020-01-01T00:00:00Z"

    path = entry(three, 4)
    data = path.read_bytes()
    path.chmod(0o644)
    document = json.loads(data)
    said = base64.b64decode(document["payload"]).replace(b'"who":"', b'"who":"not ')
    path.write_bytes(data.replace(document["payload"].encode(), base64.b64encode(said)))
    assert any("log entry 4's signature does not match its text" in reason for reason in audit_log(three, keys).reasons)
    for signer in (signing_key(), CryptoSigner.generate_ed25519()):
        path.write_bytes(data)
        edit(path, change, signer=signer)
        if signer.public_key.keyid == signing_key().public_key.keyid:
            assert [reason[:46] for reason in audit_log(three, keys).reasons] == [
                "log entry 5 does not follow the one before it:"
            ]
        else:
            assert any("has no signature of that key" in reason for reason in audit_log(three, keys).reasons)


@pytest.mark.parametrize("data", [b"", b"{}", b'{"payload":"","payloadType":"x","signatures":[]}'])
def test_a_damaged_entry_does_not_stop_the_reading(three: Registry, keys: Keys, data: bytes) -> None:
    """It is named, and the entries after it are read."""
    entry(three, 2).chmod(0o644)
    entry(three, 2).write_bytes(data)
    found = audit_log(three, keys)
    assert "log entry 2" in found.reasons[0]
    assert [link.entry.number for link in found.chain.links] == [1, 3, 4, 5, 6]


def test_an_entry_in_another_place_is_found(three: Registry, keys: Keys) -> None:
    """A copy of another entry."""
    entry(three, 6).chmod(0o644)
    entry(three, 6).write_bytes(entry(three, 2).read_bytes())
    assert any("log entry 6 is entry 2: it was moved" in reason for reason in audit_log(three, keys).reasons)


def test_a_tail_that_was_cut_off_is_noticed_by_who_has_seen_it(three: Registry, keys: Keys, tmp_path: Path) -> None:
    """With the version and the move that it announced: the rest is a whole, true, older registry."""
    assert audit_log(three, keys).ok
    for key in ("log/00000006.json", "log/00000005.json", "versions/demo/x/1.2.0.json"):
        remove(three, key)
    remove(three, "aliases/demo/x/latest/00000003.json")
    assert three.resolve("demo/x").version == "1.1.0"
    reasons = audit_log(three, keys).reasons
    assert reasons == (
        "the log has 4 entries, and this machine has seen 6: it was cut off, or the registry was put back to an "
        f"earlier state. If you have made that registry anew yourself, remove {memory_of(three.location)}",
    )
    with pytest.raises(CheckError, match=r"demo/x@1\.1\.0 was not pulled: the log has 4 entries, and this machine has"):
        pull(three, "demo/x", keys=keys, to=tmp_path / "here")
    assert not (tmp_path / "here").exists()
    # Who comes new cannot know.
    memory_of(three.location).unlink()
    assert audit_log(three, keys).ok
    assert pull(three, "demo/x", keys=keys, to=tmp_path / "here").is_dir()


def test_an_alias_that_was_put_back_is_noticed(three: Registry, keys: Keys) -> None:
    """Its last move was deleted and the log left as it was: harmless to a new reader, not to one that saw it."""
    assert audit_log(three, keys).ok
    remove(three, "aliases/demo/x/latest/00000003.json")
    (reason,) = audit_log(three, keys).reasons
    assert reason.startswith(
        "what log entry 6 announced (alias of demo/x@latest) was there when this machine looked last, and is gone. "
    )
    memory_of(three.location).unlink()
    found = audit_log(three, keys)
    assert found.ok
    assert "announced and not there, as after a killed or refused publish: log entries 6" in found.checks


def test_a_log_that_was_written_anew_is_noticed(three: Registry, candidate: Any, keys: Keys) -> None:
    """As long as the one that was seen, and another one."""
    assert audit_log(three, keys).ok
    root = Path(three.location)
    for folder in ("log", "versions", "aliases"):
        for path in (root / folder).rglob("*.json"):
            path.unlink()
    folder = candidate("other")
    for version in ("2.0.0", "2.1.0", "2.2.0"):
        publish(three, folder, f"demo/x@{version}", keys=keys)
    (reason,) = audit_log(three, keys).reasons
    with pytest.raises(CheckError, match="log entry 6 is another"):
        pull(three, "demo/x", keys=keys, to=home() / "here")
    assert reason.startswith("log entry 6 is another than this machine has seen: expected sha256 ")


def test_a_version_that_was_written_past_the_log_is_found(three: Registry, keys: Keys) -> None:
    """A manifest put there by hand; and one that was exchanged."""
    versions = Path(three.location) / "versions/demo/x"
    (versions / "9.0.0.json").write_bytes((versions / "1.0.0.json").read_bytes())
    (versions / "1.1.0.json").chmod(0o644)
    (versions / "1.1.0.json").write_bytes(b"another")
    first, second = audit_log(three, keys).reasons
    assert first.startswith("versions/demo/x/1.1.0.json is not what the log announced: expected sha256 ")
    assert second == "versions/demo/x/9.0.0.json is in no entry of the log: it was written past it"


class Killed(Exception):
    """The process ends here."""


class Mortal(MemoryStore):
    """A store whose user is killed when it is about to create a key that begins so."""

    def __init__(self) -> None:
        super().__init__()
        self.dies_at = ""

    def create(self, key: str, source: Any) -> None:
        """As always, or the end."""
        if self.dies_at and key.startswith(self.dies_at):
            raise Killed
        super().create(key, source)


@pytest.mark.parametrize(
    ("at", "visible", "entries"),
    [("blobs/", 0, 0), ("log/", 0, 0), ("versions/", 0, 1), ("log/00000002", 1, 1), ("aliases/", 1, 2)],
)
def test_a_publish_that_is_killed_anywhere_leaves_a_true_log(
    candidate: Any, keys: Keys, at: str, visible: int, entries: int
) -> None:
    """What exists was announced; what was announced and does not exist is told, and is no reason; and it goes on."""
    store = Mortal()
    registry = Registry(store, "memory:")
    store.dies_at = at
    folder = candidate()
    with pytest.raises(Killed):
        publish(registry, folder, "demo/x@1.0.0", keys=keys)
    assert len(registry.versions("demo", "x")) == visible
    found = audit_log(registry, keys)
    assert found.ok, found.reasons
    assert len(found.chain.links) == entries
    store.dies_at = ""
    publish(registry, folder, "demo/x@1.0.1", keys=keys)
    after = audit_log(registry, keys)
    assert after.ok, after.reasons
    assert registry.resolve("demo/x").version == "1.0.1"


def test_a_registry_that_is_older_than_its_log_begins_one(three: Registry, candidate: Any, keys: Keys) -> None:
    """What was there is listed by digest in the first entry, so that it cannot be exchanged from then on."""
    for path in (Path(three.location) / "log").iterdir():
        path.unlink()
    assert audit_log(three, keys).checks == ("the registry keeps no log yet",)
    publish(three, candidate("other"), "demo/y@1.0.0", keys=keys)
    found = audit_log(three, keys)
    assert found.ok, found.reasons
    first = found.chain.links[0]
    assert (first.entry.what, first.entry.reference, len(first.documents)) == ("begin", None, 6)
    assert [link.entry.what for link in found.chain.links] == ["begin", "publish", "alias"]
    path = Path(three.location) / "versions/demo/x/1.0.0.json"
    path.chmod(0o644)
    path.write_bytes(b"exchanged")
    assert "versions/demo/x/1.0.0.json is not what the log announced" in audit_log(three, keys).reasons[0]


def test_without_a_key_an_entry_is_unsigned(registry: Registry, candidate: Any, keys: Keys) -> None:
    """A machine that only publishes makes no key for it."""
    folder = candidate()
    (home() / "keys/ed25519.pem").rename(home() / "away.pem")
    publish(registry, folder, "demo/x@1.0.0", keys=keys)
    assert not (home() / "keys/ed25519.pem").exists()
    assert audit_log(registry, keys).checks == ("log of 2 entries is one chain, 0 of them signed by keys you trust",)


def test_of_two_who_append_at_once_both_land(keys: Keys) -> None:
    """On different numbers, each following the other."""

    class Racing(MemoryStore):
        """Lets another writer in just before an entry is made, once."""

        raced = False

        def create(self, key: str, source: Any) -> None:
            """The other's first."""
            if key.startswith("log/") and not self.raced:
                self.raced = True
                _announce(self, "other")
            super().create(key, source)

    store = Racing()
    _announce(store, "mine")
    links = log.read_log(store, keys).links
    assert [link.documents[0].path for link in links] == ["other", "mine"]
    assert log.read_log(store, keys).problems == ()


def _announce(store: MemoryStore, key: str) -> None:
    from roadworthy.registry import Reference

    log.announce(store, "publish", Reference.parse("demo/x@1.0.0"), key, b"")


def test_a_memory_that_is_not_ours_is_told(three: Registry, keys: Keys) -> None:
    """To take it for nothing would forget what it was kept for."""
    assert audit_log(three, keys).ok
    memory_of(three.location).write_text("{")
    with pytest.raises(StorageError, match="which remembers the log of"):
        audit_log(three, keys)


def test_one_folder_has_one_memory(three: Registry, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it is written."""
    monkeypatch.chdir(Path(three.location).parent)
    assert memory_of("registry") == memory_of(three.location) == memory_of("./registry")
    assert audit_log(open_registry("registry"), keys).ok


def test_an_alias_that_is_moved_back_on_purpose_is_in_the_log(three: Registry, keys: Keys) -> None:
    """That is not putting it back: it is a move of its own."""
    assert audit_log(three, keys).ok
    three.move("demo/x@latest", Version(1, 0, 0), expected=Version(1, 2, 0))
    found = audit_log(three, keys)
    assert found.ok, found.reasons
    assert found.chain.head is not None
    assert (found.chain.head.entry.what, found.chain.head.entry.to) == ("alias", "1.0.0")
