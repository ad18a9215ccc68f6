"""From a user's columns to the numbers a model takes; a snapshot keeps it, so that new rows become what training saw.

Shapes: R rows, N numeric inputs (a column and, where some were missing in training, its indicator), K ids.
"""

import json
import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from roadworthy.model_cards import InputError

from .number_scale import Scale
from .profile import as_lists
from .schema import Schema
from .values import as_numbers, as_text
from .vocabulary import Vocabulary

FILE = "features.json"
_FORMAT = "roadworthy/features/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """``vocabularies`` in the order of the schema's categorical columns, ``scales`` in that of its numeric ones."""

    schema: Schema
    vocabularies: tuple[Vocabulary, ...]
    scales: tuple[Scale, ...]

    @property
    def numeric_width(self) -> int:
        """N."""
        return sum(scale.width for scale in self.scales)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The vocabulary's size for each of the K ids; a column of lists has several, and one vocabulary."""
        of_columns = zip(self.schema.categorical, self.vocabularies, strict=True)
        return tuple(words.size for one, words in of_columns for _ in range(one.hotness))

    def begins(self, other: "Encoder") -> bool:
        """Whether ``other`` is this one, or was grown from it: every input means the same there."""
        return (self.schema, self.scales) == (other.schema, other.scales) and all(
            mine.begins(theirs) for mine, theirs in zip(self.vocabularies, other.vocabularies, strict=True)
        )

    def encode(self, frame: Any) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Numbers float32 [R, N] and ids int32 [R, K] of new rows.

        ``frame`` is a dict of columns, a ``pyarrow.Table``, or a dataframe of pandas, polars or any other library that
        hands out Arrow data. What else it holds, the label too, is not looked at.

        Raises:
            InputError: it is none of these, a feature's column is not there, or has text where numbers are expected.
        """
        columns = _columns(frame, self.schema.features, {one.name for one in self.schema.categorical})
        raw = [self._numbers(name, columns[name]) for name in self.schema.numeric]
        ids = [
            words.encode(hot)
            for one, words in zip(self.schema.categorical, self.vocabularies, strict=True)
            for hot in spread(columns[one.name], one.hotness)
        ]
        rows = len(next(iter(columns.values())))
        return self.scaled(raw, rows), np.stack(ids, axis=1) if ids else np.empty((rows, 0), np.int32)

    def _numbers(self, name: str, text: Any) -> NDArray[np.float32]:
        numbers, bad = as_numbers(text)
        if bad.any():
            at = int(np.flatnonzero(bad)[0])
            raise InputError(
                f"row {at + 1} of the new rows has {text[at].as_py()!r} in column {name!r}. Expected a number, as in "
                "training, or nothing."
            )
        return numbers.astype(np.float32)

    def scaled(self, raw: Sequence[NDArray[np.float32]], rows: int) -> NDArray[np.float32]:
        """float32 [R, N] of the raw numeric columns, float32 [R] each."""
        if not raw:
            return np.empty((rows, 0), np.float32)
        return np.concatenate([scale.apply(one) for scale, one in zip(self.scales, raw, strict=True)], axis=1)

    def save(self, folder: Path) -> Path:
        """Writes ``features.json``: the same bytes for the same encoder."""
        path = folder / FILE
        told = {**self.to_dict(values=False), "vocabularies": []}
        before, after = json.dumps(told, ensure_ascii=False, sort_keys=True, indent=1).rsplit("[]", 1)
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write(before)
            for number, words in enumerate(self.vocabularies):
                file.write(("," if number else "[") + "\n  " + _lines(words.values.to_pylist()))
            file.write(("\n ]" if self.vocabularies else "[]") + after + "\n")
        return path

    def to_dict(self, *, values: bool = True) -> dict[str, Any]:
        """All of it, as JSON has it; without the ``values`` of the vocabularies what stands before them."""
        found = {
            "format": _FORMAT,
            "schema": self.schema.to_dict(),
            "scales": [asdict(scale) for scale in self.scales],
        }
        return found | {"vocabularies": [words.values.to_pylist() for words in self.vocabularies]} if values else found

    @staticmethod
    def load(folder: Path) -> "Encoder":
        """What ``save`` wrote.

        Raises:
            InputError: it is not there, or not what ``save`` writes.
        """
        path = folder / FILE
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["format"] != _FORMAT:
                raise ValueError(f"format {found['format']!r}, expected {_FORMAT!r}")
            json.dumps(found["schema"], ensure_ascii=False).encode()  # JSON can hold half a character, a file cannot
            encoder = Encoder(
                schema=Schema.from_dict(found["schema"]),
                vocabularies=tuple(Vocabulary.of(values) for values in found["vocabularies"]),
                scales=tuple(Scale(**scale) for scale in found["scales"]),
            )
            if not all(_is_scale(one) for one in encoder.scales):
                raise ValueError("a scale that cannot be")
            if len(encoder.vocabularies) != len(encoder.schema.categorical):
                raise ValueError("not a vocabulary for each categorical column")
            if len(encoder.scales) != len(encoder.schema.numeric):
                raise ValueError("not a scale for each numeric column")
        except (OSError, ValueError, TypeError, KeyError, RecursionError, pa.ArrowException) as error:
            raise InputError(
                f"{path} is not the file that says how rows become numbers: {error}. Fetch the snapshot again."
            ) from error
        return encoder


def _lines(values: list[str]) -> str:
    """A list of text as ``json.dumps`` lays it out in lines, of which it makes millions only slowly."""
    if not values:
        return "[]"
    return "[\n   " + json.dumps(values, ensure_ascii=False, separators=(",\n   ", ": "))[1:-1] + "\n  ]"


def _is_scale(one: Scale) -> bool:
    told = isinstance(one.log, bool) and isinstance(one.indicator, bool)
    return told and math.isfinite(one.mean) and 0 < one.deviation < math.inf


def spread(text: Any, hotness: int) -> list[Any]:
    """A column as ``hotness`` columns of single values: each list's first ones, then nulls."""
    if not pa.types.is_list(text.type):
        if hotness == 1:
            return [text]
        text = as_lists(text)
    lengths = pc.list_value_length(text).to_numpy(zero_copy_only=False)
    first = text.offsets.to_numpy()[:-1]
    places = [pa.array(first + k, mask=lengths <= k) for k in range(hotness)]
    return [text.values.take(place) for place in places]


def _columns(frame: Any, names: Sequence[str], lists: Set[str]) -> dict[str, Any]:
    try:
        table = pa.table(dict(frame) if isinstance(frame, Mapping) else frame)
    except (TypeError, ValueError, pa.ArrowException) as error:
        raise InputError(
            f"new rows cannot be read from a {type(frame).__name__}: {error}. Expected a dataframe (pandas, polars), a "
            "pyarrow.Table, or a dict of columns of one length."
        ) from error
    found = {name.strip(): n for n, name in enumerate(table.column_names)}
    if lacking := [name for name in names if name not in found]:
        raise InputError(
            f"the new rows have no column {lacking[0]!r}, which the model was trained with. Found: "
            f"{', '.join(map(repr, found))}."
        )
    columns = {}
    for name in names:
        try:
            columns[name] = as_text(table.column(found[name]))
        except pa.ArrowException as error:
            raise InputError(
                f"column {name!r} of the new rows is a {table.schema.field(found[name]).type}. Expected numbers, text, "
                "or lists of either."
            ) from error
        if name not in lists and pa.types.is_list(columns[name].type):
            raise InputError(f"column {name!r} of the new rows has lists. Expected one value in each row.")
    return columns
