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
from .row_reader import Codebooks, read_rows
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
    only_test: bool = False,
    report: Report = silent,
) -> tuple[Store, bool]:
    """The user's table as a store in ``folder``, and whether it was there already (from these files, so read).

    Args:
        root: a file (CSV, TSV, JSON lines, parquet), a folder of them, or one with files train, val and test.
        stated: what goes before the rules of the schema; by default what ``schema.toml`` beside the data says.
        encoder: of a trained model: its schema and vocabularies are used, none are fitted.
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
    stamp = _stamp(files, stated, encoder)
    warm = open_store(folder, stamp)
    if warm is not None:
        return warm, True
    schema = infer(profiles_of(root), stated) if encoder is None else encoder.schema
    split = split_of(schema, given, stated.split)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / INDEX).unlink(missing_ok=True)
        rows, books = read_rows(root, files, schema, folder, report)
        encoder = _second_pass(folder, rows, books, schema, split, encoder, report)
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
    report: Report,
) -> Encoder:
    for key, codes in books.keys.items():
        _write_names(folder / f"{key}.arrow", codes.values())
    part = _array(folder, "part", "uint8", rows)
    part[:] = parts_of(split, _keys(folder, rows, schema, books, part))
    train = np.asarray(part) == NUMBER["train"]
    ids = _array(folder, "ids", "int32", rows, schema.width) if schema.width else np.empty((rows, 0), np.int32)
    raw = [_array(folder, f"raw-{n}", "float32", rows) for n in range(len(schema.numeric))]
    if encoder is None:
        encoder = Encoder(
            schema=schema,
            vocabularies=tuple(_vocabulary(one, at, books, ids, train) for one, at in schema.slots),
            scales=tuple(fit(column[span][train[span]] for span in _spans(rows)) for column in raw),
        )
    tables = [
        np.append(words.encode(books.features[one.name].values()), np.int32(MISSING))  # the code -1 is its last
        for (one, _), words in zip(schema.slots, encoder.vocabularies, strict=True)
    ]
    with (folder / "numeric.bin").open("wb") as out:
        for span in _spans(rows):
            for (one, at), table in zip(schema.slots, tables, strict=True):
                ids[span, at : at + one.hotness] = table[ids[span, at : at + one.hotness]]
            scaled = encoder.scaled([column[span] for column in raw], span.stop - span.start)
            out.write(scaled.tobytes())
            report("encoding", span.stop, rows)
    for n in range(len(raw)):
        (folder / f"raw-{n}.bin").unlink()
    return encoder


def _vocabulary(one: Any, at: int, books: Codebooks, ids: NDArray[np.int32], train: NDArray[np.bool_]) -> Vocabulary:
    values = books.features[one.name].values()
    counts = np.zeros(len(values), dtype=np.int64)
    for span in _spans(len(train)):
        codes = ids[span, at : at + one.hotness][train[span]]
        counts += np.bincount(codes[codes >= 0], minlength=len(values))
    return Vocabulary.counted(values, counts, one.min_count)


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


def _spans(rows: int) -> Iterator[slice]:
    return (slice(start, min(start + _BLOCK, rows)) for start in range(0, rows, _BLOCK))


def _array(folder: Path, name: str, kind: str, *shape: int) -> Any:
    return np.memmap(folder / f"{name}.bin", dtype=kind, mode="r+", shape=shape)


def _write_names(path: Path, values: Any) -> None:
    table = pa.table({"value": values})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def _stamp(files: Sequence[tuple[Path, Part | None]], stated: Overrides, encoder: Encoder | None) -> str:
    """Of all that a store is made of; a file is known by its name, size and time of change."""
    known = [[path.name, path.stat().st_size, path.stat().st_mtime_ns, part] for path, part in files]
    trained = None if encoder is None else encoder.to_dict()
    return hashlib.sha256(json.dumps([FORMAT, known, dataclasses.asdict(stated), trained]).encode()).hexdigest()
