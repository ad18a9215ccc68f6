"""The second pass: parts are decided, vocabularies and scales fitted on the train part alone, and all rows encoded."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from roadworthy.finetune.progress import Report

from .ahead import ahead
from .encoder import Encoder
from .number_scale import Scale, fit
from .row_files import RowFiles, mapped_rows, pieces, spans
from .row_reader import Codebooks
from .row_split import NUMBER, Keys, RowSplit, parts_of
from .schema import Schema
from .vocabulary import MISSING, Vocabulary

_CACHED = 2**14  # rows


def second_pass(
    folder: Path,
    rows: int,
    books: Codebooks,
    schema: Schema,
    split: RowSplit,
    encoder: Encoder | None,
    grow: bool,
    report: Report,
) -> tuple[Encoder, RowSplit]:
    """Turns what the first pass left in ``folder`` into a store's files.

    Returns the encoder, fitted here unless one was given, which may ``grow``; and the split, which then knows how many
    rows it divides.
    """
    for key, codes in books.keys.items():
        _write_names(folder / f"{key}.arrow", codes.values())
    report("splitting", 0, rows)
    part = mapped_rows(folder, "part", "uint8", rows)
    split = split.dividing(part)
    parts = parts_of(split, _keys(folder, rows, schema, books, part))
    part[:] = parts
    if encoder is None or grow:
        encoder = _fitted(folder, schema, books, parts, encoder, report)
    _encode(folder, rows, books, encoder, report)
    return encoder, split


def _fitted(
    folder: Path, schema: Schema, books: Codebooks, parts: NDArray[np.uint8], trained: Encoder | None, report: Report
) -> Encoder:
    """An encoder of the train part; or that of a trained model, whose vocabularies get what is new in it."""
    train = NUMBER["train"]

    def of_train(name: str, kind: str, width: int | None = None) -> Iterator[Any]:
        for span, piece in zip(spans(len(parts)), pieces(folder, name, kind, len(parts), width), strict=True):
            yield piece[parts[span] == train]

    def vocabularies() -> Any:
        return _vocabularies(schema, books, of_train("codes", "int32", schema.width) if schema.width else ())

    def scale(number: int) -> Callable[[], Scale]:
        return lambda: fit(of_train(f"raw-{number}", "float32"))

    jobs: list[Callable[[], Any]] = [vocabularies]
    if trained is None:
        jobs += [scale(number) for number in range(len(schema.numeric))]
    done = []
    for one in ahead(lambda job: job(), jobs):
        done.append(one)
        report("fitting", len(done), len(jobs))
    if trained is None:
        return Encoder(schema=schema, vocabularies=done[0], scales=tuple(done[1:]))
    return replace(
        trained,
        vocabularies=tuple(old.grown(new) for old, new in zip(trained.vocabularies, done[0], strict=True)),
    )


def _vocabularies(schema: Schema, books: Codebooks, blocks: Iterable[NDArray[np.int32]]) -> tuple[Vocabulary, ...]:
    values = [books.features[one.name].values() for one in schema.categorical]
    counts = [np.zeros(len(each) + 1, dtype=np.int64) for each in values]  # of missing ones first
    for block in blocks:
        for some in _in_cache(block):
            for (one, at), count in zip(schema.slots, counts, strict=True):
                found = np.bincount(some[:, at : at + one.hotness].ravel() + 1)
                count[: len(found)] += found
    each = zip(schema.categorical, values, counts, strict=True)
    return tuple(Vocabulary.counted(words, count[1:], one.min_count) for one, words, count in each)


def _encode(folder: Path, rows: int, books: Codebooks, encoder: Encoder, report: Report) -> None:
    """Writes what the model takes over the codes, and removes the numbers as they were read."""
    schema = encoder.schema
    raw = [f"raw-{number}" for number in range(len(schema.numeric))]
    tables = [
        np.append(words.encode(books.features[one.name].values()), np.int32(MISSING))  # the code -1 is its last
        for one, words in zip(schema.categorical, encoder.vocabularies, strict=True)
    ]

    def encoded(piece: tuple[slice, Any, Sequence[Any]]) -> tuple[slice, Any, NDArray[np.float32]]:
        span, codes, numbers = piece
        for some in _in_cache(codes) if schema.width else ():
            for (one, at), table in zip(schema.slots, tables, strict=True):
                some[:, at : at + one.hotness] = table[some[:, at : at + one.hotness]]
        return span, codes, encoder.scaled(numbers, span.stop - span.start)

    codes = pieces(folder, "codes", "int32", rows, schema.width) if schema.width else repeat(None)
    numbers = zip(*(pieces(folder, name, "float32", rows) for name in raw), strict=True) if raw else repeat(())
    ids = mapped_rows(folder, "codes", "int32", rows, schema.width) if schema.width else None
    with RowFiles(folder) as out:
        for span, block, scaled in ahead(encoded, zip(spans(rows, ids), codes, numbers, strict=False)):
            if ids is not None:
                ids[span] = block
            out.append("numeric", scaled)
            report("encoding", span.stop, rows)
    if ids is not None:
        (folder / "codes.bin").replace(folder / "ids.bin")
    for name in raw:
        (folder / f"{name}.bin").unlink()


def _in_cache(codes: NDArray[np.int32]) -> Iterator[NDArray[np.int32]]:
    """Views of so few rows that going through them column by column does not leave the processor's cache."""
    return (codes[start : start + _CACHED] for start in range(0, len(codes), _CACHED))


def _keys(folder: Path, rows: int, schema: Schema, books: Codebooks, given: NDArray[np.uint8]) -> Keys:
    def key(name: str | None) -> Any:
        return mapped_rows(folder, name, "int32", rows) if name is not None and name in books.keys else None

    grouped = "group" if schema.group is not None else "user" if schema.shape == "clicks" and schema.user else None
    return Keys(
        given=given,
        digest=mapped_rows(folder, "digest", "uint8", rows, 16),
        time=mapped_rows(folder, "time", "int64", rows) if schema.timestamp is not None else None,
        group=key(grouped),
        group_names=books.keys[grouped].values() if grouped is not None else None,
        user=key("user"),
        item=key("item"),
    )


def _write_names(path: Path, values: Any) -> None:
    table = pa.table({"value": values})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
