"""The index of a registry on this machine: its state, and how it is made anew."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from roadworthy.model_cards.errors import InputError, StorageError

from . import index_file
from .index_feed import Progress
from .registry import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexState:
    """Where it lies, ``None``: in memory; what it has, up to which entry of the log, and when it was made (UTC).

    ``waiting``: documents that were announced and have not come; ``damaged``: versions that cannot be read.
    """

    place: Path | None
    size: int
    models: int
    versions: int
    drafts: int
    damaged: int
    log_entry: int
    waiting: int
    built: str


def index_state(registry: Registry, *, progress: Progress | None = None) -> IndexState:
    """The state of the index, once it has everything that the registry has announced.

    Raises:
        StorageError: the registry cannot be read.

    Example:
        >>> from roadworthy.registry import index_state, open_registry
        >>> index_state(open_registry("registry")).versions
        1
    """
    place = index_file.place_of(registry)

    def question(connection: sqlite3.Connection) -> IndexState:
        def count(what: str) -> int:
            return int(connection.execute(f"SELECT count(*) FROM {what}").fetchone()[0])

        state = dict(connection.execute("SELECT name, value FROM state").fetchall())
        return IndexState(
            place=place,
            size=place.stat().st_size if place is not None and place.is_file() else 0,
            models=count("entries WHERE newest"),
            versions=count("entries WHERE NOT draft"),
            drafts=count("entries WHERE draft"),
            damaged=count("entries WHERE problem IS NOT NULL"),
            log_entry=state["number"],
            waiting=count("pending"),
            built=f"{datetime.fromtimestamp(state['built'], UTC):%Y-%m-%dT%H:%M:%SZ}",
        )

    return index_file.ask(registry, question, progress=progress)


def rebuild_index(registry: Registry, *, progress: Progress | None = None) -> IndexState:
    """Makes the index anew from what is stored, whatever the old one said.

    Raises:
        InputError: that registry's index is in memory, and made anew whenever it is asked.
        StorageError: the registry cannot be read, or the index not be written.

    Example:
        >>> from roadworthy.registry import open_registry, rebuild_index
        >>> rebuild_index(open_registry("registry")).versions
        1
    """
    place = index_file.place_of(registry)
    if place is None:
        raise InputError(f"the index of {registry.location} is in memory, and made anew whenever it is asked.")
    try:
        index_file.rebuild(place, registry, progress)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(
            f"cannot write the index {place}: {error}. Nothing is lost by it: what is asked is read from the registry."
        ) from error
    return index_state(registry)
