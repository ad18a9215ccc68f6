"""Fetching files, several at once: each hashed while it is written, resumed where an earlier copy was killed, renamed
when right.

The bytes of a file come in its order, whoever brings them (`moving`), so what a kill leaves is a beginning of it.
"""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager
from io import FileIO
from pathlib import Path

from roadworthy.model_cards.errors import DamagedError, StorageError
from roadworthy.model_cards.snapshot import FileEntry

from .checked import Passed, refuse_other
from .errors import UnreachableError
from .folder_store import explain
from .manifest import Manifest
from .moving import moved
from .registry import Registry
from .store import CHUNK

FILES_AT_ONCE = 4
_SYNCED = 64 << 20  # bytes


class Stopped(Exception):
    """Another file has failed, so that this one is not gone on with."""

    def __init__(self, *, for_now: bool) -> None:
        super().__init__()
        self.for_now = for_now  # the next attempt takes up what is there


class Meter:
    """Counts the bytes of a transfer that are done, for a progress bar; from several threads."""

    def __init__(self, total: int, progress: Callable[[int, int], None] | None) -> None:
        self._done = 0
        self._total = total
        self._progress = progress
        self._lock = threading.Lock()
        self._stopped: Stopped | None = None

    def passed(self, count: int) -> None:
        """``count`` more bytes are done.

        Raises:
            Stopped: nothing more is to be done.
        """
        with self._lock:
            if self._stopped is not None:
                raise Stopped(for_now=self._stopped.for_now)
            self._done += count
            if self._progress is not None:
                self._progress(self._done, self._total)

    def mark(self) -> "Share":
        """What one file has of it, from here on: where it must be fetched after all, that is taken back."""
        return Share(self)

    def stop(self, *, for_now: bool) -> None:
        """Lets nobody go on."""
        with self._lock:
            self._stopped = Stopped(for_now=for_now)


class Share:
    """The bytes of one file in a `Meter`."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._count = 0

    def passed(self, count: int) -> None:
        """As `Meter.passed`."""
        self._count += count
        self._meter.passed(count)

    def rewind(self) -> None:
        """None of it is done."""
        self._meter.passed(-self._count)
        self._count = 0


def each(files: Sequence[FileEntry], work: Callable[[FileEntry], None], meter: Meter) -> None:
    """Does ``work`` on every file, several at once. After the first error nothing more is begun, and it is raised."""
    with ThreadPoolExecutor(FILES_AT_ONCE, thread_name_prefix="file") as pool:
        begun = [pool.submit(work, file) for file in files]
        try:
            for done in as_completed(begun):
                done.result()
        except BaseException as error:
            meter.stop(for_now=isinstance(error, UnreachableError | KeyboardInterrupt))
            pool.shutdown(cancel_futures=True)
            raise


def fetch(registry: Registry, manifest: Manifest, file: FileEntry, to: Path, partial: Path, meter: Meter) -> None:
    """Puts ``file`` of a version at ``to``, by way of ``partial`` on the same disk.

    What a killed fetch left in ``partial`` is hashed again and taken up. The caller holds a lock on both.

    Raises:
        DamagedError: the stored bytes are not the right ones. Nothing is left behind.
        UnreachableError: the server went away. What came stays, and is taken up the next time.
        StorageError: they cannot be read, or not be written. Nothing is left behind.
    """
    share = meter.mark()
    try:
        with _opened(partial) as out:
            resumed = os.fstat(out.fileno()).st_size
            try:
                _fill(registry, manifest, file, out, share.passed)
            except DamagedError:
                if not resumed:
                    raise
                # Whose fault that is shows when the whole file is fetched: after a power cut, the beginning's.
                share.rewind()
                out.truncate(0)
                _fill(registry, manifest, file, out, share.passed)
            os.fsync(out.fileno())
        partial.replace(to)
    except UnreachableError:
        raise
    except Stopped as stopped:
        if not stopped.for_now:
            partial.unlink(missing_ok=True)
        raise
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise StorageError(explain(error, f"write {to}", file.size, to.parent)) from error
    except StorageError:
        partial.unlink(missing_ok=True)
        raise


def _fill(registry: Registry, manifest: Manifest, file: FileEntry, out: FileIO, passed: Passed) -> None:
    """Completes ``out``, and checks all of it."""
    digest = hashlib.sha256()
    out.seek(0)
    while chunk := out.read(CHUNK):
        digest.update(chunk)
        passed(len(chunk))
    size, unsynced = out.tell(), 0
    hashed = synced = None
    come = moved(registry, manifest, file, out)
    with ThreadPoolExecutor(2, thread_name_prefix="fetch") as helpers, closing(come):
        for part in come:
            if hashed is not None:
                hashed.result()
            hashed = helpers.submit(digest.update, part)
            size += len(part)
            unsynced += len(part)
            if unsynced >= _SYNCED and (synced is None or synced.done()):
                # The disk begins while bytes still come, so that little is left to wait for at the end.
                synced, unsynced = helpers.submit(os.fdatasync, out.fileno()), 0
            passed(len(part))
    refuse_other(file, f"{file.path} of {manifest.reference}", size, digest.hexdigest())


@contextmanager
def _opened(partial: Path) -> Iterator[FileIO]:
    with FileIO(os.open(partial, os.O_RDWR | os.O_CREAT, 0o666), "r+") as out:
        yield out
