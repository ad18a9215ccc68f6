"""What is new in a registry since its index was last written: the log is the feed, and only its new entries are read.

An entry is written before its document. What is announced and not there is waited for: `pending`. A registry without a
log, and what a damaged entry may have announced, is found by listing what is stored.
"""

import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import Any, TypeVar

from roadworthy.model_cards.errors import InputError, NotFoundError

from . import chain, index_rows, layout
from .entries import Entry, entry_at
from .folder_store import FolderStore
from .manifest import Manifest
from .reference import DRAFT, Reference
from .registry import Registry
from .revocation import LARGEST
from .store import Store

# Called with a stage, how much of it is done, and how much there is; 0: nobody knows.
Progress = Callable[[str, int, int], None]

_AT_ONCE = 256  # documents that are read before their rows are written
_READERS = 8  # threads; a store across a network answers each after some milliseconds
_LOOKED_BACK = 256  # entries before the log's end whose documents may have come while the store was listed
_SOON = 3600  # seconds in which each look asks whether a document has come; later those do that read the log on
_MOST = 1000  # documents that are waited for, or looked at again because they were damaged, in one look


class AnotherRegistryError(Exception):
    """The log is not the one that the index was made from: it was put back, or made anew."""


def is_behind(connection: sqlite3.Connection, registry: Registry) -> bool:
    """Whether there is anything new, in as many requests as there are documents that are waited for, and two.

    Raises:
        AnotherRegistryError: nothing of the index can be relied on.
    """
    number = _state(connection, "number")
    if not number:
        return True
    if _digest(registry.store, number) != _state(connection, "sha256"):
        raise AnotherRegistryError
    return (
        _is_there(registry.store, layout.key("log", number + 1))
        or any(_is_there(registry.store, key) for key in _waited_for(connection, time.time() - _SOON))
        or connection.execute("SELECT 1 FROM entries WHERE problem IS NOT NULL").fetchone() is not None
    )


def build(connection: sqlite3.Connection, registry: Registry, progress: Progress | None = None) -> None:
    """Makes the tables and fills them by listing what is stored, in one transaction."""
    connection.execute("BEGIN")
    end = max(_numbers(registry.store), default=0)
    index_rows.create(connection)
    _list(connection, registry, progress, mark=False)
    index_rows.create_indexes(connection)
    _set(connection, number=0, sha256=None, built=time.time())
    _read_on(connection, registry, max(0, end - _LOOKED_BACK), progress)
    if _state(connection, "number") < end:  # an entry is missing, and nothing behind it is read
        _set(connection, number=end, sha256=_digest(registry.store, end))
    connection.execute("COMMIT")


def refresh(connection: sqlite3.Connection, registry: Registry, progress: Progress | None = None) -> None:
    """Reads what is new, inside a transaction of the caller's."""
    store = registry.store
    number: int = _state(connection, "number")
    if not number:
        _list(connection, registry, progress)  # older than logs are, or than this one was begun
    again = [key for key in _waited_for(connection) if _is_there(store, key)]
    rows = connection.execute("SELECT reference FROM entries WHERE problem IS NOT NULL LIMIT ?", (_MOST,)).fetchall()
    again += [key for (reference,) in rows for key in _keys_of(registry.store, Reference.parse(reference))]
    _take(connection, registry, again)
    _read_on(connection, registry, number, progress)


def _read_on(connection: sqlite3.Connection, registry: Registry, number: int, progress: Progress | None) -> None:
    for entries in _batches(_entries_after(registry.store, number), _AT_ONCE):
        read = dict(entries)
        links = chain.read(read, ()).links
        if len(links) < len(read):
            _list(connection, registry, progress)
        _take(connection, registry, list(dict.fromkeys(_announced(connection, links))))
        number, data = entries[-1]
        _set(connection, number=number, sha256=hashlib.sha256(data).hexdigest())
        if progress is not None:
            progress("log entries read", number, 0)


def _entries_after(store: Store, number: int) -> Iterator[tuple[int, bytes]]:
    with suppress(NotFoundError):
        while True:
            number += 1
            with store.open(layout.key("log", number)) as file:
                data = file.read()
            yield number, data


def _announced(connection: sqlite3.Connection, links: Sequence[chain.Link]) -> Iterator[str]:
    """The keys of what entries announce, but for versions whose very bytes are in the index."""
    for link in links:
        if link.entry.what == "draft" and link.entry.to is not None and link.entry.to.isdecimal():
            with suppress(InputError):
                about = Reference.parse(link.entry.reference or "")
                yield layout.key("drafts", about.namespace, about.name, int(link.entry.to))
        for one in link.documents:
            there = "SELECT 1 FROM entries WHERE reference = ? AND manifest = ? AND problem IS NULL"
            if connection.execute(there, (str(_about(one.path)), one.sha256)).fetchone() is None:
                yield one.path


