"""What an index is asked: conditions, an order, a page; and how that is asked so that it stays quick.

One covering index has every column that a condition is about. It is read once, until enough is found: few rows are then
sorted, and where many match, the order's own index is walked until the page is full.
"""

import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, get_args

from roadworthy.model_cards.errors import InputError
from roadworthy.model_cards.target import Target

from . import index_rows
from .reference import Reference

Sort = Literal["name", "created", "metric", "tts"]

COUNTED = 2_000  # matches that are counted, and sorted; of more the order's own index is walked
_LED = 5_000  # rows whose text matches, and that are looked up one by one; of more all that is asked about is read
_TEXTS = 20_000  # rows whose text matches; of more each text is read when its turn comes
_TTS = "tts"  # in a condition: seconds of the run clock

# The order that each word means, the best or the newest first, and what turns it round.
_ORDERS: Mapping[str, tuple[tuple[str, bool], ...]] = {
    "name": (
        *((column, False) for column in ("namespace", "name", "draft")),
        *((column, True) for column in ("major", "minor", "patch")),
    ),
    "created": (("created", True), ("reference", True)),
    "metric": (("figures", False), ("good", False), ("reference", False)),
    "tts": (("times", False), ("run", False), ("reference", False)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Conditions, all of which must hold; ``None`` asks for nothing. `search.find` tells what each means."""

    text: str | None = None
    task: str | None = None
    system: str | None = None
    where: tuple[str, ...] = ()
    protocol: str | None = None
    hardware: str | None = None
    parent: str | None = None
    namespaces: tuple[str, ...] | None = None
    since: str | None = None
    until: str | None = None
    newest: bool = False
    sort: Sort = "name"
    reverse: bool = False
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Rows of a page, how many match in all, and whether counting ended before they did."""

    rows: list[sqlite3.Row]
    total: int
    more: bool


def answer(connection: sqlite3.Connection, asked: Asked) -> Found:
    """The page that is asked for.

    Raises:
        InputError: a condition, an order or a page that cannot be.
    """
    if asked.sort not in get_args(Sort):
        raise InputError(f"cannot sort by {asked.sort!r}. Expected one of {', '.join(get_args(Sort))}.")
    if asked.offset < 0 or (asked.limit is not None and asked.limit < 1):
        raise InputError(f"cannot show {asked.limit} from {asked.offset} on: expected a page of at least one.")
    conditions, source, led = [*_conditions(asked)], "entries INDEXED BY facts", False
    if asked.text:
        sql, given, led = _matching(connection, asked.text.casefold())
        conditions.append((sql, given))
    if led:
        source = "(SELECT value AS led FROM json_each(?)) CROSS JOIN entries ON entries.id = led"
    holds = " AND ".join(sql for sql, _ in conditions) or "1"
    values = [value for _, given in conditions for value in given]
    some = f"SELECT entries.id FROM {source} WHERE {holds} LIMIT {COUNTED + 1}"
    # As one value: thousands of rows would be as many objects.
    counted = f"SELECT count(*), json_group_array(id) FROM ({some})"
    count, few = connection.execute(counted, [values[-1], *values] if led else values).fetchone()
    page = f"ORDER BY {_order(asked)} LIMIT {-1 if asked.limit is None else asked.limit} OFFSET {asked.offset}"
    if count <= COUNTED:
        # The cross join keeps SQLite from walking all of an order's index for the sake of a few.
        sql = f"SELECT entries.id FROM json_each(?) AS few CROSS JOIN entries ON entries.id = few.value {page}"
        ids = connection.execute(sql, (few,)).fetchall()
    else:
        walked = f"entries INDEXED BY {_INDEX[asked.sort]}"
        ids = connection.execute(f"SELECT id FROM {walked} WHERE {holds} {page}", values).fetchall()
    rows = [connection.execute("SELECT * FROM entries WHERE id = ?", tuple(one)).fetchone() for one in ids]
    return Found(rows=rows, total=min(count, COUNTED), more=count > COUNTED)


_INDEX: Mapping[str, str] = {
    "name": "by_name",
    "created": "by_created",
    "metric": "by_figures",
    "tts": "by_times",
}


def _order(asked: Asked) -> str:
    words = (f"{column} {'DESC' if down != asked.reverse else 'ASC'}" for column, down in _ORDERS[asked.sort])
    return ", ".join(words)


def _conditions(asked: Asked) -> Iterator[tuple[str, tuple[Any, ...]]]:
    if asked.namespaces is not None:
        yield "namespace IN (SELECT value FROM json_each(?))", (json.dumps(asked.namespaces),)
    for column in ("task", "system"):
        if (wanted := getattr(asked, column)) is not None:
            yield f"{column} = ?", (wanted,)
    if asked.newest:
        yield "newest = 1", ()
    for text in asked.where:
        target = Target.parse(text)
        if target.metric == _TTS:
            yield f"run {target.relation} ?", (target.threshold,)
        else:
            yield f"metric = ? AND value {target.relation} ?", (target.metric, target.threshold)
    if asked.protocol is not None:
        pattern = _glob(asked.protocol)
        yield "(protocol GLOB ? OR protocol GLOB ?)", (pattern, f"{pattern}@*")
    if asked.since is not None:
        yield "created >= ?", (_moment(asked.since, "since"),)
    if asked.until is not None:
        # A day ends after every moment that begins with it.
        yield "created <= ? AND created <> ''", (_moment(asked.until, "until") + "~",)
    if asked.hardware is not None:
        yield "instr(machine, ?)", (asked.hardware.casefold(),)
    if asked.parent is not None:
        parent = Reference.parse(asked.parent)
        named = "@" in asked.parent
        yield "parent = ?" if named else "parent GLOB ?", (str(parent) if named else f"{parent.model}@*",)


def _matching(connection: sqlite3.Connection, wanted: str) -> tuple[str, tuple[Any, ...], bool]:
    """The condition that a row's text has ``wanted`` in it, its values, and whether few enough have."""
    matches, given = "instr(text, ?)", wanted
    if len(wanted) >= index_rows.LEAST_TEXT and "\0" not in wanted and index_rows.has_full_text(connection):
        matches, given = "texts MATCH ?", '"' + wanted.replace('"', '""') + '"'
    some = f"SELECT rowid AS id FROM texts WHERE {matches} LIMIT {_TEXTS + 1}"
    count, ids = connection.execute(f"SELECT count(*), json_group_array(id) FROM ({some})", (given,)).fetchone()
    if count > _TEXTS:
        return "instr((SELECT text FROM texts WHERE texts.rowid = entries.id), ?)", (wanted,), False
    return "id IN (SELECT value FROM json_each(?))", (ids,), count <= _LED


def _glob(pattern: str) -> str:
    return pattern.replace("[", "[[]")


def _moment(text: str, what: str) -> str:
    if re.fullmatch(r"[0-9]{4}(-[0-9]{2}){0,2}", text):
        whole = text + "-01-01"[len(text) - 4 :] if len(text) < 10 else text
        parse: Any = date.fromisoformat
    else:
        whole, parse = text, lambda moment: datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ")
    try:
        parse(whole)
    except ValueError:
        raise InputError(
            f"cannot read {what} {text!r}. Expected a day or a moment in UTC: 2026-01-31, or 2026-01-31T12:00:00Z."
        ) from None
    return text
