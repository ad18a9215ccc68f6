"""From a user's files to a store: the first pass reads rows (row_reader.py), the second encodes (second_pass.py)."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from roadworthy.finetune.progress import Report, silent
from roadworthy.finetune.split import PARTS, Part
from roadworthy.finetune.text_table import table_files
from roadworthy.model_cards import InputError, StorageError

from .encoder import Encoder
from .infer import infer
from .profile import profiles_of
from .row_files import spans
from .row_reader import read_rows
from .row_split import NUMBER, split_of
from .schema_file import Overrides, find_overrides
from .second_pass import second_pass
from .store import FORMAT, INDEX, Store, mapped, open_store


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
        encoder, split = second_pass(folder, rows, books, schema, split, encoder, grow, report)
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
    counts = np.zeros((4, 2), dtype=np.int64)  # of rows by part and label
    for span in spans(len(store), store.part, store.label):
        label = 0 if store.label is None else store.label[span]
        counts += np.bincount(store.part[span] * 2 + label, minlength=8).reshape(4, 2)
    for part in needed:
        found = counts[NUMBER[part]]
        if not found.any():
            raise InputError(f"the {part} part of {root} has no rows; {told}")
        if store.label is not None and not found.all():
            only = schema.positive if found[1] else schema.negative
            raise InputError(
                f"every row of the {part} part of {root} has {only!r} as {schema.label!r}. Expected both "
                f"{schema.positive!r} and {schema.negative!r} there; {told}"
            )


def _stamp(files: Sequence[tuple[Path, Part | None]], stated: Overrides, encoder: Encoder | None, grow: bool) -> str:
    """Of all that a store is made of; a file is known by its name, size and time of change."""
    known = [[path.name, path.stat().st_size, path.stat().st_mtime_ns, part] for path, part in files]
    trained = None if encoder is None else [encoder.to_dict(), grow]
    return hashlib.sha256(json.dumps([FORMAT, known, dataclasses.asdict(stated), trained]).encode()).hexdigest()
