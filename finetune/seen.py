"""Content digests of all that a run was trained or stopped on: sorted, in a file, so that there may be any number.

The file: a byte W, how long a digest is, then the digests of W bytes each in ascending order, each once.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roadworthy.model_cards import InputError, StorageError

_AT_ONCE = 2**16  # digests turned into text in one piece


class Seen:
    """The digests in a file, mapped and not read; an empty set where there is none in it."""

    def __init__(self, path: Path) -> None:
        """Raises InputError where the file is missing or was cut off."""
        try:
            size = path.stat().st_size
            with path.open("rb") as file:
                width = (file.read(1) or b"\0")[0]
        except OSError as error:
            raise InputError(
                f"{path} cannot be read: {error.strerror}. Run the same finetune command again."
            ) from error
        if size == 0 or (width == 0) != (size == 1) or (width and (size - 1) % width):
            raise InputError(f"{path} holds {size} bytes, which are no digests of {width} bytes each. Start a new run.")
        # As text of one length they sort as bytes do; a zero at the end, which such text has not, is put there again.
        kind = f"S{width or 1}"
        self._digests: Any = np.memmap(path, dtype=kind, mode="r", offset=1) if width else np.empty(0, dtype=kind)

    def __len__(self) -> int:
        """How many different ones there are."""
        return len(self._digests)

    def __iter__(self) -> Iterator[str]:
        """Each as hexadecimal digits, in ascending order."""
        width = self._digests.dtype.itemsize
        for start in range(0, len(self), _AT_ONCE):
            text = self._digests[start : start + _AT_ONCE].tobytes().hex()
            yield from (text[at : at + 2 * width] for at in range(0, len(text), 2 * width))

    def holds(self, ids: Sequence[str]) -> list[bool]:
        """Which of these digests are among them."""
        if not len(self):
            return [False] * len(ids)
        asked = np.array([bytes.fromhex(one) for one in ids], dtype=self._digests.dtype)
        at = np.minimum(np.searchsorted(self._digests, asked), len(self) - 1)
        found: list[bool] = (self._digests[at] == asked).tolist()
        return found


def digests_of(ids: Iterable[str]) -> Iterator[NDArray[np.uint8]]:
    """The digests of not too many ids, [n, W], as `write_seen` takes them."""
    ordered = sorted(set(ids))
    if ordered:
        yield np.frombuffer(bytes.fromhex("".join(ordered)), dtype=np.uint8).reshape(len(ordered), -1)


def write_seen(path: Path, pieces: Iterable[NDArray[np.uint8]]) -> None:
    """Writes digests that come in ascending order, each once, uint8 [n, W] a piece.

    Raises:
        StorageError: the folder cannot be written.
    """
    aside, width = path.with_suffix(".tmp"), 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            for piece in pieces:
                if not width:
                    width = piece.shape[1]
                    file.write(bytes([width]))
                file.write(np.ascontiguousarray(piece).data)
            if not width:
                file.write(b"\0")
        aside.replace(path)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror}. Expected a folder that can be written; choose another --out."
        ) from error
