"""The first pass: every row of the user's files checked, numbered and written to disk, a block at a time.

Values become codes in the order in which they come; what a model takes is made of them in the second pass
(store_build.py), when it is known which rows are trained on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from roadworthy.finetune.progress import Report
from roadworthy.finetune.split import Part
from roadworthy.model_cards import InputError

from .bad_rows import BadRows
from .blocks import Block, read_blocks
from .codes import Codes
from .content import digests
from .encoder import spread
from .row_split import NUMBER
from .schema import Schema
from .store import FILE_BASE, KEYS
from .values import as_numbers, as_times

POOL = 255  # the part of a row whose file gives none


@dataclass(slots=True, kw_only=True)
class Codebooks:
    """Codes of each categorical column, and of the keys (group, user, item)."""

    features: dict[str, Codes] = field(default_factory=dict)
    keys: dict[str, Codes] = field(default_factory=dict)


class RowFiles:
    """Files that arrays are appended to, open while a pass lasts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: dict[str, BinaryIO] = {}

    def __enter__(self) -> "RowFiles":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._open.values():
            file.close()

    def append(self, name: str, array: NDArray[Any]) -> None:
        """Adds rows to ``name.bin``."""
        if name not in self._open:
            self._open[name] = (self._folder / f"{name}.bin").open("wb")
        self._open[name].write(np.ascontiguousarray(array).data if array.size else b"")


def read_rows(
    root: Path, files: Sequence[tuple[Path, Part | None]], schema: Schema, folder: Path, report: Report
) -> tuple[int, Codebooks]:
    """Writes all rows of ``files`` below ``folder``; how many there are, and what their codes stand for.

    Raises:
        InputError: a file cannot be read, lacks a column, or has rows that cannot be used; the first are named.
    """
    bad, books, rows, before = BadRows(), Codebooks(), 0, 0
    total = sum(path.stat().st_size for path, _ in files)
    with RowFiles(folder) as out:
        for number, (path, part) in enumerate(files):
            for block in read_blocks(path, bad, only=schema.columns):
                check_columns(path, schema, block.columns)
                _write(block, number, NUMBER[part] if part else POOL, schema, books, bad, out)
                rows += len(block)
                report("reading", before + block.done, total)
            before += path.stat().st_size
    bad.refuse(root, _expected(schema))
    if not rows:
        raise InputError(f"0 rows in {root}. Expected rows below the names of the columns. Check the files.")
    return rows, books


def check_columns(path: Path, schema: Schema, columns: Mapping[str, Any]) -> None:
    """Raises InputError if a column that is used is not there."""
    if lacking := [name for name in schema.columns if name not in columns]:
        raise InputError(
            f"{path} has no column {lacking[0]!r}. Expected: {', '.join(map(repr, schema.columns))}. Found: "
            f"{', '.join(map(repr, columns))}. Add it, or state another schema in schema.toml."
        )


def _write(block: Block, file: int, part: int, schema: Schema, books: Codebooks, bad: BadRows, out: RowFiles) -> None:
    rows, columns = len(block), block.columns

    def refuse(wrong: NDArray[np.bool_], name: str) -> None:
        if wrong.any():
            bad.add_all(block.path, block.first, wrong, name, columns[name].to_pylist())

    for name in set(schema.columns) - {one.name for one in schema.categorical}:
        if pa.types.is_list(columns[name].type):  # JSON may say one thing in one row and another in the next
            refuse(pc.greater(pc.list_value_length(columns[name]), 1).to_numpy(zero_copy_only=False), name)
            columns[name] = spread(columns[name], 1)[0]
    for name in schema.numeric:
        values, wrong = as_numbers(columns[name])
        refuse(wrong, name)
        out.append(f"raw-{schema.numeric.index(name)}", values.astype(np.float32))
    codes = [
        books.features.setdefault(one.name, Codes()).encode(hot)
        for one in schema.categorical
        for hot in spread(columns[one.name], one.hotness)
    ]
    if codes:
        out.append("codes", np.stack(codes, axis=1))
    if schema.label is not None:
        yes, no = (_is(columns[schema.label], value) for value in (schema.positive, schema.negative))
        refuse(~(yes | no), schema.label)
        out.append("label", yes.astype(np.uint8))
    if schema.timestamp is not None and schema.timestamp_kind is not None:
        times, wrong = as_times(columns[schema.timestamp], schema.timestamp_kind)
        refuse(wrong, schema.timestamp)
        out.append("time", times)
    for key in KEYS:
        name = getattr(schema, key)
        if name is not None:
            if key in required_keys(schema):
                refuse(columns[name].is_null().to_numpy(zero_copy_only=False), name)
            out.append(key, books.keys.setdefault(key, Codes()).encode(columns[name]))
    out.append("digest", digests(columns, schema.content))
    out.append("place", file * FILE_BASE + block.first + np.arange(rows, dtype=np.int64))
    out.append("part", np.full(rows, part, dtype=np.uint8))


def required_keys(schema: Schema) -> tuple[str, ...]:
    """Keys without which a row means nothing."""
    return {"ratings": ("user", "item"), "ranking": ("group",), "clicks": ()}[schema.shape]


def _is(text: Any, value: str | None) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = pc.fill_null(pc.equal(text, pa.scalar(value, pa.string())), False).to_numpy(
        zero_copy_only=False
    )
    return found


def _expected(schema: Schema) -> str:
    needed = [f"{schema.positive!r} or {schema.negative!r} in {schema.label!r}"] if schema.label else []
    needed += [f"a value in {getattr(schema, key)!r}" for key in required_keys(schema)]
    needed += [f"a time in {schema.timestamp!r}"] if schema.timestamp else []
    needed += ["finite numbers or nothing in numeric columns"] if schema.numeric else []
    return ", ".join(needed)
