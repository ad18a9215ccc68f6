"""The first pass: every row of the user's files checked, numbered and written to disk, a block at a time.

Values become codes in the order in which they come; what a model takes is made of them in the second pass
(second_pass.py), when it is known which rows are trained on.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from roadworthy.finetune.progress import Report
from roadworthy.finetune.split import Part
from roadworthy.model_cards import InputError

from .ahead import ahead, beforehand
from .bad_rows import BadRows
from .blocks import Block, read_blocks
from .codes import Codes
from .content import digests
from .encoder import spread
from .row_files import RowFiles
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A block on its way in. ``before``: bytes of the files before its own; ``malformed``: rows that come before it."""

    block: Block
    file: int
    part: Part | None
    before: int
    malformed: BadRows


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A block of R rows but for the codes, which only follow when all blocks before it have theirs.

    ``arrays``: [R] or [R, …] by the file they go to. ``words``, of each place among a row's ids, and ``keys`` as
    Arrow's dictionaries. ``wrong``: bool [R] of a column, its name, and what it holds.
    """

    piece: Piece
    arrays: Mapping[str, NDArray[Any]]
    words: Sequence[tuple[str, Any]]
    keys: Mapping[str, Any]
    wrong: Sequence[tuple[NDArray[np.bool_], str, Any]]


def read_rows(
    root: Path, files: Sequence[tuple[Path, Part | None]], schema: Schema, folder: Path, report: Report
) -> tuple[int, Codebooks]:
    """Writes all rows of ``files`` below ``folder``; how many there are, and what their codes stand for.

    Raises:
        InputError: a file cannot be read, lacks a column, or has rows that cannot be used; the first are named.
    """
    bad, malformed, books, rows = BadRows(), BadRows(), Codebooks(), 0
    total = sum(path.stat().st_size for path, _ in files)
    with RowFiles(folder) as out:
        for one in ahead(lambda piece: _checked(piece, schema), beforehand(_pieces(files, schema, malformed))):
            block = one.piece.block
            bad.extend(one.piece.malformed)
            for wrong, name, values in one.wrong:
                bad.add_all(block.path, block.first, wrong, name, values.to_pylist())
            _write(one, schema, books, out)
            rows += len(block)
            report("reading", one.piece.before + block.done, total)
    bad.extend(malformed)
    bad.refuse(root, _expected(schema))
    if not rows:
        raise InputError(f"0 rows in {root}. Expected rows below the names of the columns. Check the files.")
    return rows, books


def _pieces(files: Sequence[tuple[Path, Part | None]], schema: Schema, malformed: BadRows) -> Iterator[Piece]:
    before = 0
    for number, (path, part) in enumerate(files):
        for block in read_blocks(path, malformed, only=schema.columns):
            check_columns(path, schema, block.columns)
            yield Piece(block=block, file=number, part=part, before=before, malformed=malformed.moved())
        before += path.stat().st_size


def check_columns(path: Path, schema: Schema, columns: Mapping[str, Any]) -> None:
    """Raises InputError if a column that is used is not there."""
    if lacking := [name for name in schema.columns if name not in columns]:
        raise InputError(
            f"{path} has no column {lacking[0]!r}. Expected: {', '.join(map(repr, schema.columns))}. Found: "
            f"{', '.join(map(repr, columns))}. Add it, or state another schema in schema.toml."
        )


def _checked(piece: Piece, schema: Schema) -> Checked:
    block, columns = piece.block, dict(piece.block.columns)
    arrays: dict[str, NDArray[Any]] = {}
    all_wrong: list[tuple[NDArray[np.bool_], str, Any]] = []

    def refuse(wrong: NDArray[np.bool_], name: str) -> None:
        if wrong.any():
            all_wrong.append((wrong, name, columns[name]))

    for name in set(schema.columns) - {one.name for one in schema.categorical}:
        if pa.types.is_list(columns[name].type):  # JSON may say one thing in one row and another in the next
            refuse(pc.greater(pc.list_value_length(columns[name]), 1).to_numpy(zero_copy_only=False), name)
            columns[name] = spread(columns[name], 1)[0]
    for number, name in enumerate(schema.numeric):
        values, wrong = as_numbers(columns[name])
        refuse(wrong, name)
        arrays[f"raw-{number}"] = values.astype(np.float32)
    words = [
        (one.name, hot.dictionary_encode())
        for one in schema.categorical
        for hot in spread(columns[one.name], one.hotness)
    ]
    if schema.label is not None:
        yes, no = (_is(columns[schema.label], value) for value in (schema.positive, schema.negative))
        refuse(~(yes | no), schema.label)
        arrays["label"] = yes.astype(np.uint8)
    if schema.timestamp is not None and schema.timestamp_kind is not None:
        arrays["time"], wrong = as_times(columns[schema.timestamp], schema.timestamp_kind)
        refuse(wrong, schema.timestamp)
    keys: dict[str, Any] = {}
    for key in KEYS:
        name = getattr(schema, key)
        if name is not None:
            if key in required_keys(schema):
                refuse(columns[name].is_null().to_numpy(zero_copy_only=False), name)
            keys[key] = columns[name].dictionary_encode()
    arrays["digest"] = digests(columns, schema.content)
    arrays["place"] = piece.file * FILE_BASE + block.first + np.arange(len(block), dtype=np.int64)
    arrays["part"] = np.full(len(block), NUMBER[piece.part] if piece.part else POOL, dtype=np.uint8)
    return Checked(piece=piece, arrays=arrays, words=words, keys=keys, wrong=all_wrong)


def _write(one: Checked, schema: Schema, books: Codebooks, out: RowFiles) -> None:
    for name, array in one.arrays.items():
        out.append(name, array)
    if one.words:
        codes = np.empty((len(one.piece.block), schema.width), dtype=np.int32)
        for at, (name, words) in enumerate(one.words):
            codes[:, at] = books.features.setdefault(name, Codes()).encode(words)
        out.append("codes", codes)
    for key, words in one.keys.items():
        out.append(key, books.keys.setdefault(key, Codes()).encode(words))


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
