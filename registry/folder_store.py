"""The embedded default: a folder.

A file is written under `tmp/`, made durable, and linked to its name, which fails if the name is taken.
A temporary file is locked while its writer lives. Whoever writes next removes those whose lock can be
taken, so that kills never make them grow.
"""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from roadworthy.model_cards.errors import NotFoundError, StorageError
from roadworthy.model_cards.snapshot import check_path

from . import lock
from .errors import ExistsError
from .layout import TEMPORARY
from .store import CHUNK, Source

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_RENAMES = "renames.lock"


class FolderStore:
    """A `Store` on a local or network file system.

    ``hard_links=False`` is for file systems without them: a name is then taken by looking and renaming
    under one lock. It is also what is done where linking turns out to be unsupported.
    """

    def __init__(self, root: Path, *, hard_links: bool = True) -> None:
        self.root = root
        self._hard_links = hard_links
        self._temporary = root / TEMPORARY

    def __repr__(self) -> str:
        return f"FolderStore({str(self.root)!r})"

    def create(self, key: str, source: Source | bytes) -> None:
        """See `Store.create`. Files are read-only from the start."""
        final = self._path(key)
        size = len(source) if isinstance(source, bytes) else source.size
        with _explained(f"write {final}", size, self.root):
            if final.exists():
                raise ExistsError(f"{key} exists in {self.root}, and nothing stored is ever overwritten.")
            _make_folder(self._temporary)
            self._sweep()
            with self._open_temporary() as (temporary, file):
                _fill(file, source)
                _make_folder(final.parent)
                self._give_name(temporary, final, key)
                _sync_folder(final.parent)

    def open(self, key: str) -> BinaryIO:
        """See `Store.open`."""
        with self._found(key) as path:
            return path.open("rb")

    def size(self, key: str) -> int:
        """See `Store.size`."""
        with self._found(key) as path:
            return path.stat().st_size

    def list(self, prefix: str) -> Iterator[str]:
        """See `Store.list`."""
        folder = prefix.rpartition("/")[0]
        top = self._path(folder) if folder else self.root
        found = []
        with _explained(f"list {top}", 0, self.root):
            for path, folders, files in os.walk(top, onerror=_raise_unless_gone):
                if Path(path) == self.root and TEMPORARY in folders:
                    folders.remove(TEMPORARY)
                where = Path(path).relative_to(self.root)
                found += [(where / file).as_posix() for file in files]
        return iter(sorted(key for key in found if key.startswith(prefix)))

    def delete(self, key: str) -> None:
        """See `Store.delete`."""
        with self._found(key, "delete") as path:
            path.unlink()
            _sync_folder(path.parent)

    @contextmanager
    def aside(self) -> Iterator[Path]:
        """An empty folder on the store's own file system, gone afterwards, or swept like a temporary file after a kill.

        Raises:
            StorageError: it cannot be made.
        """
        with _explained(f"write {self._temporary}", 0, self.root):
            _make_folder(self._temporary)
            path, descriptor = self._locked_folder()
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
            os.close(descriptor)

    def _locked_folder(self) -> tuple[Path, int]:
        while True:
            path = self._temporary / secrets.token_hex(16)
            path.mkdir()
            with suppress(FileNotFoundError):  # swept in the moment before it was locked
                descriptor = os.open(path, os.O_RDONLY)
                lock.wait(descriptor)
                if lock.names(path, descriptor):
                    return path, descriptor
                os.close(descriptor)

    def _path(self, key: str) -> Path:
        return self.root / check_path(key)

    @contextmanager
    def _found(self, key: str, verb: str = "read") -> Iterator[Path]:
        path = self._path(key)
        with _explained(f"{verb} {path}", 0, self.root):
            try:
                if path.is_dir():
                    raise IsADirectoryError
                yield path
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise NotFoundError(f"{key} is not in {self.root}. See what is: roadworthy models") from None

    def _sweep(self) -> None:
        for path in self._temporary.iterdir():
            if path.name == _RENAMES:
                continue
            with suppress(FileNotFoundError, PermissionError):  # gone already, or somebody else's
                descriptor = os.open(path, os.O_RDONLY)
                try:
                    if lock.try_lock(descriptor):
                        shutil.rmtree(path) if path.is_dir() else path.unlink()
                finally:
                    os.close(descriptor)

    @contextmanager
    def _open_temporary(self) -> Iterator[tuple[Path, BinaryIO]]:
        while True:
            path = self._temporary / secrets.token_hex(16)
            with path.open("xb") as file:
                lock.wait(file.fileno())
                if not lock.names(path, file.fileno()):
                    continue  # swept in the moment before it was locked
                try:
                    yield path, file
                finally:
                    path.unlink(missing_ok=True)
                return

    def _give_name(self, temporary: Path, final: Path, key: str) -> None:
        try:
            if self._hard_links:
                try:
                    os.link(temporary, final)
                    return
                except OSError as error:
                    if error.errno not in _NO_LINKS:
                        raise
            with lock.held(self._temporary / _RENAMES):
                if final.exists():
                    raise FileExistsError
                temporary.rename(final)
        except FileExistsError:
            raise ExistsError(f"{key} exists in {self.root}, and nothing stored is ever overwritten.") from None


def _fill(file: BinaryIO, source: Source | bytes) -> None:
    if isinstance(source, bytes):
        file.write(source)
    else:
        while chunk := source.read(CHUNK):
            file.write(chunk)
    file.flush()
    descriptor = file.fileno()
    os.fchmod(descriptor, os.fstat(descriptor).st_mode & 0o444)
    os.fsync(descriptor)


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    # Without this a name that was seen may be gone after a power cut.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that cannot, and need not
            raise
    finally:
        os.close(descriptor)


def _raise_unless_gone(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


@contextmanager
def _explained(action: str, needed: int, root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(explain(error, action, needed, root)) from error


def explain(error: OSError, action: str, needed: int, root: Path) -> str:
    """What the user can do about an error of the operating system."""
    if error.errno in _FULL:
        return (
            f"cannot {action}: no space left for {needed:,} bytes in {root}. "
            "Nothing was changed; free some space, or choose another folder, and try again."
        )
    if error.errno in _FORBIDDEN:
        return (
            f"cannot {action}: no permission. Expected a folder that you may use. "
            "Nothing was changed; choose another folder, or ask its owner."
        )
    return f"cannot {action}: {error.strerror or error}. Nothing was changed."
