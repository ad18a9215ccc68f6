"""The registry's log: numbered entries, each created exclusively by whoever has seen the one before (`chain`).

Of two who append at once both land, on different numbers: the second one reads again what it follows.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

from securesystemslib.signer import Key

from . import chain, layout
from .chain import Chain, Entry, What
from .errors import ExistsError
from .keys import key_at_hand, user
from .reference import DRAFT, Reference
from .store import Store

_LOGGED: tuple[layout.Kind, ...] = ("versions", "aliases", "attestations", "revocations")


def announce(
    store: Store,
    what: What,
    reference: Reference,
    key: str,
    data: bytes,
    *,
    certificate_sha256: str | None = None,
    to: str | None = None,
) -> int:
    """Appends the entry that says that ``data`` is about to be stored under ``key``, and returns its number.

    A registry that is older than its log lists first what it has.

    Raises:
        StorageError: the log cannot be read or written; nothing was announced.
    """
    return _announce(store, what, reference, {key: data}, certificate_sha256=certificate_sha256, to=to)


def announce_draft(store: Store, reference: Reference, number: int) -> int:
    """Appends the entry that says that a model's draft ``number`` is about to be stored, or was taken away.

    Nothing rests on it but that whoever follows the log looks there: a draft's digest is in no entry.

    Raises:
        StorageError: the log cannot be read or written; nothing was announced.
    """
    return _announce(store, "draft", reference.at(DRAFT), {}, to=str(number))


def read_log(store: Store, keys: Sequence[Key]) -> Chain:
    """The whole log, checked; empty where the registry keeps none yet."""
    return chain.read({_number(key): _read(store, key) for key in _keys(store)}, keys)


def read_entries(store: Store, numbers: Sequence[int]) -> Chain:
    """Those entries of the log that are there, and its last one: a chain with gaps, whose signatures nobody checked."""
    keys = _keys(store)
    wanted = {layout.key("log", number) for number in numbers} | set(keys[-1:])
    return chain.read({_number(key): _read(store, key) for key in keys if key in wanted}, ())


def digests(store: Store) -> dict[str, str]:
    """The SHA-256, by key, of everything stored that a log speaks of."""
    return {key: hashlib.sha256(_read(store, key)).hexdigest() for key in logged(store)}


def logged(store: Store) -> list[str]:
    """The keys of everything stored that a log speaks of: manifests, moves of aliases, attestations, revocations."""
    return [key for kind in _LOGGED for key in layout.documents(store, kind)]


def _announce(
    store: Store,
    what: What,
    reference: Reference,
    documents: dict[str, bytes],
    *,
    certificate_sha256: str | None = None,
    to: str | None = None,
) -> int:
    if not _keys(store) and (old := logged(store)):
        _append(store, "begin", None, {one: _read(store, one) for one in old}, only_first=True)
    return _append(store, what, str(reference), documents, certificate_sha256=certificate_sha256, to=to)


def _append(
    store: Store,
    what: What,
    reference: str | None,
    documents: dict[str, bytes],
    *,
    certificate_sha256: str | None = None,
    to: str | None = None,
    only_first: bool = False,
) -> int:
    announced = [chain.document(key, data) for key, data in documents.items()]
    signer = key_at_hand()
    while True:
        keys = _keys(store)
        number = _number(keys[-1]) + 1 if keys else 1
        if only_first and keys:
            return number  # somebody else has begun it meanwhile
        entry = Entry(
            number=number,
            previous=hashlib.sha256(_read(store, keys[-1])).hexdigest() if keys else None,
            what=what,
            reference=reference,
            when=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            who=user(),
            keyid=signer.public_key.keyid if signer else None,
            certificate_sha256=certificate_sha256,
            to=to,
        )
        try:
            store.create(layout.key("log", number), chain.dump(entry, announced, signer))
        except ExistsError:
            continue  # another entry took the number
        return number


def _keys(store: Store) -> list[str]:
    return layout.documents(store, "log")


def _number(key: str) -> int:
    return int(layout.parts(key)[-1])


def _read(store: Store, key: str) -> bytes:
    with store.open(key) as file:
        return file.read()
