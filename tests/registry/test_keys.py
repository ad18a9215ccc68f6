"""Keys: made once, kept private, and trusted only where somebody chose to."""

import threading
from pathlib import Path

import pytest

from roadworthy.model_cards.envelope import open_envelope, seal
from roadworthy.model_cards.errors import CheckError, InputError, StorageError
from roadworthy.registry import home, signing_key, trusted_keys


def test_the_home_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``ROADWORTHY_HOME``, else the platform's folder."""
    monkeypatch.setenv("ROADWORTHY_HOME", str(tmp_path))
    assert home() == tmp_path
    monkeypatch.delenv("ROADWORTHY_HOME")
    assert home().name == "roadworthy"


def test_the_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    """The second use finds the first one's key; only its owner can read it."""
    first, second = signing_key(tmp_path), signing_key(tmp_path)
    assert first.public_key.keyid == second.public_key.keyid
    assert (tmp_path / "keys/ed25519.pem").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["ed25519.pem", "ed25519.pub"]


def test_first_uses_at_once_end_with_one_key(tmp_path: Path) -> None:
    """Whoever comes first makes it."""
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(signing_key(tmp_path).public_key.keyid)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1


def test_nobody_is_trusted_before_there_is_a_key(tmp_path: Path) -> None:
    """And asking makes none."""
    assert trusted_keys(tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


def test_a_stranger_is_trusted_by_its_file(tmp_path: Path) -> None:
    """Under ``keys/trusted``, or as an extra file; not otherwise."""
    signer = signing_key(tmp_path / "stranger")
    public = tmp_path / "stranger/keys/ed25519.pub"
    sealed = seal(b"{}", signer)
    signing_key(tmp_path / "mine")
    with pytest.raises(CheckError, match="not trusted"):
        open_envelope(sealed, trusted_keys(tmp_path / "mine"))
    assert open_envelope(sealed, trusted_keys(tmp_path / "mine", [public])).signers == (signer.public_key.keyid,)
    trusted = tmp_path / "mine/keys/trusted"
    trusted.mkdir()
    (trusted / "stranger.pub").write_bytes(public.read_bytes())
    assert open_envelope(sealed, trusted_keys(tmp_path / "mine")).signers == (signer.public_key.keyid,)


def test_a_file_that_is_no_key_is_named(tmp_path: Path) -> None:
    """Both halves."""
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match=r"config\.json is not an Ed25519 public key"):
        trusted_keys(tmp_path, [tmp_path / "config.json"])
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/ed25519.pem").write_text("{}")
    with pytest.raises(InputError, match=r"ed25519\.pem is not an Ed25519 private key"):
        signing_key(tmp_path)


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    """A slip in ``--key``."""
    with pytest.raises(StorageError, match=r"cannot read the key .*nothing\.pub"):
        trusted_keys(tmp_path, [tmp_path / "nothing.pub"])
