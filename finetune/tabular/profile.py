"""What the columns of a user's files look like, from the first rows of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from roadworthy.finetune.text_table import table_files
from roadworthy.model_cards import InputError

from .bad_rows import BadRows
from .blocks import read_blocks
from .values import Kind, kind_of

_SAMPLE = 200_000  # rows that a schema is inferred from, the first ones of each file
_LEAST = 2_000  # of each file


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One column. All counts are of the sampled rows; ``low`` and ``high`` of numbers; ``hotness``: its longest list.

    ``values`` are the first distinct ones, sorted, no more than three.
    """

    name: str
    kind: Kind
    rows: int
    missing: int
    distinct: int
    values: tuple[str, ...]
    example: str
    low: float | None = None
    high: float | None = None
    hotness: int = 1

    @property
    def unique(self) -> bool:
        """Whether no value occurs twice."""
        return self.rows > 1 and self.distinct == self.rows - self.missing and self.distinct > 1


def profiles_of(root: Path) -> tuple[Profile, ...]:
    """The columns of all files below ``root``, which must be the same in each.

    Raises:
        InputError: no such data, no rows, or files with different columns.
    """
    _, files = table_files(root)
    samples: list[Mapping[str, Any]] = []
    rows = max(_LEAST, _SAMPLE // len(files))
    for path, _part in files:
        sample = _sample(path, rows)
        if samples and set(sample) != set(samples[0]):
            raise InputError(_differ(files[0][0], samples[0], path, sample))
        samples.append(sample)
    names = list(samples[0])
    if not names or not len(samples[0][names[0]]):
        raise InputError(f"0 rows in {files[0][0]}. Expected rows below the names of the columns. Check the file.")
    return tuple(_profile(name, [sample[name] for sample in samples]) for name in names)


def _sample(path: Path, most: int) -> Mapping[str, Any]:
    blocks, rows = [], 0
    for block in read_blocks(path, BadRows()):
        blocks.append(block)
        rows += len(block)
        if rows >= most:
            break
    if not blocks:
        return {}
    return {name: _joined([block.columns[name] for block in blocks])[:most] for name in blocks[0].columns}


def _joined(pieces: Sequence[Any]) -> Any:
    """One column of several pieces; where one of them has lists, all do."""
    if any(pa.types.is_list(piece.type) for piece in pieces):
        pieces = [piece if pa.types.is_list(piece.type) else as_lists(piece) for piece in pieces]
    return pa.concat_arrays(pieces)


def as_lists(text: Any) -> Any:
    """A column of single values as lists of one; of none where it is missing."""
    present = text.is_valid().to_numpy(zero_copy_only=False)
    return pa.ListArray.from_arrays(pa.array([0, *present.cumsum()], pa.int32()), text.drop_null())


def _profile(name: str, pieces: Sequence[Any]) -> Profile:
    column = _joined(pieces)
    kind = kind_of(column)
    if kind == "list":
        flat, missing = pc.list_flatten(column), pc.sum(pc.equal(pc.list_value_length(column), 0)).as_py()
        hotness = max(1, pc.max(pc.list_value_length(column)).as_py() or 1)
    else:
        flat, missing, hotness = column, column.null_count, 1
    distinct = pc.unique(flat.drop_null())
    low = high = None
    if kind in ("integer", "number") and len(distinct):
        ends = pc.min_max(distinct.cast(pa.float64()))
        low, high = ends["min"].as_py(), ends["max"].as_py()
    first = flat.drop_null()[:1].to_pylist()
    return Profile(
        name=name,
        kind=kind,
        rows=len(column),
        missing=missing,
        distinct=len(distinct),
        values=tuple(sorted(distinct[:3].to_pylist())),
        example=first[0] if first else "",
        low=low,
        high=high,
        hotness=hotness,
    )


def _differ(first: Path, columns: Mapping[str, Any], other: Path, found: Mapping[str, Any]) -> str:
    lacks = sorted(set(columns) - set(found))
    more = sorted(set(found) - set(columns))
    said = [f"{other.name} has no {', '.join(map(repr, lacks))}"] if lacks else []
    said += [f"{first.name} has no {', '.join(map(repr, more))}"] if more else []
    return (
        f"the columns of {first.name} and {other.name} differ: {'; '.join(said)}. Expected the same columns in every "
        "file of the data. Add or remove them."
    )
