"""Fetching one file: hashed while it is copied, resumed where an earlier copy was killed, renamed when right."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from roadworthy.model_cards.errors import DamagedError, StorageError
from roadworthy.model_cards.snapshot import FileEntry

from .checked import CheckedReader
from .folder_store import explain
from .manifest import Manifest
from .registry import Registry


class Meter:
    """Counts the bytes of a pull that are done, for a progress bar."""

    def __init__(self, total: int, progress: Callable[[int, int], None] | None) -> None:
        self._done = 0
        self._total = total
        self._progress = progress

    def passed(self, count: int) -> None:
        """``count`` more bytes are done."""
        self._done += count
        if self._progress is not None:
            self._progress(self._done, self._total)

    def mark(self) -> Callable[[], None]:
        """A function that goes back to where the meter stands now: what was read must be fetched after all."""
        before = self._done

        def rewind() -> None:
            self._done = before

        return rewind


def fetch(registry: Registry, manifest: Manifest, file: FileEntry, to: Path, partial: Path, meter: Meter) -> None:
    """Puts ``file`` of a version at ``to``, by way of ``partial`` beside it.

    What a killed fetch left in ``partial`` is hashed again and taken up. The caller holds a lock on both.

    Raises:
        DamagedError: the stored bytes are not the right ones. Nothing is left behind.
        StorageError: they cannot be read, or not be written. Nothing is left behind.
    """
    rewind = meter.mark()
    what = f"{file.path} of {manifest.reference}"
    try:
        with registry.open(file, manifest.reference) as stream, partial.open("a+b") as out:
            out.seek(0)
            reader = CheckedReader(stream, file, what, meter.passed)
            try:
                resumed = reader.skip(out)
                _pour(reader, out)
            except DamagedError:
                if not resumed:
                    raise
                # Whose fault that is shows when the whole file is fetched: after a power cut, the prefix's.
                rewind()
                out.truncate(0)
                stream.seek(0)
                _pour(CheckedReader(stream, file, what, meter.passed), out)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(to)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise StorageError(explain(error, f"write {to}", file.size, to.parent)) from error
    except StorageError:
        partial.unlink(missing_ok=True)
        raise


def _pour(reader: CheckedReader, out: BinaryIO) -> None:
    while chunk := reader.read():
        out.write(chunk)
