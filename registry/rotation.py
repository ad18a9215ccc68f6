"""Rotation: a new key of one's own, and the old one's signed word for it, which others can follow.

The statement is signed by both keys: by the old one because only its owner may name a successor, by the new
one so that nobody names a key that is not theirs.
"""

import hashlib
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import TypeAdapter
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards import statement
from roadworthy.model_cards.envelope import open_envelope, payload_of, seal
from roadworthy.model_cards.errors import CheckError, DamagedError, InputError
from roadworthy.model_cards.keyring import Keyring
from roadworthy.model_cards.snapshot import FileEntry

from . import key_files
from .key_records import FINGERPRINT, KeyRecord, records, tombstone
from .keys import changing, keys_folder

PREDICATE_TYPE = "urn:roadworthy:key-rotation:v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """What the statement says: from the key ``old`` (its id) to the key ``new`` (its PEM), and when, in UTC."""

    old: str
    new: str
    rotated_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """What came to be. ``statement`` is the file to hand out; ``None`` where the old key had been distrusted."""

    old: KeyRecord
    new: KeyRecord
    statement: Path | None


def rotate_key(home_folder: Path | None = None) -> Rotated:
    """Makes a new key that signs from now on. The old one moves to ``retired/``, and what it signed still counts.

    Raises:
        InputError: there is no key yet, or the file is none.
        StorageError: the folder cannot be written; then the old key still signs.
    """
    folder = keys_folder(home_folder)
    with changing(folder):
        if not (folder / key_files.PRIVATE).exists():
            raise InputError("there is no key that could be rotated. Make one: roadworthy keys new")
        old = key_files.read_private(folder / key_files.PRIVATE)
        old_id = key_files.public_half(old).keyid
        new = Ed25519PrivateKey.generate()
        successor = key_files.public_half(new)
        handed_out = None
        # Who distrusts the old key must not be led from it to the next, and nor must others.
        if not tombstone(folder, old_id).exists():
            handed_out = folder / key_files.ROTATIONS / f"{successor.keyid}.json"
            key_files.create(handed_out, endorse(CryptoSigner(old), CryptoSigner(new)), 0o644)
        _retire(folder, old)
        # In one step, so that a first use at this moment finds one key or the other, and makes none.
        key_files.replace(folder / key_files.PRIVATE, key_files.private_pem(new), 0o600)
        key_files.replace(folder / key_files.PUBLIC, key_files.public_pem(successor), 0o644)
        (folder / key_files.RETIRED / f"{old_id}.pem").chmod(0o400)
        known = {record.keyid: record for record in records(folder)}
    return Rotated(old=known[old_id], new=known[successor.keyid], statement=handed_out)


def _retire(folder: Path, old: Ed25519PrivateKey) -> None:
    public = key_files.public_half(old)
    aside = folder / key_files.RETIRED / f"{public.keyid}.pub"
    key_files.create(aside, key_files.public_pem(public), 0o644)
    with suppress(FileExistsError):  # a rotation was killed right after this
        os.link(folder / key_files.PRIVATE, aside.with_suffix(".pem"))


def endorse(old: CryptoSigner, new: CryptoSigner) -> bytes:
    """The statement, signed by both keys, that ``new`` follows ``old``."""
    pem = key_files.public_pem(new.public_key)
    said = Rotation(old=old.public_key.keyid, new=pem.decode(), rotated_at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    return seal(statement.dump((_subject(pem),), PREDICATE_TYPE, asdict(said)), old, new)


def follow(data: bytes, keys: Keyring) -> tuple[str, Key]:
    """(the id of the old key, the new key) of a statement that a key of ``keys`` has signed for its successor.

    Raises:
        CheckError: not signed by both, or the old key is not trusted here, or was distrusted.
        DamagedError: not a rotation's statement.
        InputError: what it names is no public key.
    """
    what = "the rotation"
    said = _read(payload_of(data, what))
    successor = key_files.parse_public(said.new.encode(), f"{what}'s new key")
    old = [key for key in keys if key.keyid == said.old]
    if not old:
        gone = keys.distrusted.get(said.old, "a key you have not trusted")
        raise CheckError(
            f"the rotation leads from {said.old[:FINGERPRINT]}, {gone}: nobody you trust vouches for its new key. Get "
            "that key itself over a channel you trust, then: roadworthy keys trust FILE"
        )
    open_envelope(data, Keyring(old), what)
    open_envelope(data, Keyring((successor,)), what)
    return said.old, successor


def _read(payload: bytes) -> Rotation:
    files, said = statement.parse(
        payload, PREDICATE_TYPE, _ROTATION, "the rotation", "ask its publisher to rotate again", asdict
    )
    if files != (_subject(said.new.encode()),):
        raise DamagedError("the rotation's subject is not the key that it names: ask its publisher for it again.")
    return said


def _subject(pem: bytes) -> FileEntry:
    return FileEntry(path=key_files.PUBLIC, size=len(pem), sha256=hashlib.sha256(pem).hexdigest())


_ROTATION = TypeAdapter(Rotation)