def _list(connection: sqlite3.Connection, registry: Registry, progress: Progress | None, *, mark: bool = True) -> None:
    """Reads everything that is stored and not in the tables, and forgets what is in the tables and not stored."""
    stored: dict[str, str] = {}
    for key in (*layout.documents(registry.store, "versions"), *layout.documents(registry.store, "drafts")):
        if (about := _about(key)) is not None:
            stored[str(about)] = key  # of drafts the last one
    there = dict(connection.execute("SELECT reference, draft FROM entries").fetchall())
    for gone in map(Reference.parse, there.keys() - stored.keys()):
        index_rows.remove(connection, str(gone))
        index_rows.mark_newest(connection, gone.namespace, gone.name)
    # A draft's reference stays when the draft is another.
    todo = [key for reference, key in stored.items() if reference not in there or there[reference]]
    for done, keys in enumerate(_batches(todo, _AT_ONCE)):
        _take(connection, registry, keys, mark=mark)
        if progress is not None:
            progress("versions read", min(len(todo), (done + 1) * _AT_ONCE), len(todo))
    connection.execute("DELETE FROM revocations")
    _take(connection, registry, layout.documents(registry.store, "revocations"))


def _take(connection: sqlite3.Connection, registry: Registry, keys: Sequence[str], *, mark: bool = True) -> None:
    """Reads documents by their keys, and writes their rows; what is not there is waited for, or was taken away."""
    todo = {key: about for key in keys if (about := _about(key)) is not None}
    for (key, about), (read, there) in zip(todo.items(), _read_all(registry, todo), strict=True):
        # A draft's row is that of the newest which is there, whichever was announced.
        if there:
            connection.execute("DELETE FROM pending WHERE key = ?", (key,))
        else:
            connection.execute("INSERT OR IGNORE INTO pending VALUES (?, ?)", (key, time.time()))
        if layout.kind_of(key) == "revocations":
            if there:
                values = (str(about), int(layout.parts(key)[-1]), read)
                connection.execute("INSERT OR REPLACE INTO revocations VALUES (?, ?, ?)", values)
            continue
        if read is None:
            index_rows.remove(connection, str(about))
        else:
            index_rows.put(connection, *read)
        if mark:
            index_rows.mark_newest(connection, about.namespace, about.name)


def _read_all(registry: Registry, todo: Mapping[str, Reference]) -> Iterator[tuple[Any, bool]]:
    """What `_read` finds under each key, and whether that very key is there."""

    def read(one: tuple[str, Reference]) -> tuple[Any, bool]:
        found = _read(registry, *one)
        return found, found is not None and (one[1].selector != DRAFT or _is_there(registry.store, one[0]))

    if isinstance(registry.store, FolderStore):  # what waits for no network is quicker without threads
        yield from map(read, todo.items())
        return
    with ThreadPoolExecutor(_READERS) as pool:
        yield from pool.map(read, todo.items())


def _read(registry: Registry, key: str, about: Reference) -> Any:
    """(entry, manifest, digest of its bytes) of a version or a draft, the bytes of a revocation, or ``None``."""
    if layout.kind_of(key) == "revocations":
        try:
            with registry.store.open(key) as file:
                return file.read(LARGEST + 1)
        except NotFoundError:
            return None
    found: tuple[Entry, Manifest | None] | None = entry_at(registry, about)
    if found is None:
        return None
    return *found, (_digest(registry.store, key) if about.selector != DRAFT else None)


def _about(key: str) -> Reference | None:
    """What a document's key speaks of; ``None`` where that is nothing that an index has."""
    kind = layout.kind_of(key)
    if kind not in ("versions", "drafts", "revocations"):
        return None
    namespace, name, selector, *_ = layout.parts(key)
    try:
        return Reference.parse(f"{namespace}/{name}@{DRAFT if kind == 'drafts' else selector}")
    except InputError:
        return None  # laid there by hand, under a name that nobody can ask for


def _keys_of(store: Store, about: Reference) -> list[str]:
    if about.selector == DRAFT:
        return layout.documents(store, "drafts", about.namespace, about.name)[-1:]
    return [layout.key("versions", about.namespace, about.name, about.selector)]


def _waited_for(connection: sqlite3.Connection, since: float = 0.0) -> list[str]:
    asked = "SELECT key FROM pending WHERE since > ? ORDER BY since DESC LIMIT ?"
    rows = connection.execute(asked, (since, _MOST)).fetchall()
    return [key for (key,) in rows]


def _is_there(store: Store, key: str) -> bool:
    try:
        store.size(key)
    except NotFoundError:
        return False
    return True


def _numbers(store: Store) -> Iterator[int]:
    return (int(layout.parts(key)[-1]) for key in layout.documents(store, "log"))


def _digest(store: Store, what: int | str) -> str | None:
    try:
        with store.open(what if isinstance(what, str) else layout.key("log", what)) as file:
            return hashlib.sha256(file.read()).hexdigest()
    except NotFoundError:
        return None


def _state(connection: sqlite3.Connection, name: str) -> Any:
    row = connection.execute("SELECT value FROM state WHERE name = ?", (name,)).fetchone()
    return row[0] if row is not None else None


def _set(connection: sqlite3.Connection, **values: Any) -> None:
    connection.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", values.items())


_Item = TypeVar("_Item")


def _batches(items: Iterable[_Item], size: int) -> Iterator[tuple[_Item, ...]]:
    rest = iter(items)
    while batch := tuple(islice(rest, size)):
        yield batch
