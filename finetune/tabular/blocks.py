"""Files of rows (CSV, TSV, JSON lines, parquet) as a stream of blocks, so that none has to fit into memory.

Every column comes as text (see values.py): one value has one spelling in all four formats.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from roadworthy.model_cards import InputError

from .bad_rows import BadRows
from .utf8_file import Utf8File
from .values import as_text

# Of a CSV file parsed in one piece. The reader runs up to 32 pieces ahead, which is what it takes of memory; large ones
# leave the processor's cache and take twice the time. No row can be longer.
_BYTES = 2 * 2**20
_ROWS, _MOST = 65536, 8  # of a block: rows, and pieces of a CSV file


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Some rows of a file. ``first`` is the number of the first one, ``done`` how many bytes were read so far."""

    path: Path
    first: int
    columns: dict[str, Any]
    done: int

    def __len__(self) -> int:
        """Rows."""
        return len(next(iter(self.columns.values()))) if self.columns else 0


def read_blocks(path: Path, bad: BadRows, *, only: Sequence[str] | None = None) -> Iterator[Block]:
    """The rows of a file, in its order; rows with too few or too many fields go to ``bad`` and are left out.

    Raises:
        InputError: it is no whole file of its kind, or not UTF-8.
    """
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet":
            yield from _parquet(path, only)
        elif suffix in (".csv", ".tsv"):
            yield from _csv(path, bad, only)
        else:
            yield from _json_lines(path, bad, only)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read: {str(error).strip()}. Expected a whole {suffix[1:]} file in UTF-8. Copy it again, "
            "or convert it, for example: iconv -f latin1 -t utf-8."
        ) from error


def _csv(path: Path, bad: BadRows, only: Sequence[str] | None) -> Iterator[Block]:
    names, delimiter = _header(path)

    def left_out(row: Any) -> str:
        bad.add(path, row.number - 1, f"found {row.actual_columns} fields, the header has {row.expected_columns}")
        return "skip"

    with Utf8File(path) as file:
        reader = pyarrow.csv.open_csv(
            file,
            # One thread: only then are the numbers of malformed rows known, and more are not faster.
            read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=_BYTES),
            parse_options=pyarrow.csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=left_out
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={name: pa.string() for name in names}, include_columns=_wanted(names, only)
            ),
        )
        yield from _numbered(path, _gathered(reader), file)


def _gathered(batches: Iterable[Any]) -> Iterator[Any]:
    """Fewer, longer ones: a value that comes again in a block is looked up once."""
    held: list[Any] = []
    for batch in batches:
        held.append(batch)
        if sum(each.num_rows for each in held) >= _ROWS or len(held) == _MOST:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


def _header(path: Path) -> tuple[list[str], str]:
    """The names as they stand there, and what separates them."""
    with path.open("rb") as file:
        line = file.readline(2**20).decode("utf-8-sig").rstrip("\r\n")
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(",;\t|", key=line.count)
    if not line.strip():
        raise InputError(f"{path} begins with an empty line. Expected a line with the names of the columns.")
    names = pyarrow.csv.read_csv(
        pa.BufferReader(line.encode() + b"\n"), parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter)
    ).column_names
    if twice := sorted({name for name in names if [other.strip() for other in names].count(name.strip()) > 1}):
        raise InputError(f"{path} has two columns called {twice[0]!r}. Expected a name for each. Rename one.")
    return names, delimiter


def _wanted(names: Sequence[str], only: Sequence[str] | None) -> list[str]:
    """Those of ``only`` as the file spells them; none: all."""
    return [name for name in names if name.strip() in only] if only else []


def _parquet(path: Path, only: Sequence[str] | None) -> Iterator[Block]:
    with path.open("rb") as file:
        whole = pyarrow.parquet.ParquetFile(file)
        batches = whole.iter_batches(batch_size=_ROWS, columns=_wanted(whole.schema_arrow.names, only) or None)
        yield from _numbered(path, batches, file)


def _numbered(path: Path, batches: Any, file: Any) -> Iterator[Block]:
    first = 1
    for batch in batches:
        columns = {name.strip(): as_text(batch.column(n)) for n, name in enumerate(batch.schema.names)}
        yield Block(path=path, first=first, columns=columns, done=file.tell())
        first += batch.num_rows


def _json_lines(path: Path, bad: BadRows, only: Sequence[str] | None) -> Iterator[Block]:
    names: list[str] = []
    records: list[dict[str, Any]] = []
    first, done = 1, 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            done += len(line)
            if not line.strip():
                continue
            record = _object(path, number, line)
            names = names or list(record)
            if set(record) - set(names):
                bad.add(path, number, f"has {sorted(set(record) - set(names))[0]!r}, which the first row has not")
            records.append(record)
            if len(records) == _ROWS:
                yield _of_records(path, first, records, only or names, done)
                first, records = first + len(records), []
    if records:
        yield _of_records(path, first, records, only or names, done)


def _object(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line.decode("utf-8-sig"))
        if not isinstance(record, dict):
            raise ValueError(f"a {type(record).__name__}, not an object")
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"line {number} of {path} is not a JSON object: {error}. Expected one object a line, such as "
            '{"label": 1, "price": 3.5}.'
        ) from error
    return record


def _of_records(path: Path, first: int, records: Sequence[dict[str, Any]], names: Sequence[str], done: int) -> Block:
    columns = {}
    for name in names:
        values = [record.get(name) for record in records]
        if any(isinstance(value, list) for value in values):
            lists = [value if isinstance(value, list) else [] if value is None else [value] for value in values]
            columns[name] = as_text(pa.array([[_word(one) for one in each] for each in lists], pa.list_(pa.string())))
        else:
            columns[name] = as_text(pa.array([_word(value) for value in values], pa.string()))
    return Block(path=path, first=first, columns=columns, done=done)


def _word(value: Any) -> str | None:
    """A JSON value as the other formats spell it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 2**53:
            return str(int(value))
        word = repr(value)  # Python's and Arrow's agree but for exponents and what is no number
        return cast(str | None, as_text(pa.array([value]))[0].as_py()) if "e" in word or "n" in word else word
    return value if isinstance(value, str) else str(value)
