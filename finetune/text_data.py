"""Every text tokenised once into one flat file, with the index that says which is which."""

import hashlib
import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from roadworthy.model_cards import InputError, StorageError

from .examples import Dataset, Example, Examples, check_distinct
from .progress import Report
from .text_table import Table, TextRow
from .token_store import TokenStore
from .tokenizer import Tokenizer

_CHUNK = 1024  # texts tokenised between two reports


def identity(text: str) -> str:
    """The content digest of a text: SHA-256 after NFKC, case folding and with single spaces.

    Two texts that differ in nothing else are the same example, and leak if they lie in train and test.
    """
    return hashlib.sha256(normalised(text).encode()).hexdigest()


def normalised(text: str) -> str:
    """NFKC, case folded, with single spaces: what two equal texts have in common."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def read_texts(
    table: Table, tokenizer: Tokenizer, folder: Path, *, labels: tuple[str, ...] | None, report: Report
) -> Dataset[TokenStore]:
    """Tokenises the table into ``folder``; a complete earlier cache of the same texts is reused.

    ``labels`` fixes the classes and their order, as a trained model has them.

    Raises:
        InputError: classes that cannot be told apart or were not trained on, or copies of one text only.
        StorageError: ``folder`` cannot be written.
    """
    if not labels:
        check_classes(table)
    examples = examples_of(table, labels or classes_of(table))
    store, warm = _tokens(table.rows, tokenizer, folder, report)
    check_distinct(examples)
    return Dataset(examples=examples, payload=store, warm=warm)


def examples_of(table: Table, classes: tuple[str, ...]) -> Examples:
    """The rows of a table as examples of ``classes``.

    Raises:
        InputError: a class that is none of them.
    """
    index = {label: number for number, label in enumerate(classes)}
    unknown = sorted({row.label for row in table.rows} - set(index))
    if unknown:
        raise InputError(
            f"{table.root} has a class the model was not trained on: {unknown[0]!r}. Expected only: "
            f"{', '.join(classes[:10])}. Rename it, or fine-tune on these classes first."
        )
    identities = [identity(row.text) for row in table.rows]
    return Examples(
        labels=classes,
        members=tuple(
            Example(
                id=digest,
                truth=index[row.label],
                part=table.split.part_of(row.part, digest, row.group),
                name=row.where,
                row=n,
                group=row.group,
            )
            for n, (row, digest) in enumerate(zip(table.rows, identities, strict=True))
        ),
        split=table.split,
        origin=str(table.root),
        noun="text",
    )


def classes_of(table: Table) -> tuple[str, ...]:
    """The classes that occur, numbers by size, words by the alphabet."""
    found = {row.label for row in table.rows}
    numeric = all(label.isdecimal() for label in found)
    return tuple(sorted(found, key=int) if numeric else sorted(found))


def check_classes(table: Table) -> None:
    """Raises InputError where the classes are fewer than two, too many to be any, or cannot be told apart."""
    found = {row.label for row in table.rows}
    column = table.columns.label
    if len(found) == 1:
        raise InputError(
            f"only one class in column {column!r} of {table.root}: {next(iter(found))!r}. A classifier needs at least "
            "two. Check the label column."
        )
    if len(found) > 50 and len(found) > len(table.rows) / 4:
        raise InputError(
            f"column {column!r} of {table.root} has {len(found)} different values in {len(table.rows)} rows; expected "
            "a few classes. Is it the label? Say which column is: --label-column NAME."
        )
    folded: dict[str, str] = {}
    for label in sorted(found):
        other = folded.setdefault(label.casefold(), label)
        if other != label:
            raise InputError(
                f"the classes {other!r} and {label!r} in column {column!r} of {table.root} differ only in case; most "
                "such pairs are one class. Rename one of them."
            )


def _tokens(rows: Sequence[TextRow], tokenizer: Tokenizer, folder: Path, report: Report) -> tuple[TokenStore, bool]:
    stamp = hashlib.sha256(json.dumps([tokenizer.stamp, [r.text for r in rows]]).encode()).hexdigest()
    ids_file, index = folder / "tokens.bin", folder / "tokens.json"
    warm = index.is_file() and json.loads(index.read_text())["stamp"] == stamp
    if not warm:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            offset = [0]
            with ids_file.open("wb") as file:
                for start in range(0, len(rows), _CHUNK):
                    for ids in tokenizer.encode([row.text for row in rows[start : start + _CHUNK]]):
                        file.write(np.array(ids, dtype=np.int32).tobytes())
                        offset.append(offset[-1] + len(ids))
                    report("tokenising", len(offset) - 1, len(rows))
            # Written last and moved into place: an index that exists belongs to a complete file.
            aside = index.with_suffix(".tmp")
            aside.write_text(json.dumps({"stamp": stamp, "offset": offset}))
            aside.replace(index)
        except OSError as error:
            raise StorageError(
                f"cannot write the tokens to {folder}: {error.strerror}. Free space there or choose another --out. "
                "Your data was not touched."
            ) from error
    flat = torch.from_numpy(np.fromfile(ids_file, dtype=np.int32))
    offset_tensor = torch.tensor(json.loads(index.read_text())["offset"], dtype=torch.int64)
    return TokenStore(ids=flat, offset=offset_tensor, pad=tokenizer.pad), warm
