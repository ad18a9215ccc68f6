"""A table as numbers on disk, mapped into memory: any rows of it in any order, however large the whole is.

store/
  store.json     written last, so that a store that has it is whole: what it was made of, and of how many rows
  features.json  the encoder, as a snapshot keeps it
  numeric.bin    float32 [R, N]   ids.bin    int32 [R, K]
  label.bin      uint8 [R]        part.bin   uint8 [R]: 0 train, 1 validation, 2 test, 3 left out
  digest.bin     uint8 [R, 16]    place.bin  int64 [R]: file times 2^40 plus the row's number in it
  time.bin       int64 [R]        group.bin, user.bin, item.bin  int32 [R], -1 where there is none; each only where
                                  the table has it, and group.arrow … the text of each number
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from roadworthy.finetune.groups import Grouping
from roadworthy.finetune.split import Part

from .content import BYTES
from .encoder import Encoder
from .row_files import give_back
from .row_split import NUMBER, RowSplit
from .schema import Schema

INDEX = "store.json"
FORMAT = "roadworthy/rows/2"  # raised when the layout changes, or what the schema's rules make of the same files
FILE_BASE = 2**40  # rows of a file are fewer
Key = Literal["group", "user", "item"]
KEYS: tuple[Key, ...] = ("group", "user", "item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """R rows. ``label`` is none for ratings, all of them positives; keys and ``time`` only where the table has them."""

    folder: Path
    encoder: Encoder
    split: RowSplit
    files: tuple[str, ...]
    numeric: NDArray[np.float32]
    ids: NDArray[np.int32]
    label: NDArray[np.uint8] | None
    part: NDArray[np.uint8]
    digest: NDArray[np.uint8]
    place: NDArray[np.int64]
    time: NDArray[np.int64] | None
    group: NDArray[np.int32] | None
    user: NDArray[np.int32] | None
    item: NDArray[np.int32] | None

    def __len__(self) -> int:
        """R."""
        return len(self.part)

    @property
    def schema(self) -> Schema:
        """What its columns are for."""
        return self.encoder.schema

    def rows(self, part: Part) -> NDArray[np.int64]:
        """Numbers of the rows of a part, in the order of the user's files."""
        return np.flatnonzero(np.asarray(self.part) == NUMBER[part]).astype(np.int64)

    def batch(self, rows: NDArray[np.integer]) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.uint8]]:
        """Numbers float32 [B, N], ids int32 [B, K] and labels uint8 [B] of the rows, in their order."""
        label = np.ones(len(rows), np.uint8) if self.label is None else self.label[rows]
        return self.numeric[rows], self.ids[rows], label

    def give_back(self) -> None:
        """Says that what was read of the files needs no memory for now; they stay mapped."""
        for array in (self.numeric, self.ids, self.label, self.digest, self.place, self.time, self.group, self.user):
            give_back(array)

    def id(self, row: int) -> str:
        """The content digest of a row: 32 hexadecimal digits."""
        return bytes(self.digest[row]).hex()

    def where(self, row: int) -> str:
        """File and row, as a user counts them: ``clicks.csv:17``."""
        file, number = divmod(int(self.place[row]), FILE_BASE)
        return f"{self.files[file]}:{number}"

    def names(self, key: Key) -> Any:
        """The text of each number of a key, ``pa.string()``."""
        with pa.memory_map(str(self.folder / f"{key}.arrow")) as file:
            return pa.ipc.open_file(file).read_all().column(0).combine_chunks()


def open_store(folder: Path, stamp: str) -> Store | None:
    """The store in a folder, if there is a whole one that bears this stamp."""
    try:
        found = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or found.get("stamp") != stamp:
        return None
    return mapped(folder, found)


def mapped(folder: Path, found: Mapping[str, Any]) -> Store:
    """The store that an index describes."""
    encoder = Encoder.load(folder)
    rows, schema = int(found["rows"]), encoder.schema

    def array(name: str, kind: str, *shape: int) -> Any:
        if not rows or 0 in shape:
            return np.empty((rows, *shape), dtype=kind)
        # A plain view: indexing a memmap makes a memmap of every batch, which costs more than small batches do.
        return np.asarray(np.memmap(folder / f"{name}.bin", dtype=kind, mode="r", shape=(rows, *shape)))

    def key(name: Key) -> Any:
        return array(name, "int32") if getattr(schema, name) is not None else None

    return Store(
        folder=folder,
        encoder=encoder,
        split=_split(found["split"]),
        files=tuple(found["files"]),
        numeric=array("numeric", "float32", encoder.numeric_width),
        ids=array("ids", "int32", schema.width),
        label=array("label", "uint8") if schema.label is not None else None,
        part=array("part", "uint8"),
        digest=array("digest", "uint8", BYTES),
        place=array("place", "int64"),
        time=array("time", "int64") if schema.timestamp is not None else None,
        group=key("group"),
        user=key("user"),
        item=key("item"),
    )


def _split(found: Mapping[str, Any]) -> RowSplit:
    values = dict(found)
    grouping = values.pop("grouping")
    return RowSplit(
        given=frozenset(values.pop("given")), grouping=None if grouping is None else Grouping(**grouping), **values
    )
