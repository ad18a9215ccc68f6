"""The tables of an index, and an entry as a row of them."""

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from roadworthy.model_cards.certificate import Verdicts
from roadworthy.model_cards.metric import kind_of

from .entries import Entry, Figure, TimeToSolution
from .manifest import Manifest
from .reference import Reference

SCHEMA = 1  # another one is built anew
LEAST_TEXT = 3  # letters that the full text index can look for

LAST = "~"  # behind every word that something is ranked by: nothing ranks it
_TABLES = """
CREATE TABLE state (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE entries (
    id INTEGER PRIMARY KEY, reference TEXT NOT NULL UNIQUE, namespace TEXT NOT NULL, name TEXT NOT NULL,
    draft INTEGER NOT NULL, major INTEGER NOT NULL, minor INTEGER NOT NULL, patch INTEGER NOT NULL,
    newest INTEGER NOT NULL DEFAULT 0, manifest TEXT, certificate TEXT, certificate_size INTEGER,
    task TEXT, system TEXT, metric TEXT, protocol TEXT, value REAL, low REAL, high REAL, n INTEGER, good REAL,
    run REAL, total REAL, train_only REAL, reproduced INTEGER, generalises INTEGER, data TEXT, hardware TEXT,
    machine TEXT, parent TEXT, created TEXT NOT NULL, note TEXT, times TEXT NOT NULL, figures TEXT NOT NULL,
    problem TEXT
);
CREATE TABLE revocations (reference TEXT, slot INTEGER, envelope BLOB, PRIMARY KEY (reference, slot)) WITHOUT ROWID;
CREATE TABLE pending (key TEXT PRIMARY KEY, since REAL NOT NULL) WITHOUT ROWID;
"""
_FULL_TEXT = "CREATE VIRTUAL TABLE texts USING fts5 (text, tokenize='trigram case_sensitive 1')"
# One index for every order, and one that holds all that is asked for, so that any question reads that one once.
_INDEXES = """
CREATE INDEX by_name ON entries (namespace, name, draft, major DESC, minor DESC, patch DESC);
CREATE INDEX by_created ON entries (created, reference);
CREATE INDEX by_times ON entries (times, run, reference);
CREATE INDEX by_figures ON entries (figures, good, reference);
CREATE INDEX facts ON entries (namespace, newest, task, system, metric, value, protocol, run, created, machine, parent);
CREATE INDEX problems ON entries (problem) WHERE problem IS NOT NULL;
"""


def create(connection: sqlite3.Connection) -> None:
    """Makes the tables of an empty file, without the indexes that are quicker made when all is in."""
    _run(connection, _TABLES)
    try:
        connection.execute(_FULL_TEXT)
    except sqlite3.OperationalError:  # an SQLite without it: every text is read through
        connection.execute("CREATE TABLE texts (text TEXT)")
    connection.execute(f"PRAGMA user_version = {SCHEMA}")


def create_indexes(connection: sqlite3.Connection) -> None:
    """The indexes, and which version of each model is its newest."""
    _run(connection, _INDEXES)
    connection.execute(
        "UPDATE entries SET newest = 1 WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY "
        "namespace, name ORDER BY draft, major DESC, minor DESC, patch DESC) AS place FROM entries) WHERE place = 1)"
    )


def _run(connection: sqlite3.Connection, script: str) -> None:
    for one in script.split(";"):  # executescript would end the transaction
        connection.execute(one)


