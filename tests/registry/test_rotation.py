"""Rotation: a new key signs, the old one's work still counts, and others can follow."""

import os
import threading
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from roadworthy.model_cards.envelope import open_envelope, payload_of, seal
from roadworthy.model_cards.errors import CheckError, DamagedError, InputError
from roadworthy.registry import (
    distrust_key,
    export_key,
    home,
    list_keys,
    rotate_key,
    signing_key,
    trust_key,
    trusted_keys,
)
from roadworthy.registry.rotation import endorse

SEALED = b"{}"


@pytest.fixture
def alice(tmp_path: Path) -> Path:
    """The home of somebody whose key is trusted here."""
    signing_key(tmp_path / "alice")
    trust_key(export_key(home_folder=tmp_path / "alice"), name="alice")
    return tmp_path / "alice"


def test_the_old_key_steps_aside_and_what_it_signed_still_counts() -> None:
    """Nothing is lost: its private half stays, read-only."""
    old = signing_key()
    secret = (home() / "keys/ed25519.pem").read_bytes()
    sealed = seal(SEALED, old)
    done = rotate_key()
    retired = home() / f"keys/retired/{old.public_key.keyid}.pem"
    assert retired.read_bytes() == secret
    assert retired.stat().st_mode & 0o777 == 0o400
    assert (home() / "keys/ed25519.pem").stat().st_mode & 0o777 == 0o600
    assert signing_key().public_key.keyid == done.new.keyid != done.old.keyid == old.public_key.keyid
    assert (home() / "keys/ed25519.pub").read_text() == export_key() == done.new.pem
    assert open_envelope(sealed, trusted_keys()).signers == (done.old.keyid,)
    assert [(r.keyid, r.status) for r in list_keys()] == [(done.new.keyid, "own"), (done.old.keyid, "retired")]


def test_there_must_be_a_key() -> None:
    """Nothing is made by the way."""
    with pytest.raises(InputError, match="roadworthy keys new"):
        rotate_key()
    assert list_keys() == ()


def test_rotations_and_first_uses_at_once_leave_one_key_and_lose_none() -> None:
    """Every key that ever signed is own or retired in the end."""
    signing_key()
    seen: set[str] = set()

    def sign() -> None:
        for _ in range(5):
            seen.add(signing_key().public_key.keyid)

    threads = [threading.Thread(target=work) for work in (rotate_key, sign, rotate_key, sign, rotate_key)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    known = list_keys()
    assert [record.status for record in known] == ["own", "retired", "retired", "retired"]
    assert seen <= {record.keyid for record in known}
    assert (home() / "keys/ed25519.pub").read_text() == known[0].pem


@pytest.mark.parametrize("at", [1, 2])
def test_a_rotation_killed_at_any_step_leaves_a_key_that_signs(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old one before its place is taken, the new one after; the next use puts the public half right."""
    old = signing_key().public_key.keyid
    real, calls = os.replace, []

    def killed(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == at:
            raise KeyboardInterrupt
        real(source, target)

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        rotate_key()
    monkeypatch.undo()
    monkeypatch.setenv("ROADWORTHY_HOME", str(calls[0].parent.parent))
    now = signing_key().public_key.keyid
    assert (now == old) == (at == 1)
    assert (home() / "keys/ed25519.pub").read_text() == export_key()
    assert old in {key.keyid for key in trusted_keys()}
    assert rotate_key().old.keyid == now


def test_who_trusts_the_old_key_can_follow(alice: Path) -> None:
    """The new key is called what the old one is, twice over; and the old one's work still counts."""
    old = signing_key(alice)
    first, second = rotate_key(alice), rotate_key(alice)
    assert first.statement is not None
    assert second.statement is not None
    assert trust_key(first.statement).name == "alice"
    assert trust_key(second.statement).name == "alice"
    assert trust_key(second.statement).keyid == second.new.keyid
    new = signing_key(alice)
    for signer in (old, new):
        assert open_envelope(seal(SEALED, signer), trusted_keys()).signers == (signer.public_key.keyid,)
    assert set(trusted_keys().names.values()) == {"alice"}
    assert len(trusted_keys()) == 3


def test_a_statement_cannot_be_skipped(alice: Path) -> None:
    """The second rotation is vouched for by a key that is not trusted yet."""
    rotate_key(alice)
    second = rotate_key(alice)
    assert second.statement is not None
    with pytest.raises(CheckError, match=rf"leads from {second.old.fingerprint}, a key you have not trusted"):
        trust_key(second.statement)
    assert len(trusted_keys()) == 1


def test_a_distrusted_key_leads_nowhere(alice: Path) -> None:
    """Whoever stole it would name a key of his own."""
    stolen = signing_key(alice)
    done = rotate_key(alice)
    assert done.statement is not None
    distrust_key("alice", reason="stolen")
    with pytest.raises(CheckError, match=rf"leads from {stolen.public_key.keyid[:16]}, called alice.*: stolen"):
        trust_key(done.statement)
    assert trusted_keys() == ()


def test_ones_own_distrusted_key_vouches_for_nobody() -> None:
    """The new key signs, and there is nothing to hand out."""
    signing_key()
    distrust_key("own", reason="copied")
    done = rotate_key()
    assert done.statement is None
    assert not (home() / "keys/rotations").exists()
    assert [record.status for record in list_keys()] == ["own", "distrusted"]
    assert signing_key().public_key.keyid == done.new.keyid


def test_a_distrusted_successor_is_not_trusted_again(alice: Path) -> None:
    """Its statement is true, and the key was sent away all the same."""
    done = rotate_key(alice)
    assert done.statement is not None
    trust_key(done.statement)
    distrust_key(done.new.keyid, reason="copied")
    with pytest.raises(CheckError, match="was not trusted"):
        trust_key(done.statement)


def test_both_keys_must_have_signed(alice: Path, tmp_path: Path) -> None:
    """By the old one alone anybody's key could be named; by the new one alone anybody could follow."""
    old, new = signing_key(alice), CryptoSigner.generate_ed25519()
    payload = payload_of(endorse(old, new))
    file = tmp_path / "rotation.json"
    for signers in ((old,), (new,), (CryptoSigner.generate_ed25519(), new)):
        file.write_bytes(seal(payload, *signers))
        with pytest.raises(CheckError, match="the rotation is signed by"):
            trust_key(file)
    assert len(trusted_keys()) == 1
    file.write_bytes(seal(payload, old, new))
    assert trust_key(file).keyid == new.public_key.keyid


def test_another_statement_of_the_same_key_is_no_rotation(alice: Path, tmp_path: Path) -> None:
    """A certificate that the key has signed names no successor."""
    file = tmp_path / "certificate.json"
    file.write_bytes(seal(b'{"_type":"x"}', signing_key(alice)))
    with pytest.raises(DamagedError, match="the rotation"):
        trust_key(file)
    file.write_text("{}")
    with pytest.raises(DamagedError, match="the rotation"):
        trust_key(file)


def test_a_name_that_a_rotation_gave_cannot_be_taken(alice: Path, tmp_path: Path) -> None:
    """Not even once the first key of that name is gone."""
    done = rotate_key(alice)
    assert done.statement is not None
    trust_key(done.statement)
    distrust_key(done.old.keyid, reason="old")
    signing_key(tmp_path / "impostor")
    with pytest.raises(InputError, match="another key is called 'alice'"):
        trust_key(export_key(home_folder=tmp_path / "impostor"), name="alice")
