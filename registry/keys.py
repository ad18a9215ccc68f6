"""Keys: who signs here, and whose signatures count."""

import getpass
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

import platformdirs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards.errors import InputError, StorageError
from roadworthy.model_cards.keyring import Keyring

from . import key_files, lock
from .key_records import KeyRecord, find, records, tombstone, why

_acting_as: ContextVar[str | None] = ContextVar("acting_as", default=None)


def home() -> Path:
    """The folder of keys and of the default registry: ``ROADWORTHY_HOME``, or the platform's user data folder."""
    chosen = os.environ.get("ROADWORTHY_HOME")
    return Path(chosen) if chosen else Path(platformdirs.user_data_dir("roadworthy"))


def user() -> str:
    """Who is at work, for logs; not an identity that anybody proved, but where a server has asked for a token."""
    if (name := _acting_as.get()) is not None:
        return name
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):  # a container may run under a number without a name
        return f"uid {os.getuid()}"


@contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Inside, `user` is ``name``: whom a server works for."""
    token = _acting_as.set(name)
    try:
        yield
    finally:
        _acting_as.reset(token)


def signing_key(home_folder: Path | None = None) -> CryptoSigner:
    """The Ed25519 key of this home, made on first use (readable by its owner only) with its public half beside it.

    Raises:
        StorageError: the key cannot be read or written.
        InputError: the file is not an Ed25519 key, or it was distrusted here.
    """
    folder = keys_folder(home_folder)
    with _usable(folder):
        if not (folder / key_files.PRIVATE).exists():
            _make(folder)
        key = key_files.read_private(folder / key_files.PRIVATE)
        if tombstone(folder, keyid := key_files.public_half(key).keyid).exists():
            (record,) = (record for record in records(folder) if record.keyid == keyid)
            raise InputError(
                f"cannot sign with {record.fingerprint}, {why(record)}. Make a new key: roadworthy keys rotate"
            )
        _keep_public_half(folder, key)
    return CryptoSigner(key)


def key_at_hand() -> CryptoSigner | None:
    """The key of this home, if it has one that may sign: none is made for the sake of an entry in a log."""
    if not (keys_folder() / key_files.PRIVATE).exists():
        return None
    with suppress(InputError, StorageError):
        return signing_key()
    return None


def new_key(home_folder: Path | None = None) -> KeyRecord:
    """Makes the key of this home, which signs from now on.

    Raises:
        InputError: there is one already.
        StorageError: it cannot be written.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from roadworthy.registry import new_key
        >>> new_key(Path(tempfile.mkdtemp())).status
        'own'
    """
    folder = keys_folder(home_folder)
    with _usable(folder):
        if not _make(folder):
            raise InputError(
                f"there is a key already, {folder / key_files.PRIVATE}, and it is not overwritten. To make another "
                "sign from now on: roadworthy keys rotate"
            )
        keyid = signing_key(home_folder).public_key.keyid
        return find(records(folder), keyid)


def trusted_keys(home_folder: Path | None = None, extra: Sequence[Path] = ()) -> Keyring:
    """The public keys whose signatures count: this home's own, those in ``keys/trusted/*.pub``, and ``extra`` files.

    One that was distrusted here is not among them, whichever of these it comes from.

    Raises:
        StorageError: a key file cannot be read.
        InputError: a file is not a public key in PEM form, or a trusted one is a link.
    """
    with readable():
        known = list_keys(home_folder)
        keys: dict[str, Key] = {}
        for record in known:
            if record.status != "distrusted" and record.pem is not None:
                keys[record.keyid] = key_files.parse_public(record.pem.encode(), record.fingerprint)
        for path in extra:
            key = key_files.parse_public(path.read_bytes(), str(path))
            keys[key.keyid] = key
    return Keyring(
        keys.values(),
        names={record.keyid: record.name for record in known if record.name and record.status != "distrusted"},
        distrusted={record.keyid: why(record) for record in known if record.status == "distrusted"},
    )


def list_keys(home_folder: Path | None = None) -> tuple[KeyRecord, ...]:
    """Every key that this home knows: own, retired, trusted, distrusted.

    Raises:
        StorageError: a key file cannot be read.
        InputError: a file that should be a key is none.
    """
    with readable():
        return records(keys_folder(home_folder))


def export_key(word: str | None = None, home_folder: Path | None = None) -> str:
    """The public half, as PEM, of this home's own key, or of the one that ``word`` means by name or key id.

    Raises:
        InputError: this home has no key yet, ``word`` means more than one, or only its tombstone is here.
        NotFoundError: ``word`` means none.
        StorageError: a key file cannot be read.
    """
    known = list_keys(home_folder)
    if word is None:
        own = [record for record in known if record.status == "own"]
        if not own:
            raise InputError("this home has no key that could be exported. Make one: roadworthy keys new")
        found = own[0]
    else:
        found = find(known, word)
    if found.status == "distrusted" or found.pem is None:
        raise InputError(f"cannot export {found.fingerprint}, {why(found)}; nobody should trust it.")
    return found.pem


def keys_folder(home_folder: Path | None = None) -> Path:
    """Where the keys of a home lie; of this one, if none is given."""
    return (home_folder or home()) / "keys"


@contextmanager
def readable() -> Iterator[None]:
    """Files of keys are being read: says which one cannot be.

    Raises:
        StorageError: the system said no.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot read the key {error.filename}: {error.strerror or error}.") from error


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """The keys below ``folder`` are being changed, by nobody else meanwhile.

    Raises:
        StorageError: the system said no.
    """
    with _usable(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with lock.held(folder / key_files.LOCK):
            yield


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot use the signing key {folder / key_files.PRIVATE}: {error.strerror or error}. "
            "Set ROADWORTHY_HOME to a folder that you may write to."
        ) from error


def _keep_public_half(folder: Path, key: Ed25519PrivateKey) -> None:
    path, expected = folder / key_files.PUBLIC, key_files.public_pem(key_files.public_half(key))
    if key_files.create(path, expected, 0o644) or path.read_bytes() == expected:
        return
    # A rotation was killed between the two, is at it now, or somebody exchanged what is handed out.
    with lock.held(folder / key_files.LOCK):
        now = key_files.public_half(key_files.read_private(folder / key_files.PRIVATE))
        key_files.replace(path, key_files.public_pem(now), 0o644)


def _make(folder: Path) -> bool:
    secret = key_files.private_pem(Ed25519PrivateKey.generate())
    return key_files.create(folder / key_files.PRIVATE, secret, 0o600)