def has_full_text(connection: sqlite3.Connection) -> bool:
    """Whether texts can be looked for without reading all of them."""
    (made,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'texts'").fetchone()
    return str(made).startswith("CREATE VIRTUAL")


def put(connection: sqlite3.Connection, entry: Entry, manifest: Manifest | None, digest: str | None) -> None:
    """Writes the row of an entry; ``digest``: of its manifest's bytes, in hex."""
    remove(connection, entry.reference)
    row = _row(entry, manifest, digest)
    columns, places = ", ".join(row), ", ".join("?" * len(row))
    made = connection.execute(f"INSERT INTO entries ({columns}) VALUES ({places})", tuple(row.values())).lastrowid
    connection.execute("INSERT INTO texts (rowid, text) VALUES (?, ?)", (made, text_of(entry)))


def remove(connection: sqlite3.Connection, reference: str) -> None:
    """Takes a row away, if it is there."""
    for (row,) in connection.execute("SELECT id FROM entries WHERE reference = ?", (reference,)).fetchall():
        connection.execute("DELETE FROM texts WHERE rowid = ?", (row,))
        connection.execute("DELETE FROM entries WHERE id = ?", (row,))


def mark_newest(connection: sqlite3.Connection, namespace: str, name: str) -> None:
    """Finds again which row is a model's newest: its highest version; its draft where it has no version."""
    place = (namespace, name)
    newest = (
        "SELECT id FROM entries WHERE namespace = ?1 AND name = ?2 "
        "ORDER BY draft, major DESC, minor DESC, patch DESC LIMIT 1"
    )
    connection.execute(f"UPDATE entries SET newest = (id = ({newest})) WHERE namespace = ?1 AND name = ?2", place)


def text_of(entry: Entry) -> str:
    """What a text is looked for in, case folded: reference, task, system, the data's name."""
    return " ".join((entry.reference, entry.task or "", entry.system or "", entry.data or "")).casefold()


def read(rows: Iterable[sqlite3.Row]) -> list[Entry]:
    """Rows of ``SELECT * FROM entries`` as entries."""
    return [_entry(row) for row in rows]


def _row(entry: Entry, manifest: Manifest | None, digest: str | None) -> dict[str, Any]:
    reference = Reference.parse(entry.reference)
    version, certificate = reference.version, manifest.certificate if manifest else None
    row = {
        "reference": entry.reference,
        "namespace": reference.namespace,
        "name": reference.name,
        "draft": version is None,
        "major": version.major if version else 0,
        "minor": version.minor if version else 0,
        "patch": version.patch if version else 0,
        "manifest": digest,
        "certificate": certificate.sha256 if certificate else None,
        "certificate_size": certificate.size if certificate else None,
        "task": entry.task,
        "system": entry.system,
        "data": entry.data,
        "hardware": entry.hardware,
        "machine": (entry.hardware or "").casefold(),
        "parent": entry.parent,
        "created": entry.created,
        "note": json.dumps(dict(entry.note)) if entry.note is not None else None,
        "times": entry.times or LAST,
        "figures": entry.figures or LAST,
        "problem": entry.problem,
    }
    if (metric := entry.metric) is not None:
        row |= {"metric": metric.name, "protocol": metric.protocol, "value": metric.value, "n": metric.n}
        row |= {"low": metric.low, "high": metric.high, "good": _good(metric)}
    if entry.tts is not None:
        row |= asdict(entry.tts)
    if entry.verdicts is not None:
        row |= asdict(entry.verdicts)
    return row


def _good(metric: Figure) -> float:
    """Less is better, whichever way the metric goes."""
    return -metric.value if kind_of(metric.name).relation == ">=" else metric.value


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        reference=row["reference"],
        task=row["task"],
        system=row["system"],
        metric=Figure(
            name=row["metric"],
            protocol=row["protocol"],
            value=row["value"],
            low=row["low"],
            high=row["high"],
            n=row["n"],
        )
        if row["metric"] is not None
        else None,
        tts=TimeToSolution(run=row["run"], total=row["total"], train_only=row["train_only"])
        if row["run"] is not None
        else None,
        verdicts=Verdicts(reproduced=bool(row["reproduced"]), generalises=bool(row["generalises"]))
        if row["reproduced"] is not None
        else None,
        created=row["created"],
        problem=row["problem"],
        data=row["data"],
        hardware=row["hardware"],
        parent=row["parent"],
        note=json.loads(row["note"]) if row["note"] is not None else None,
        times=None if row["times"] == LAST else row["times"],
        figures=None if row["figures"] == LAST else row["figures"],
    )
