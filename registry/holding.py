"""Files that somebody counts on before a manifest lists them, and the sweep that must not take them.

Whoever writes a manifest first leaves a note, a hold, that names its files, and then looks for a sweep that is about to
take one of them. A sweep first leaves a note that names what it is about to take, and then looks for holds. Whichever
came second sees the other: the publisher waits, or the sweep leaves the file.
"""

import json
import secrets
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

from roadworthy.model_cards.errors import NotFoundError, StorageError

from .store import Store

HOLDS, SWEEPS = "sweeping/holds/", "sweeping/sweeps/"
# A publication takes less, from its hold to its manifest; what is older was left by one that was killed.
LONGEST = timedelta(hours=24)
# A sweep stops removing well before; what is older was left by one that was killed.
LONGEST_SWEEP = timedelta(hours=1)
_PATIENCE = 60.0  # seconds
_STAMP = "%Y%m%dT%H%M%S"


@contextmanager
def holding(store: Store, digests: Collection[str]) -> Iterator[None]:
    """While the block runs, no sweep takes a file with one of those digests.

    What the block finds stored stays stored; what it finds missing, it stores.

    Raises:
        StorageError: a sweep was about to take one of them, and has not ended within a minute.
    """
    key = leave_note(store, HOLDS, digests)
    try:
        _wait(store, frozenset(digests))
        yield
    finally:
        with suppress(NotFoundError):  # the publication took longer than a day, and its hold was taken for a leftover
            store.delete(key)


def leave_note(store: Store, place: str, digests: Collection[str]) -> str:
    """A new note in ``place`` that names files; its key."""
    key = f"{place}{datetime.now(UTC):{_STAMP}}-{secrets.token_hex(8)}.json"
    store.create(key, json.dumps(sorted(digests)).encode())
    return key


def named(store: Store, place: str, longest: timedelta, now: datetime) -> frozenset[str]:
    """Everything that the notes in ``place`` name, but for those that are older than ``longest``."""
    found: set[str] = set()
    for key in store.list(place):
        if is_left_over(key, place, longest, now):
            continue
        with suppress(NotFoundError), store.open(key) as stream:
            found.update(json.loads(stream.read()))
    return frozenset(found)


def is_left_over(key: str, place: str, longest: timedelta, now: datetime) -> bool:
    """Whether a note is older than any that is still meant."""
    try:
        left = datetime.strptime(key.removeprefix(place).partition("-")[0], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return False  # of a kind that this release does not know: believed
    return now - left > longest


def _wait(store: Store, mine: frozenset[str]) -> None:
    until = time.monotonic() + _PATIENCE
    while taken := mine & named(store, SWEEPS, LONGEST_SWEEP, datetime.now(UTC)):
        if time.monotonic() > until:
            raise StorageError(
                f"a sweep of this registry is about to take {len(taken)} of the files, and does not end. Nothing was "
                "published; try again in a few minutes, or when whoever runs `roadworthy gc` has ended it."
            )
        time.sleep(0.2)
