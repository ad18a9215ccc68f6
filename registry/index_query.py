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

COUNTED = 10_000  # matches; there may be more, and counting on would take the time that a page does not
_FEW = 2_000  # rows that are sorted
_TEXTS = 5_000  # rows whose text matches; more are found by reading texts
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
    conditions = [*_conditions(asked), *_texts(connection, asked.text)]
    holds = " AND ".join(sql for sql, _ in conditions) or "1"
    values = [value for _, given in conditions for value in given]
    # The covering index, unless a text leads to the rows.
    source = "entries" if any("MATCH" in sql for sql, _ in conditions) else "entries INDEXED BY facts"
    found = connection.execute(f"SELECT id FROM {source} WHERE {holds} LIMIT {COUNTED + 1}", values).fetchall()
    page = f"ORDER BY {_order(asked)} LIMIT {-1 if asked.limit is None else asked.limit} OFFSET {asked.offset}"
    if len(found) <= _FEW:
        few = json.dumps([row[0] for row in found])
        # The cross join keeps SQLite from walking all of an order's index for the sake of a few.
        sql = f"SELECT entries.id FROM json_each(?) AS few CROSS JOIN entries ON entries.id = few.value {page}"
        ids = connection.execute(sql, (few,)).fetchall()
    else:
        index = "" if "MATCH" in holds else f"INDEXED BY by_{_INDEX[asked.sort]}"
        ids = connection.execute(f"SELECT id FROM entries {index} WHERE {holds} {page}", values).fetchall()
    rows = [connection.execute("SELECT * FROM entries WHERE id = ?", tuple(one)).fetchone() for one in ids]
    return Found(rows=rows, total=min(len(found), COUNTED), more=len(found) > COUNTED)


_INDEX: Mapping[str, str] = {"name": "name", "created": "created", "metric": "figures", "tts": "times"}


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


def _texts(connection: sqlite3.Connection, text: str | None) -> Iterator[tuple[str, tuple[Any, ...]]]:
    wanted = (text or "").casefold()
    if not wanted:
        return
    if len(wanted) >= index_rows.LEAST_TEXT and "\0" not in wanted and index_rows.has_full_text(connection):
        phrase = '"' + wanted.replace('"', '""') + '"'
        some = connection.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM texts WHERE texts MATCH ? LIMIT {_TEXTS + 1})", (phrase,)
        ).fetchone()[0]
        if some <= _TEXTS:
            yield "id IN (SELECT rowid FROM texts WHERE texts MATCH ?)", (phrase,)
            return
    yield "instr((SELECT text FROM texts WHERE texts.rowid = entries.id), ?)", (wanted,)


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
