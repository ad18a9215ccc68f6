"""The files of keys: read with suspicion, created whole, never overwritten.

<home>/keys/
  ed25519.pem                  the private key that signs here (0600)
  ed25519.pub                  its public half, to hand out
  retired/<key id>.pem         a private key that was rotated away (0400)
  retired/<key id>.pub         its public half: what it has signed stays auditable
  rotations/<new key id>.json  the old key's signed word for the new one
  trusted/<name>.pub           somebody else's key; <name>.2.pub where a rotation led from it to the next
  distrusted/<key id>.json     since when and why that key never counts again, whatever else lies here
  .lock                        held by whoever changes any of it
"""

import os
import secrets
import stat
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization as pem
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.signer import Key, SSlibKey

from roadworthy.model_cards.errors import InputError

PRIVATE = "ed25519.pem"
PUBLIC = "ed25519.pub"
RETIRED = "retired"
ROTATIONS = "rotations"
TRUSTED = "trusted"
DISTRUSTED = "distrusted"
LOCK = ".lock"


def create(path: Path, data: bytes, mode: int) -> bool:
    """Creates a file and its folder, and says whether it did: what is there already stays.

    Linked into place whole: two at once end with one file, and a kill with none or all of it.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = _write(path, data, mode)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    _settle(path.parent)
    return True


def replace(path: Path, data: bytes, mode: int) -> None:
    """Puts a file in the place of another, which must have a second name by now, in one step.

    Raises:
        OSError: it cannot be written.
    """
    temporary = _write(path, data, mode)
    try:
        os.replace(temporary, path)
    except OSError:
        temporary.unlink()
        raise
    _settle(path.parent)


def private_pem(key: Ed25519PrivateKey) -> bytes:
    """The PEM of a private key, without a password."""
    return key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, pem.NoEncryption())


def public_pem(key: Key) -> bytes:
    """The PEM of a public key. ``parse_public(public_pem(k), "") == k``."""
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.keyval["public"]))
    return public.public_bytes(pem.Encoding.PEM, pem.PublicFormat.SubjectPublicKeyInfo)


def public_half(key: Ed25519PrivateKey) -> SSlibKey:
    """The public half of a private key, with its key id."""
    return SSlibKey.from_crypto(key.public_key())


def read_private(path: Path) -> Ed25519PrivateKey:
    """The private key in a file.

    Raises:
        InputError: it is none.
        OSError: it cannot be read.
    """
    try:
        key = pem.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path} is not an Ed25519 private key in PEM form without a password. Move it away.")
    return key


def read_public(path: Path) -> SSlibKey:
    """The public key in a file of the folder of keys, which must be a file of its own.

    Raises:
        InputError: it is none, or is a link or a pipe.
        OSError: it cannot be read.
    """
    # Whoever can write where a link leads could exchange the key without touching this folder.
    if not stat.S_ISREG(path.lstat().st_mode):
        raise InputError(
            f"{path} is not a regular file: expected the key itself, not a link to it. Remove it, then: roadworthy "
            "keys trust FILE."
        )
    return parse_public(path.read_bytes(), str(path))


def parse_public(data: bytes, what: str) -> SSlibKey:
    """The one public key that ``data`` holds in PEM form. ``what`` it is, messages say.

    Raises:
        InputError: a private key, more than one key, another kind of key, or none.
    """
    if b"PRIVATE KEY-----" in data:
        raise InputError(
            f"{what} holds a private key: expected a public one. Whoever has read it can sign as its owner, who should "
            "make a new one (roadworthy keys rotate) and hand out its public half (roadworthy keys export)."
        )
    try:
        key = pem.load_pem_public_key(data) if data.count(b"-----BEGIN ") == 1 else None
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(
            f"{what} is not an Ed25519 public key in PEM form. Ask the publisher for {PUBLIC} (roadworthy keys export)."
        )
    return SSlibKey.from_crypto(key)


def _write(path: Path, data: bytes, mode: int) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        temporary.unlink()
        raise
    return temporary


def _settle(folder: Path) -> None:
    # A name is on the disk once its folder is.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
