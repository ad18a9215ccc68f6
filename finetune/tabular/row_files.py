"""Columns of very many rows as files of numbers: appended to, read in pieces, mapped without holding their pages."""

import mmap
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

BLOCK = 2**16  # rows looked at in one piece


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


def spans(rows: int, *arrays: NDArray[Any] | None) -> Iterator[slice]:
    """All rows in blocks; after each, pages of ``arrays`` that lie in files are given back.

    Mapped pages count as memory of the process until then, though the system could take them at any time.
    """
    for start in range(0, rows, BLOCK):
        yield slice(start, min(start + BLOCK, rows))
        for array in arrays:
            give_back(array)


def give_back(array: Any) -> None:
    """Says that what was read of a mapped array needs no memory for now; it stays mapped."""
    while array is not None and not isinstance(array, mmap.mmap):
        array = getattr(array, "base", None)
    if array is not None and hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
        array.madvise(mmap.MADV_DONTNEED)


def mapped_rows(folder: Path, name: str, kind: str, *shape: int) -> Any:
    """A file as an array that can be read and written."""
    return np.memmap(folder / f"{name}.bin", dtype=kind, mode="r+", shape=shape)


def pieces(folder: Path, name: str, kind: str, rows: int, width: int | None = None) -> Iterator[Any]:
    """A file from its beginning, read and not mapped: [n], or with a ``width`` [n, width], n rows as in ``spans``."""
    with (folder / f"{name}.bin").open("rb") as file:
        for span in spans(rows):
            count = span.stop - span.start
            flat = np.fromfile(file, dtype=kind, count=count * (width or 1))
            yield flat.reshape(count, width) if width else flat
