"""From a user's files to a store: the first pass reads rows (row_reader.py), the second fits and encodes them."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from roadworthy.finetune.progress import Report, silent
from roadworthy.finetune.split import PARTS, Part
from roadworthy.finetune.text_table import table_files
from roadworthy.model_cards import InputError, StorageError

from .encoder import Encoder
from .infer import infer
from .number_scale import fit
from .profile import profiles_of
from .row_reader import Codebooks, RowFiles, read_rows
from .row_split import NUMBER, Keys, RowSplit, parts_of, split_of
from .schema import Schema
from .schema_file import Overrides, find_overrides
from .store import FORMAT, INDEX, Store, mapped, open_store
from .vocabulary import MISSING, Vocabulary

_BLOCK = 2**18  # rows encoded at a time


def read_table(
    root: Path,
    folder: Path,
    *,
    stated: Overrides | None = None,
    encoder: Encoder | None = None,
    grow: bool = False,
    only_test: bool = False,
    report: Report = silent,
) -> tuple[Store, bool]:
    """The user's table as a store in ``folder``, and whether it was there already (from these files, so read).

    Args:
        root: a file (CSV, TSV, JSON lines, parquet), a folder of them, or one with files train, val and test.
        stated: what goes before the rules of the schema; by default what ``schema.toml`` beside the data says.
        encoder: of a trained model: its schema and vocabularies are used, none are fitted.
        grow: a vocabulary of ``encoder`` gets the frequent values of the train part that it has not.
        only_test: where the user laid out a test part, nothing but that.

    Raises:
        InputError: no such data, a schema that does not fit it, or rows that cannot be used; all are told at once.
        StorageError: ``folder`` cannot be written.
    """
    stated = find_overrides(root) if stated is None else stated
    given, files = table_files(root)
    only_test = only_test and "test" in given
    if only_test:
        files = [(path, part) for path, part in files if part == "test"]
    stamp = _stamp(files, stated, encoder, grow)
    warm = open_store(folder, stamp)
    if warm is not None:
        return warm, True
    schema = infer(profiles_of(root), stated) if encoder is None else encoder.schema
    split = split_of(schema, given, stated.split)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / INDEX).unlink(missing_ok=True)
        rows, books = read_rows(root, files, schema, folder, report)
        encoder = _second_pass(folder, rows, books, schema, split, encoder, grow, report)
        encoder.save(folder)
        index = {
            "format": FORMAT,
            "stamp": stamp,
            "rows": rows,
            "files": [path.name for path, _ in files],
            "split": {**dataclasses.asdict(split), "given": sorted(split.given)},
        }
        aside = folder / f"{INDEX}.tmp"
        aside.write_text(json.dumps(index), encoding="utf-8")
        aside.replace(folder / INDEX)
    except OSError as error:
        raise StorageError(
            f"cannot write the rows to {folder}: {error.strerror}. Free space there or choose another --out. Your data "
            "was not touched."
        ) from error
    store = mapped(folder, index)
    check_parts(store, root, ("test",) if only_test else PARTS)
    return store, False


def check_parts(store: Store, root: Path, needed: Sequence[Part]) -> None:
    """Raises InputError where nothing can be learned or measured: a part without rows, or a label that never varies."""
    schema, told = store.schema, f"the split is {store.split.rule}. Add rows, or give files train, val and test."
    for part in needed:
        rows = store.rows(part)
        if not len(rows):
            raise InputError(f"the {part} part of {root} has no rows; {told}")
        if store.label is not None and len(np.unique(store.label[rows])) < 2:
            only = schema.positive if store.label[rows[0]] else schema.negative
            raise InputError(
                f"every row of the {part} part of {root} has {only!r} as {schema.label!r}. Expected both "
                f"{schema.positive!r} and {schema.negative!r} there; {told}"
            )


def _second_pass(
    folder: Path,
    rows: int,
    books: Codebooks,
    schema: Schema,
    split: RowSplit,
    encoder: Encoder | None,
    grow: bool,
    report: Report,
) -> Encoder:
    for key, codes in books.keys.items():
        _write_names(folder / f"{key}.arrow", codes.values())
    part = _array(folder, "part", "uint8", rows)
    part[:] = parts_of(split, _keys(folder, rows, schema, books, part))
    train = np.asarray(part) == NUMBER["train"]
    if encoder is None:
        encoder = Encoder(
            schema=schema,
            vocabularies=_vocabularies(folder, schema, books, train),
            scales=tuple(fit(_of_train(folder, f"raw-{n}", train)) for n in range(len(schema.numeric))),
        )
    elif grow:
        counted = _vocabularies(folder, schema, books, train)
        grown = tuple(old.grown(new) for old, new in zip(encoder.vocabularies, counted, strict=True))
        encoder = dataclasses.replace(encoder, vocabularies=grown)
    _encode(folder, rows, books, encoder, report)
    return encoder


def _encode(folder: Path, rows: int, books: Codebooks, encoder: Encoder, report: Report) -> None:
    """Writes what the model takes, and removes what it was made of."""
    slots, raw = encoder.schema.slots, [f"raw-{n}" for n in range(len(encoder.schema.numeric))]
    tables = [
        np.append(words.encode(books.features[one.name].values()), np.int32(MISSING))  # the code -1 is its last
        for (one, _), words in zip(slots, encoder.vocabularies, strict=True)
    ]
    codes = _pieces(folder, "codes", "int32", rows, encoder.schema.width)
    numbers = [_pieces(folder, name, "float32", rows) for name in raw]
    done = 0
    with RowFiles(folder) as out:
        for count in _counts(rows):
            if slots:
                block = next(codes)
                for (one, at), table in zip(slots, tables, strict=True):
                    block[:, at : at + one.hotness] = table[block[:, at : at + one.hotness]]
                out.append("ids", block)
            out.append("numeric", encoder.scaled([next(column) for column in numbers], count))
            done += count
            report("encoding", done, rows)
    for name in (*raw, *(["codes"] if slots else [])):
        (folder / f"{name}.bin").unlink()


def _vocabularies(folder: Path, schema: Schema, books: Codebooks, train: NDArray[np.bool_]) -> tuple[Vocabulary, ...]:
    values = [books.features[one.name].values() for one in schema.categorical]
    counts = [np.zeros(len(each), dtype=np.int64) for each in values]
    for block in _of_train(folder, "codes", train, schema.width, "int32") if values else ():
        for (one, at), count in zip(schema.slots, counts, strict=True):
            codes = block[:, at : at + one.hotness].ravel()
            count += np.bincount(codes[codes >= 0], minlength=len(count))
    each = zip(schema.categorical, values, counts, strict=True)
    return tuple(Vocabulary.counted(words, count, one.min_count) for one, words, count in each)


def _of_train(
    folder: Path, name: str, train: NDArray[np.bool_], width: int | None = None, kind: str = "float32"
) -> Iterator[Any]:
    start = 0
    for block in _pieces(folder, name, kind, len(train), width):
        yield block[train[start : start + len(block)]]
        start += len(block)


def _pieces(folder: Path, name: str, kind: str, rows: int, width: int | None = None) -> Iterator[Any]:
    """A file of the first pass from its beginning, read and not mapped, so that it takes no more than a piece."""
    with (folder / f"{name}.bin").open("rb") as file:
        for count in _counts(rows):
            flat = np.fromfile(file, dtype=kind, count=count * (width or 1))
            yield flat.reshape(count, width) if width else flat


def _counts(rows: int) -> Iterator[int]:
    return (min(_BLOCK, rows - start) for start in range(0, rows, _BLOCK))


def _keys(folder: Path, rows: int, schema: Schema, books: Codebooks, given: NDArray[np.uint8]) -> Keys:
    def key(name: str | None) -> Any:
        return _array(folder, name, "int32", rows) if name is not None and name in books.keys else None

    grouped = "group" if schema.group is not None else "user" if schema.shape == "clicks" and schema.user else None
    return Keys(
        given=given,
        digest=_array(folder, "digest", "uint8", rows, 16),
        time=_array(folder, "time", "int64", rows) if schema.timestamp is not None else None,
        group=key(grouped),
        group_names=books.keys[grouped].values() if grouped is not None else None,
        user=key("user"),
        item=key("item"),
    )


def _array(folder: Path, name: str, kind: str, *shape: int) -> Any:
    return np.memmap(folder / f"{name}.bin", dtype=kind, mode="r+", shape=shape)


def _write_names(path: Path, values: Any) -> None:
    table = pa.table({"value": values})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def _stamp(files: Sequence[tuple[Path, Part | None]], stated: Overrides, encoder: Encoder | None, grow: bool) -> str:
    """Of all that a store is made of; a file is known by its name, size and time of change."""
    known = [[path.name, path.stat().st_size, path.stat().st_mtime_ns, part] for path, part in files]
    trained = None if encoder is None else [encoder.to_dict(), grow]
    return hashlib.sha256(json.dumps([FORMAT, known, dataclasses.asdict(stated), trained]).encode()).hexdigest()
