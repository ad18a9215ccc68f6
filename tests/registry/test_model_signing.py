"""`model.sig`: OpenSSF's own command accepts what was published and pulled, and refuses it after one flipped byte."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from roadworthy.model_cards import audit
from roadworthy.model_cards.errors import CheckError, InputError, StorageError
from roadworthy.registry import Registry, publish, pull
from roadworthy.registry.signers import signer

VERSION = "demo/x@1.0.0"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A P-256 key, as openssl makes them; its public half lies beside it."""
    private = ec.generate_private_key(ec.SECP256R1())
    path = tmp_path / "ec.pem"
    path.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    path.with_suffix(".pub").write_bytes(
        private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return path


def stock(folder: Path, public: Path) -> subprocess.CompletedProcess[str]:
    """What the stock command says of a folder."""
    command = Path(sys.executable).with_name("model_signing")
    words = ["verify", "key", str(folder), "--signature", str(folder / "model.sig"), "--public_key", str(public)]
    program = [str(command)] if command.exists() else [sys.executable, "-m", "model_signing"]
    return subprocess.run([*program, *words], capture_output=True, text=True, check=False, env=os.environ)


def test_the_stock_tool_accepts_what_was_pulled_and_sees_one_flipped_byte(
    registry: Registry, candidate: Any, keys: Any, key: Path, tmp_path: Path
) -> None:
    """Published with its signature, pulled as plain files; then one bit of the weights; then one file more."""
    (tmp_path / "candidate").mkdir()
    (tmp_path / "candidate/.gitattributes").write_text("*.safetensors filter=lfs")  # as Hub repositories have it
    publish(registry, candidate(), VERSION, keys=keys, model_key=key)
    folder = pull(registry, VERSION, keys=keys, to=tmp_path / "pulled")
    outcome = audit(folder, keys)
    assert outcome.reasons == ()
    assert any(check.startswith("model.sig is of these files") for check in outcome.checks)
    accepted = stock(folder, key.with_suffix(".pub"))
    assert accepted.returncode == 0, accepted.stderr
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert stock(folder, key.with_suffix(".pub")).returncode != 0
    weights.write_bytes(whole)
    assert stock(folder, key.with_suffix(".pub")).returncode == 0
    (folder / "more.txt").write_text("not signed")
    assert stock(folder, key.with_suffix(".pub")).returncode != 0


def test_only_a_signature_of_these_very_files_may_be_called_so(
    registry: Registry, candidate: Any, keys: Any, key: Path, tmp_path: Path
) -> None:
    """Anything else, and another snapshot's: refused by the gate, the audit and, put into the store, by the pull."""
    other = candidate("other", seed=1)
    publish(registry, other, "demo/other@1.0.0", keys=keys, model_key=key)
    folder = candidate()
    for data, said in (
        (b"hello", "is not an OpenSSF model signature"),
        (json.dumps({"dsseEnvelope": {"payload": "e30="}}).encode(), "is not an OpenSSF model signature"),
        ((other / "model.sig").read_bytes(), "was made of other files: .*model.safetensors"),
    ):
        (folder / "model.sig").write_bytes(data)
        assert not audit(folder, keys).ok
        with pytest.raises(CheckError, match=said):
            publish(registry, folder, VERSION, keys=keys)
    assert registry.versions("demo", "x") == ()
    # Signing anew mends it.
    publish(registry, folder, VERSION, keys=keys, model_key=key)
    assert audit(folder, keys).ok


@pytest.mark.parametrize("kind", ["ed25519", "P-192", "text"])
def test_a_key_that_the_stock_tool_cannot_use_is_refused(
    registry: Registry, candidate: Any, keys: Any, tmp_path: Path, kind: str
) -> None:
    """With how to make one; nothing is written."""
    path = tmp_path / "key.pem"
    made: Any = ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else ec.generate_private_key(ec.SECP192R1())
    path.write_bytes(
        b"not a key"
        if kind == "text"
        else made.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    folder = candidate()
    with pytest.raises(InputError, match=r"expected an elliptic-curve private key .* openssl ecparam"):
        publish(registry, folder, VERSION, keys=keys, model_key=path)
    with pytest.raises(StorageError, match="cannot read the key"):
        publish(registry, folder, VERSION, keys=keys, model_key=tmp_path / "gone.pem")
    assert not (folder / "model.sig").exists()
    assert registry.versions("demo", "x") == ()


def test_what_is_not_certified_is_not_signed(registry: Registry, candidate: Any, keys: Any, key: Path) -> None:
    """A signature of a draft would be of other files than the version's."""
    folder = candidate()
    (folder / "certificate.json").unlink()
    with pytest.raises(InputError, match="Measure it first"):
        publish(registry, folder, VERSION, keys=keys, model_key=key)


def test_who_signs_is_asked_for_by_name(keys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The home's key; what is unknown, and sigstore without its package or without anybody to ask, sign nothing."""
    assert signer().public_key.keyid in {key.keyid for key in keys}
    with pytest.raises(InputError, match=r"cannot sign by 'gpg'. Expected one of: ed25519, sigstore"):
        signer("gpg")

    def nobody() -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("securesystemslib.signer.SigstoreSigner.import_via_auth", nobody)
    with pytest.raises(
        StorageError, match=r"could not find out who signs: OSError: no route to host\. .*Nothing was signed"
    ):
        signer("sigstore")
    monkeypatch.setitem(sys.modules, "sigstore", None)
    with pytest.raises(InputError, match=r"needs the package sigstore, which is not installed .*Run: pip install"):
        signer("sigstore")
