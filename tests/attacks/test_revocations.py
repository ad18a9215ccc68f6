"""Revoking what is not yours, taking a revocation away, moving one, replaying one; and an index that lies."""

import dataclasses
import json
import sqlite3
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards import canonical
from roadworthy.model_cards.envelope import seal
from roadworthy.model_cards.errors import CheckError, InputError
from roadworthy.model_cards.statement import dump
from roadworthy.registry import (
    Manifest,
    Registry,
    add_revocation,
    audit_log,
    audit_version,
    distrust_key,
    layout,
    models,
    open_bundle,
    open_registry,
    pull,
    replicate,
    revocation,
    revocations,
    revoke,
    show,
    trust_key,
    trusted_keys,
    write_bundle,
)
from roadworthy.registry.index_file import place_of
from roadworthy.registry.key_files import public_pem
from roadworthy.registry.revocation import PREDICATE_TYPE, Revocation, write

from .conftest import Road

Keys = tuple[Key, ...]
VERSION = "team/xrays@1.1.0"


def said(signer: CryptoSigner, **changes: object) -> Revocation:
    """What a revocation of the version may say."""
    plain = Revocation(
        reference=VERSION,
        word="revoked",
        reason="because",
        superseded_by=None,
        number=1,
        when="2026-03-01T00:00:00Z",
        who="somebody",
        keyid=signer.public_key.keyid,
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]  # a test's own fields


def place(registry: Registry, slot: int = 1, version: str = "1.1.0") -> Path:
    """The file of a revocation."""
    path = Path(registry.location) / layout.key("revocations", "team", "xrays", version, slot)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def revoked(registry: Registry, road: Road, reason: str = "poisoned", *, reinstate: bool = False) -> None:
    """By the publisher, whom the reader trusts."""
    revoke(registry, VERSION, reason=reason, signer=road.publisher, keys=road.keys, reinstate=reinstate)


def test_a_revocation_by_nobody_who_counts(
    registry: Registry, version: Manifest, road: Road, keys: Keys, tmp_path: Path
) -> None:
    """By a stranger, by nobody, in the publisher's name, of great depth, of many bytes: shown, and in nobody's way."""
    stranger = CryptoSigner.generate_ed25519()
    assert version.certificate is not None
    theirs = write(version.certificate, said(stranger), stranger)
    document = json.loads(theirs)
    unsigned = canonical.dump(document | {"signatures": []})
    document["signatures"][0]["keyid"] = road.publisher.public_key.keyid
    forged = canonical.dump(document)
    for slot, data in enumerate((theirs, unsigned, forged, b"[" * 50_000, b"\0" * 3_000_000), start=1):
        place(registry, slot).write_bytes(data)
    words = revocations(registry, VERSION, keys)
    assert len(words) == 5
    assert all(word.said is None and word.problem for word in words)
    assert pull(registry, VERSION, keys=keys, to=tmp_path / "x").is_dir()
    assert models(registry, keys=keys)[0].revoked is None
    with pytest.raises(CheckError, match="a key you have not trusted"):
        add_revocation(registry, version, theirs, keys)


def test_a_revocation_of_a_distrusted_key(registry: Registry, road: Road, tmp_path: Path) -> None:
    """A key that was stolen, and sent away, cannot revoke what it once signed, nor anything else."""
    (tmp_path / "p.pub").write_bytes(public_pem(road.publisher.public_key))
    trust_key(tmp_path / "p.pub", name="publisher")
    revoked(registry, road)
    assert revocation(registry, VERSION, trusted_keys()) is not None
    distrust_key("publisher", reason="stolen")
    assert revocation(registry, VERSION, trusted_keys()) is None


def test_a_revocation_moved_to_another_version(registry: Registry, road: Road, keys: Keys, tmp_path: Path) -> None:
    """It is of one certificate and one reference."""
    revoked(registry, road)
    place(registry, version="1.0.0").write_bytes(place(registry).read_bytes())
    (word,) = revocations(registry, "team/xrays@1.0.0", keys)
    assert "it speaks of 'team/xrays@1.1.0'" in str(word.problem)
    assert pull(registry, "team/xrays@1.0.0", keys=keys, to=tmp_path / "x").is_dir()


