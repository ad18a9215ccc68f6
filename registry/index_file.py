"""Where an index lies, and how it is asked: a file of this machine, derived from a registry and never trusted.

One that is damaged, of another schema or of another registry is made anew, without a word. Whoever writes holds the
lock beside it; whoever reads what is being made anew reads the old file to its end.
"""

import atexit
import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

import platformdirs

from . import index_feed, lock
from .index_feed import AnotherRegistryError, Progress
from .index_rows import SCHEMA
from .log_memory import called
from .memory_store import MemoryStore
from .registry import Registry
from .tar_store import TarStore

_WAIT = 30.0  # seconds for another process that writes

Answer = TypeVar("Answer")


class _UnusableError(Exception):
    """Nothing is there, or it is of another schema."""


def place_of(registry: Registry) -> Path | None:
    """The index's file: below ``ROADWORTHY_HOME`` where that is set, else in the platform's cache folder.

    ``None``: what lives as long as a process, or never changes, has its index in memory.
    """
    if isinstance(registry.store, MemoryStore | TarStore):
        return None
    home = os.environ.get("ROADWORTHY_HOME")
    folder = Path(home) if home else Path(platformdirs.user_cache_dir("roadworthy"))
    return folder / "index" / f"{hashlib.sha256(called(registry.location).encode()).hexdigest()[:16]}.sqlite3"


def ask(
    registry: Registry,
    question: Callable[[sqlite3.Connection], Answer],
    *,
    place: Path | None = None,
    progress: Progress | None = None,
) -> Answer:
    """The answer of an index that has everything the registry has announced; ``place``: another file than its own.

    Raises:
        StorageError: the registry cannot be read.
    """
    path = place or place_of(registry)
    for file, anew in ((path, False), (path, True), (path and path.name, False), (path and path.name, True)):
        if file is None:
            continue
        try:
            where = file if isinstance(file, Path) else _aside() / file
            with _current(where, registry, progress, anew=anew) as connection:
                return question(connection)
        except (_UnusableError, AnotherRegistryError, sqlite3.Error, OSError):
            continue
    with closing(_opened(Path(":memory:"))) as connection:
        index_feed.build(connection, registry, progress)
        return question(connection)


def glance(registry: Registry, sql: str) -> list[str] | None:
    """The first column of what a file says that is there, whatever is new since; ``None``: nothing usable is there."""
    path = place_of(registry)
    if path is None:
        return None
    try:
        with closing(_usable(path)) as connection:
            return [row[0] for row in connection.execute(sql)] or None
    except (_UnusableError, sqlite3.Error):
        return None


@contextmanager
def _current(path: Path, registry: Registry, progress: Progress | None, *, anew: bool) -> Iterator[sqlite3.Connection]:
    if anew:
        rebuild(path, registry, progress, unless=lambda: _is_usable(path, registry))
    with closing(_usable(path)) as connection:
        if not index_feed.is_behind(connection, registry):
            yield connection
            return
    with _locked(path), closing(_usable(path)) as connection, connection:
        connection.execute("BEGIN IMMEDIATE")
        if index_feed.is_behind(connection, registry):
            index_feed.refresh(connection, registry, progress)
    with closing(_usable(path)) as connection:
        yield connection


def rebuild(
    path: Path, registry: Registry, progress: Progress | None = None, *, unless: Callable[[], bool] = lambda: False
) -> None:
    """Makes the file anew beside the old one, and puts it in its place; not where by then it need not be.

    Raises:
        OSError, sqlite3.Error: it cannot be written.
        StorageError: the registry cannot be read.
    """
    with _locked(path):
        if unless():
            return
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)  # of somebody who was killed
        try:
            with closing(_opened(fresh)) as connection, connection:
                connection.execute("PRAGMA journal_mode = OFF")
                connection.execute("PRAGMA synchronous = OFF")
                index_feed.build(connection, registry, progress)
            # A journal that a killed writer left belongs to the old file, and would be played into the new one.
            path.unlink(missing_ok=True)
            path.with_name(path.name + "-journal").unlink(missing_ok=True)
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)


def _is_usable(path: Path, registry: Registry) -> bool:
    try:
        with closing(_usable(path)) as connection:
            (sound,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            index_feed.is_behind(connection, registry)
            return bool(sound == "ok")
    except (_UnusableError, AnotherRegistryError, sqlite3.Error):
        return False


def _usable(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise _UnusableError
    connection = _opened(path)
    try:
        if connection.execute("PRAGMA user_version").fetchone()[0] != SCHEMA:
            raise _UnusableError
    except BaseException:
        connection.close()
        raise
    return connection


def _opened(path: Path) -> sqlite3.Connection:
    # Transactions are begun by hand; SQLite may be asked from whichever thread a server runs.
    connection = sqlite3.connect(path, timeout=_WAIT, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    return connection


@cache
def _aside() -> Path:
    """A folder of this process, where its own cannot be written: a server's container may be read only."""
    folder = Path(tempfile.mkdtemp(prefix="roadworthy-index-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)  # it names what not everybody here may see
    with lock.held(path.with_suffix(".lock")):
        yield
