"""A snapshot folder made of stored blobs, for what is checked in one."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from roadworthy.model_cards.snapshot import FileEntry
from roadworthy.registry import layout
from roadworthy.registry.checked import CheckedReader
from roadworthy.registry.folder_store import FolderStore
from roadworthy.registry.manifest import check_files
from roadworthy.registry.store import Store


@contextmanager
def laid_out(store: Store, files: Sequence[FileEntry]) -> Iterator[Path]:
    """The folder: hard links where the store is one on disks that have them, else copies. Nobody writes into it.

    Raises:
        DamagedError: a blob is not what its key says.
        InputError: the files cannot lie in one folder.
        NotFoundError: a blob is not there.
    """
    check_files(files)
    if isinstance(store, FolderStore):
        with store.aside() as aside:
            for file in files:
                _link(store, file, _place(aside, file))
            yield aside
        return
    with tempfile.TemporaryDirectory(prefix="roadworthy-publish-") as name:
        for file in files:
            _copy(store, file, _place(Path(name), file))
        yield Path(name)


def _place(folder: Path, file: FileEntry) -> Path:
    path = folder / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _link(store: FolderStore, file: FileEntry, path: Path) -> None:
    try:
        path.hardlink_to(store.root / layout.blob_key(file.sha256))
    except OSError:
        _copy(store, file, path)


def _copy(store: Store, file: FileEntry, path: Path) -> None:
    with store.open(layout.blob_key(file.sha256)) as stream, path.open("wb") as out:
        reader = CheckedReader(stream, file, file.path)
        while chunk := reader.read():
            out.write(chunk)
