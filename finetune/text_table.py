"""A user's texts as they lie on disk: CSV, TSV, JSON lines or parquet, with a text and a label column.

reviews.csv                     one pool: split by content, the same on every machine
data/train.csv, data/test.csv   given parts: train, val (or validation, dev), test; a missing
                                validation part is taken out of train, by content
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadworthy.model_cards import InputError

from .columns import Columns, choose_columns
from .examples import Unreadable
from .groups import Grouping
from .split import PART_NAMES, Part, Split

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
COLUMNS = ("text_column", "label_column", "group_column")  # options that name them
_MOST_NAMED = 20  # bad rows named in one message
_AS_EXPECTED = f"Expected a file ({', '.join(SUFFIXES)}) or a folder with train.csv and test.csv."


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRow:
    """One example; ``where`` is its file and row as a user counts them, part and group only where they were given."""

    text: str
    label: str
    where: str
    part: Part | None
    group: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """All rows of a user's files, the columns they were read from, and how they are split."""

    root: Path
    files: tuple[Path, ...]
    rows: tuple[TextRow, ...]
    columns: Columns
    split: Split


def columns_of(options: Mapping[str, str | int]) -> dict[str, str]:
    """The columns that options name: {"text": "body"} of {"text_column": "body"}."""
    return {name.removesuffix("_column"): str(options[name]) for name in COLUMNS if name in options}


def read_table(root: Path, *, text: str | None = None, label: str | None = None, group: str | None = None) -> Table:
    """Reads every row; ``text`` and ``label`` name the columns where their names do not tell, ``group`` that of the
    groups where there are any.

    Raises:
        InputError: no such data, no such column, or rows without a text or a label (all are named by number).
    """
    given, files = table_files(root)
    rows: list[TextRow] = []
    unreadable: list[Unreadable] = []
    columns: Columns | None = None
    for path, part in files:
        columns = _read_file(path, part, {"text": text, "label": label, "group": group}, rows, unreadable)
    if unreadable:
        raise InputError(unreadable_message(root, unreadable))
    return _table(root, given, files, rows, columns)


def look_through(
    root: Path, *, text: str | None = None, label: str | None = None, group: str | None = None
) -> tuple[Table, tuple[Unreadable, ...]]:
    """Reads every row that can be used; what cannot, files included, is told and left out.

    Raises:
        InputError: no such data, or not one row that can be used.
    """
    given, files = table_files(root)
    rows: list[TextRow] = []
    unreadable: list[Unreadable] = []
    columns: Columns | None = None
    for path, part in files:
        try:
            columns = _read_file(path, part, {"text": text, "label": label, "group": group}, rows, unreadable)
        except InputError as error:
            unreadable.append(Unreadable(name=path.name, found=str(error)))
    if not rows and unreadable:
        raise InputError(unreadable_message(root, unreadable))
    return _table(root, given, files, rows, columns), tuple(unreadable)


def unreadable_message(root: Path, unreadable: Sequence[Unreadable]) -> str:
    """One message that names the rows that cannot be used."""
    more = len(unreadable) - _MOST_NAMED
    named = "\n".join(f"  {one.name}: {one.found}" for one in unreadable[:_MOST_NAMED])
    named += f"\n  and {more} more" if more > 0 else ""
    return (
        f"{len(unreadable)} rows of {root} cannot be used; expected a text and a label in each. Mend or remove "
        f"them; nothing was changed:\n{named}"
    )


def _read_file(
    path: Path, part: Part | None, named: Mapping[str, str | None], rows: list[TextRow], bad: list[Unreadable]
) -> Columns:
    """Adds what a file holds to ``rows`` and ``bad``, and says which columns it was read from."""
    records = _records(path)
    names, _ = next(records, ((), None))
    columns = choose_columns(path, names, text=named["text"], label=named["label"], group=named["group"])
    for number, (_, record) in enumerate(records, start=1):
        if record is None:
            continue
        problem = _problem(record, columns)
        if problem is not None:
            bad.append(Unreadable(name=f"row {number} of {path.name}", found=problem))
            continue
        where = f"{path.name}:{number}"
        rows.append(
            TextRow(
                text=str(record[columns.text]),
                label=_word(record[columns.label]),
                where=where,
                part=part,
                group=None if columns.group is None else _group(record.get(columns.group)),
            )
        )
    return columns


