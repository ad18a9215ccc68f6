"""Trust: somebody else's key counts from now on, or never again."""

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from securesystemslib.signer import Key

from roadworthy.model_cards.errors import CheckError, InputError

from . import key_files, rotation
from .key_records import (
    OWN,
    KeyRecord,
    check_name,
    dump_tombstone,
    find,
    is_key_id,
    records,
    tombstone,
    trusted_files,
    why,
)
from .keys import changing, keys_folder, readable, trusted_keys


def trust_key(source: Path | str, *, name: str | None = None, home_folder: Path | None = None) -> KeyRecord:
    """Counts the signatures of a key from now on. ``source`` is its file, its PEM, or the file of a rotation.

    It is called ``name``, or as its file is; a rotation's new key is called what its old one is. Trusting again
    changes nothing.

    Raises:
        CheckError: it was distrusted here, or the rotation is not signed by a key that is trusted here.
        InputError: not a public key, or the name is taken, or the key has another.
        StorageError: it cannot be read or written.
    """
    with readable():
        data, what = (source.read_bytes(), str(source)) if isinstance(source, Path) else (source.encode(), "the text")
    if name is not None:
        check_name(name)
    folder = keys_folder(home_folder)
    with changing(folder):
        ring = trusted_keys(home_folder)
        heir = None
        if data.lstrip().startswith(b"{"):
            old, key = rotation.follow(data, ring)
            heir = ring.names.get(old)
        else:
            key = key_files.parse_public(data, what)
        known = records(folder)
        for found in known:
            if found.keyid == key.keyid:
                return _known(found, name)
        if name is None and heir not in (None, OWN):
            _put(folder, str(heir), key)
        else:
            called = name or _default_name(key, source if isinstance(source, Path) else None)
            _refuse_taken(known, called)
            _put(folder, called, key)
        return find(records(folder), key.keyid)


def distrust_key(word: str, *, reason: str, home_folder: Path | None = None) -> KeyRecord:
    """Never counts a signature of that key again, whatever it comes with. ``word`` as in `find`, or any whole key id.

    Its tombstone keeps ``reason`` and the day; there is no way back.

    Raises:
        InputError: ``word`` means more than one key, or ``reason`` is not one line of text.
        NotFoundError: ``word`` means none.
        StorageError: it cannot be written.
    """
    if not reason.strip() or not reason.isprintable():
        raise InputError(f"cannot keep {reason!r} as the reason: expected a line of text, such as 'its owner lost it'.")
    folder = keys_folder(home_folder)
    with changing(folder):
        known = records(folder)
        if is_key_id(word) and all(record.keyid != word for record in known):
            found = KeyRecord(keyid=word, status="distrusted", since="")  # a key that was only heard of
        else:
            found = find(known, word)
        record = KeyRecord(
            keyid=found.keyid,
            status="distrusted",
            since=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            name=found.name,
            reason=reason,
            pem=found.pem,
        )
        key_files.create(tombstone(folder, found.keyid), dump_tombstone(record), 0o644)
        _set_aside(folder, found.keyid)
        return find(records(folder), found.keyid)


def _known(found: KeyRecord, name: str | None) -> KeyRecord:
    if found.status == "distrusted":
        raise CheckError(
            f"{found.fingerprint}, {why(found)}, was not trusted. Its signatures never count again; ask its owner for "
            "a new key."
        )
    if name is not None and name != found.name:
        raise InputError(f"{found.fingerprint} counts already; it is called {found.name or 'nothing'}, not {name!r}.")
    return found


def _default_name(key: Key, file: Path | None) -> str:
    if file is not None and file.name != key_files.PUBLIC:  # as everybody's is called
        with suppress(InputError):
            return check_name(file.name.removesuffix(file.suffix))
    return f"key-{key.keyid[:8]}"


def _refuse_taken(known: Sequence[KeyRecord], name: str) -> None:
    taken = [record.fingerprint for record in known if record.status == "trusted" and record.name == name]
    if taken:
        raise InputError(
            f"another key is called {name!r} here, {' and '.join(taken)}, and policies may mean it. Choose another "
            "--name; or, if its owner made this one, ask for the rotation's file."
        )


def _put(folder: Path, name: str, key: Key) -> None:
    # A rotation's new key lies beside its old one, so that one name means both.
    number = 1
    while not key_files.create(
        folder / key_files.TRUSTED / (f"{name}.pub" if number == 1 else f"{name}.{number}.pub"),
        key_files.public_pem(key),
        0o644,
    ):
        number += 1


def _set_aside(folder: Path, keyid: str) -> None:
    # The tombstone counts without this; it frees the name for the key that comes next.
    for path in trusted_files(folder):
        if key_files.read_public(path).keyid == keyid:
            with suppress(FileExistsError):
                os.link(path, tombstone(folder, keyid).with_suffix(f".{path.name}"))
            path.unlink()
