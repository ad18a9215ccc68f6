"""Aliases: pointers that move from version to version. The folder of moves is the pointer and its log.

Move N + 1 is created exclusively by whoever has seen move N. Of two who move at once exactly one succeeds,
and nobody's move is lost: that is the compare-and-swap.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from roadworthy.model_cards.errors import CheckError, DamagedError, InputError

from . import layout, log, sealed
from .errors import ExistsError
from .http_store import HttpStore
from .keys import user
from .reference import LATEST, Reference, Version, check_alias
from .store import Store

SCHEMA = "roadworthy/alias/1"


class _MovedError(CheckError):
    """Another move came first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One move of an alias: its number, from 1, who made it and when (UTC, ISO 8601), from and to which version."""

    number: int
    who: str
    when: str
    old: Version | None
    new: Version


def history(store: Store, reference: Reference) -> tuple[Move, ...]:
    """Every move of the alias that ``reference`` names, the first one first.

    Raises:
        DamagedError: an entry of the log was changed.
    """
    return tuple(_read(store, key, reference) for key in _keys(store, reference))


def current(store: Store, reference: Reference) -> Version | None:
    """Where the alias points; ``None`` if it was never moved."""
    keys = _keys(store, reference)
    return _read(store, keys[-1], reference).new if keys else None


def move(store: Store, reference: Reference, to: Version, *, expected: Version | None) -> Move:
    """Points the alias ``reference`` at ``to``, if it still points where the caller has seen it point.

    Raises:
        CheckError: it points elsewhere than ``expected`` by now.
        InputError: the alias cannot be moved.
        NotFoundError: there is no such version.
    """
    check_alias(reference.selector)
    if isinstance(store, HttpStore):  # the server looks where it points, and moves it
        wanted = {"reference": str(reference), "to": str(to), "expected": None if expected is None else str(expected)}
        number = int(store.client.post("/aliases", wanted)["number"])
        return _read(store, _key(reference, number), reference)
    store.size(layout.key("versions", reference.namespace, reference.name, str(to)))
    keys = _keys(store, reference)
    found = _read(store, keys[-1], reference).new if keys else None
    made = Move(number=len(keys) + 1, who=user(), when=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", old=expected, new=to)
    try:
        if found == expected:
            key, data = _key(reference, made.number), _dump(made, reference)
            log.announce(store, "alias", reference, key, data, to=str(to))
            store.create(key, data)
            return made
    except ExistsError:
        found = current(store, reference)
    raise _MovedError(
        f"{reference} was not moved: expected it at {expected or 'nothing'}, found it at "
        f"{found or 'nothing'}. Somebody moved it meanwhile; look again, then repeat."
    )


def point(store: Store, reference: Reference, to: Version) -> Move:
    """Points the alias ``reference`` at ``to``, wherever it points by then."""
    while True:
        with suppress(_MovedError):
            return move(store, reference, to, expected=current(store, reference))


def advance(store: Store, reference: Reference, to: Version, *, new: bool = False) -> bool:
    """Points ``latest`` at ``to``, unless it has been there before or is higher. Says whether it moved.

    "Before" keeps a pointer that was moved back on purpose where it is. Where ``to`` is ``new``, it was not, and what
    it costs does not grow with how often it moved.
    """
    latest = reference.at(LATEST)
    while True:
        at = current(store, latest)
        if at is not None and at >= to:
            return False
        if not new and any(past.new == to for past in history(store, latest)):
            return False
        # Where another publisher moved it meanwhile, whether ours is still the highest is decided again.
        with suppress(_MovedError):
            move(store, latest, to, expected=at)
            return True


def _keys(store: Store, reference: Reference) -> list[str]:
    keys = layout.documents(store, "aliases", reference.namespace, reference.name, reference.selector)
    for number, key in enumerate(keys, start=1):
        if key != _key(reference, number):
            raise DamagedError(f"entry {number} of the log of {reference} is missing. Restore it from a copy.")
    return keys


def _key(reference: Reference, number: int) -> str:
    return layout.key("aliases", reference.namespace, reference.name, reference.selector, number)


def _dump(made: Move, reference: Reference) -> bytes:
    return sealed.dump(
        {
            "schema": SCHEMA,
            "alias": str(reference),
            "number": made.number,
            "who": made.who,
            "when": made.when,
            "old": None if made.old is None else str(made.old),
            "new": str(made.new),
        }
    )


def _read(store: Store, key: str, reference: Reference) -> Move:
    what = f"the log entry {key}"
    with store.open(key) as file:
        data = file.read()
    body = sealed.parse(data, SCHEMA, what)
    try:
        made = Move(
            number=body["number"],
            who=body["who"],
            when=body["when"],
            old=None if body["old"] is None else Version.parse(body["old"]),
            new=Version.parse(body["new"]),
        )
        if type(made.number) is not int or not isinstance(made.who, str) or not isinstance(made.when, str):
            raise TypeError(f"number {made.number!r:.40}, who {made.who!r:.40}, when {made.when!r:.40}")
    except KeyError as error:
        raise DamagedError(f"{what} lacks the field {error}. Upgrade roadworthy.") from error
    except (InputError, TypeError) as error:
        raise DamagedError(f"{what} is not a move ({error}). Restore it from a copy.") from error
    if body.get("alias") != str(reference) or _key(reference, made.number) != key:
        raise DamagedError(f"{what} is that of {body.get('alias')}, move {made.number}: it was moved.")
    if _dump(made, reference) != data:
        raise DamagedError(f"{what} is not as a move is written. Restore it from a copy.")
    return made
