"""A snapshot as plain files in a folder of the user's choice."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from roadworthy.model_cards.errors import InputError, RoadworthyError, StorageError
from roadworthy.model_cards.snapshot import FileEntry, list_files

from . import lock
from .checked import holds
from .errors import UnreachableError
from .fetch import Meter, each, fetch
from .folder_store import explain
from .manifest import Manifest
from .registry import Registry


def land(registry: Registry, manifest: Manifest, to: Path, meter: Meter) -> Path:
    """Makes ``to`` the snapshot of a version: staged in a folder beside it and moved when it is whole.

    A folder that is this snapshot already is left as it is. A kill leaves the staging folder, which the next
    pull of the same version to the same place takes up.

    Raises:
        InputError: ``to`` is a file, or a folder that holds anything else.
        DamagedError: stored bytes are not the right ones; nothing is visible.
        StorageError: the folder cannot be written; nothing is visible.
    """
    to = to.absolute()
    staging = to.with_name(f".{to.name}.{manifest.commit[:12]}.partial")
    if _is_here(to, manifest):
        _clear(staging)
        meter.passed(manifest.total)
        return to
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with _staged(staging):
            if _is_here(to, manifest):  # another pull was faster
                meter.passed(manifest.total)
                return to
            files = staging / "files"

            def bring(file: FileEntry) -> None:
                path, begun = files / file.path, staging / "incomplete" / file.path
                path.parent.mkdir(parents=True, exist_ok=True)
                begun.parent.mkdir(parents=True, exist_ok=True)
                share = meter.mark()
                if not holds(path, file, share.passed):
                    share.rewind()
                    fetch(registry, manifest, file, path, begun, meter)

            each(manifest.files, bring, meter)
            files.rename(to)  # takes the place of an empty folder, and of nothing else
    except OSError as error:
        raise StorageError(explain(error, f"write {to}", manifest.total, to.parent)) from error
    return to


def _clear(staging: Path) -> None:
    # Left by a pull that was killed after its folder took its place. The snapshot is whole whether or not it goes.
    with suppress(OSError):
        if staging.exists():
            with _staged(staging):
                pass


def _is_here(to: Path, manifest: Manifest) -> bool:
    if not to.exists() or (to.is_dir() and not any(to.iterdir())):
        return False
    if to.is_dir() and list_files(to) == manifest.files:
        return True
    raise InputError(
        f"{to} is in use: expected an empty or new folder, or {manifest.reference} itself. "
        "Nothing was changed; choose another folder."
    )


@contextmanager
def _staged(staging: Path) -> Iterator[None]:
    while True:
        staging.mkdir(exist_ok=True)
        try:
            descriptor = os.open(staging, os.O_RDONLY)
        except FileNotFoundError:
            continue  # its last owner has removed it
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not lock.names(staging, descriptor):
                continue  # its last owner has removed it
            try:
                yield
            except UnreachableError:
                raise  # what came is taken up the next time
            except (RoadworthyError, OSError):
                shutil.rmtree(staging)
                raise
            shutil.rmtree(staging)
            return
        finally:
            os.close(descriptor)