def _table(
    root: Path,
    given: frozenset[Part],
    files: list[tuple[Path, Part | None]],
    rows: list[TextRow],
    columns: Columns | None,
) -> Table:
    if not rows or columns is None:
        raise InputError(f"0 rows in {root}. {_AS_EXPECTED}")
    grouping = None if columns.group is None else Grouping(by="column", name=columns.group)
    split = Split(given=given, unit="files", content="text's", grouping=grouping)
    return Table(root=root, files=tuple(path for path, _ in files), rows=tuple(rows), columns=columns, split=split)


def table_files(root: Path) -> tuple[frozenset[Part], list[tuple[Path, Part | None]]]:
    """The parts that a user laid out as files, and every file with its part.

    Raises:
        InputError: no such data, or no table in it.
    """
    if root.is_file():
        if root.suffix.lower() not in SUFFIXES:
            raise InputError(f"{root} is no table that can be read. {_AS_EXPECTED}")
        return frozenset(), [(root, None)]
    if not root.is_dir():
        raise InputError(f"no data at {root}. {_AS_EXPECTED}")
    tables = sorted(p for p in root.iterdir() if p.suffix.lower() in SUFFIXES and not p.name.startswith("."))
    parts = {p: PART_NAMES[p.stem.lower()] for p in tables if p.stem.lower() in PART_NAMES}
    if "train" in parts.values() or "test" in parts.values():
        return frozenset(parts.values()), [(path, part) for path, part in parts.items()]
    if not tables:
        raise InputError(f"no table in {root}. {_AS_EXPECTED}")
    return frozenset(), [(path, None) for path in tables]


def _records(path: Path) -> Iterator[tuple[Sequence[str], Mapping[str, Any] | None]]:
    """The column names with no record, then the names with each record."""
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        yield from _parquet(path)
    elif suffix in (".csv", ".tsv"):
        yield from _csv(path, "\t" if suffix == ".tsv" else None)
    else:
        yield from _json_lines(path)


def _decoded(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"line {line} of {path} is not UTF-8 (byte {data[error.start]:#04x}). Expected UTF-8 text. Convert the "
            f"file, for example: iconv -f latin1 -t utf-8 {path.name} > utf8-{path.name}"
        ) from error


def _csv(path: Path, delimiter: str | None) -> Iterator[tuple[Sequence[str], Mapping[str, Any] | None]]:
    text = _decoded(path)
    head = text.partition("\n")[0]
    if delimiter is None:
        delimiter = max(",;\t", key=head.count)
    csv.field_size_limit(2**31 - 1)
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        names = list(reader.fieldnames or ())
        yield names, None
        for record in reader:
            yield names, record
    except csv.Error as error:
        raise InputError(
            f"line {reader.line_num} of {path} is not CSV: {error}. Expected fields with quotes doubled inside quotes."
        ) from error


def _json_lines(path: Path) -> Iterator[tuple[Sequence[str], Mapping[str, Any] | None]]:
    names: list[str] = []
    for number, line in enumerate(_decoded(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError(f"a {type(record).__name__}, not an object")
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"line {number} of {path} is not a JSON object: {error}. Expected one object a line, such as "
                '{"text": "…", "label": "…"}.'
            ) from error
        if not names:
            names = list(record)
            yield names, None
        yield names, record


def _parquet(path: Path) -> Iterator[tuple[Sequence[str], Mapping[str, Any] | None]]:
    import pyarrow
    import pyarrow.parquet

    try:
        file = pyarrow.parquet.ParquetFile(path)
        names = list(file.schema_arrow.names)
        yield names, None
        for batch in file.iter_batches():
            for record in batch.to_pylist():
                yield names, record
    except (pyarrow.ArrowException, OSError, ArithmeticError, LookupError, ValueError) as error:
        raise InputError(f"{path} is not a whole parquet file: {error}. Copy it again.") from error


def _problem(record: Mapping[str, Any], columns: Columns) -> str | None:
    if None in record:  # csv.DictReader's key for what the header has no name for
        return f"found {len(record) - 1 + len(record[None])} fields, the header has {len(record) - 1}"  # type: ignore[index]
    text, label = record.get(columns.text), record.get(columns.label)
    if not isinstance(text, str) or not text.strip():
        return f"no text in column {columns.text!r} (found {text!r})"
    if label is None or not _word(label):
        return f"no label in column {columns.label!r} (found {label!r})"
    return None


def _word(label: Any) -> str:
    return str(label).strip()


def _group(value: Any) -> str | None:
    """Its name; a row without one is a group of its own."""
    return None if value is None else _word(value) or None