def test_an_old_word_put_over_a_new_one(registry: Registry, road: Road, keys: Keys, tmp_path: Path) -> None:
    """Which of a party's words is the last is signed: a reinstatement that was outdated stays so, under any number."""
    revoked(registry, road, "one")
    revoked(registry, road, "a mistake", reinstate=True)
    revoked(registry, road, "three")
    old = place(registry, 2).read_bytes()
    for slot in (4, 90_000_000):
        place(registry, slot).write_bytes(old)
    with pytest.raises(CheckError, match="three"):
        pull(registry, VERSION, keys=keys, to=tmp_path / "x")


def test_a_revocation_that_was_edited(registry: Registry, road: Road, keys: Keys) -> None:
    """It counts no more, as if it were gone; and it is not what the log announced."""
    revoked(registry, road)
    path = place(registry)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b'"sig":"', b'"sig":"0'))
    assert revocation(registry, VERSION, keys) is None
    (reason,) = audit_log(registry, keys).reasons
    assert "1.1.0/00000001.json is not what the log announced" in reason
    assert not audit_version(registry, VERSION, keys=keys, policy=None).ok


def test_a_revocation_that_was_taken_away(registry: Registry, road: Road, keys: Keys, tmp_path: Path) -> None:
    """Who has seen the log finds that it is gone; with the log's end cut off too, a pull finds that."""
    revoked(registry, road)
    assert audit_log(registry, keys).ok
    place(registry).unlink()
    (reason,) = audit_log(registry, keys).reasons
    assert f"(yank of {VERSION}) was there when this machine looked last, and is gone" in reason
    sorted((Path(registry.location) / "log").iterdir())[-1].unlink()
    with pytest.raises(CheckError, match="put back to an earlier state"):
        pull(registry, VERSION, keys=keys, to=tmp_path / "x")


def test_a_bundle_without_its_revocation(registry: Registry, road: Road, keys: Keys, tmp_path: Path) -> None:
    """Nobody can see what a bundle leaves out; it takes nothing away where the word has come before."""
    revoked(registry, road)
    bare, other = tmp_path / "bare", open_registry(tmp_path / "other")
    write_bundle(registry, VERSION, tmp_path / "whole.tar", keys=keys)
    place(registry).unlink()
    write_bundle(registry, VERSION, tmp_path / "bare.tar", keys=keys)
    for name in ("whole", "bare"):
        replicate(open_bundle(tmp_path / f"{name}.tar"), VERSION, other, keys=keys, policy=None)
    with pytest.raises(CheckError, match="was not pulled: it was revoked"):
        pull(other, VERSION, keys=keys, to=bare)


def test_a_reason_that_commands_a_terminal(registry: Registry, version: Manifest, road: Road, keys: Keys) -> None:
    """Signed by a key that is trusted, all the same: neither written nor believed."""
    for reason in ("\x1b[2J", "one\ntwo", "\u202eright to left", "x" * 501):
        with pytest.raises(InputError, match="its reason cannot be read"):
            revoked(registry, road, reason)
        body = dataclasses.asdict(said(road.publisher, reason=reason))
        assert version.certificate is not None
        place(registry).write_bytes(seal(dump((version.certificate,), PREDICATE_TYPE, body), road.publisher))
        (word,) = revocations(registry, VERSION, keys)
        assert word.said is None
        assert str(word.problem).isprintable()
        place(registry).unlink()


def test_an_index_that_lies(registry: Registry, road: Road, keys: Keys, tmp_path: Path) -> None:
    """It is this machine's own file, and all the same nothing but a list rests on it; a rebuild puts the list right."""
    from roadworthy.registry import rebuild_index

    revoked(registry, road)
    before = models(registry, keys=keys)
    assert before[0].revoked is not None
    index = place_of(registry)
    assert index is not None
    with sqlite3.connect(index) as connection:
        connection.execute("UPDATE entries SET value = 0.99")
        connection.execute("DELETE FROM revocations")
    connection.close()
    assert models(registry, keys=keys) != before
    assert show(registry, VERSION).metric == before[0].metric
    with pytest.raises(CheckError, match="poisoned"):
        pull(registry, VERSION, keys=keys, to=tmp_path / "x")
    rebuild_index(registry)
    assert models(registry, keys=keys) == before
