"""The registry's log: numbered entries, each created exclusively by whoever has seen the one before (`chain`).

Of two who append at once both land, on different numbers: the second one reads again what it follows.
"""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from securesystemslib.signer import Key

from roadworthy.model_cards.errors import NotFoundError

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
    wanted = {*numbers, last(store, max(numbers, default=0))}
    found = {}
    for number in sorted(wanted):
        with suppress(NotFoundError):
            found[number] = _read(store, layout.key("log", number))
    return chain.read(found, ())


def last(store: Store, near: int = 0) -> int:
    """The number of the log's last entry, 0 if there is none: found by asking for single entries, since they are
    numbered without gaps, in twice the logarithm of their count, or of those after entry ``near``, if it is there.

    Where one is missing all the same, the log is listed. Of several in a row the first may be taken for the end, and
    be filled by the next entry; the last one of them never is, and `read_log` says so.
    """

    def is_there(number: int) -> bool:
        try:
            store.size(layout.key("log", number))
        except NotFoundError:
            return False
        return True

    if near > 0 and is_there(near):
        known = near
    elif is_there(1):
        known = 1
    else:
        return _listed_last(store)  # none, or damaged at its beginning
    step = 1
    while is_there(known + step):
        known, step = known + step, 2 * step
    missing = known + step
    while missing - known > 1:
        middle = (known + missing) // 2
        known, missing = (middle, missing) if is_there(middle) else (known, middle)
    return _listed_last(store) if is_there(missing + 1) else known


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
    end = last(store)
    if not end and (old := logged(store)):
        _append(store, "begin", None, {one: _read(store, one) for one in old}, only_first=True)
    return _append(store, what, str(reference), documents, certificate_sha256=certificate_sha256, to=to, near=end)


def _append(
    store: Store,
    what: What,
    reference: str | None,
    documents: dict[str, bytes],
    *,
    certificate_sha256: str | None = None,
    to: str | None = None,
    only_first: bool = False,
    near: int = 0,
) -> int:
    announced = [chain.document(key, data) for key, data in documents.items()]
    signer = key_at_hand()
    while True:
        before = last(store, near)
        near = number = before + 1
        if only_first and before:
            return number  # somebody else has begun it meanwhile
        entry = Entry(
            number=number,
            previous=hashlib.sha256(_read(store, layout.key("log", before))).hexdigest() if before else None,
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


def _listed_last(store: Store) -> int:
    return max(map(_number, _keys(store)), default=0)


def _number(key: str) -> int:
    return int(layout.parts(key)[-1])


def _read(store: Store, key: str) -> bytes:
    with store.open(key) as file:
        return file.read()
