"""Keys: who signs here, and whose signatures count."""

import getpass
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import platformdirs
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.signer import CryptoSigner, Key, SSlibKey

from roadworthy.model_cards.errors import InputError, StorageError

PRIVATE = "ed25519.pem"
PUBLIC = "ed25519.pub"


def home() -> Path:
    """The folder of keys and of the default registry: ``ROADWORTHY_HOME``, or the platform's user data folder."""
    chosen = os.environ.get("ROADWORTHY_HOME")
    return Path(chosen) if chosen else Path(platformdirs.user_data_dir("roadworthy"))


def user() -> str:
    """Who is at work, for logs; not an identity that anybody proved."""
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):  # a container may run under a number without a name
        return f"uid {os.getuid()}"


def signing_key(home_folder: Path | None = None) -> CryptoSigner:
    """The Ed25519 key of this home, made on first use (readable by its owner only) with its public half beside it.

    Raises:
        StorageError: the key cannot be read or written.
        InputError: the file is not an Ed25519 key.
    """
    folder = (home_folder or home()) / "keys"
    path = folder / PRIVATE
    try:
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            made = Ed25519PrivateKey.generate()
            secret = made.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())
            _create(path, secret, 0o600)
        key = _private(path)
        if not (folder / PUBLIC).exists():
            _create(folder / PUBLIC, _public_pem(key.public_key()), 0o644)
    except OSError as error:
        raise StorageError(
            f"cannot use the signing key {path}: {error.strerror or error}. "
            "Set ROADWORTHY_HOME to a folder that you may write to."
        ) from error
    return CryptoSigner(key)


def trusted_keys(home_folder: Path | None = None, extra: Sequence[Path] = ()) -> tuple[Key, ...]:
    """The public keys whose signatures count: this home's own, those in ``keys/trusted/*.pub``, and ``extra`` files.

    Raises:
        StorageError: a key file cannot be read.
        InputError: a file is not a public key in PEM form.
    """
    folder = (home_folder or home()) / "keys"
    keys: dict[str, Key] = {}
    try:
        if (folder / PRIVATE).exists():
            own = SSlibKey.from_crypto(_private(folder / PRIVATE).public_key())
            keys[own.keyid] = own
        for path in (*sorted((folder / "trusted").glob("*.pub")), *extra):
            key = _public(path)
            keys[key.keyid] = key
    except OSError as error:
        raise StorageError(f"cannot read the key {error.filename}: {error.strerror or error}.") from error
    return tuple(keys.values())


def _private(path: Path) -> Ed25519PrivateKey:
    try:
        key = pem.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path} is not an Ed25519 private key in PEM form without a password. Move it away.")
    return key


def _public(path: Path) -> SSlibKey:
    try:
        key = pem.load_pem_public_key(path.read_bytes())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{path} is not an Ed25519 public key in PEM form. Ask the publisher for {PUBLIC}.")
    return SSlibKey.from_crypto(key)


def _public_pem(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)


def _create(path: Path, data: bytes, mode: int) -> None:
    # Linked into place whole: two first uses at once end with one key, and a kill with none or all of it.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()
