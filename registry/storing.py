"""Storing the files of a version or a draft: each by its digest, hashed on its way in."""

from collections.abc import Callable, Container
from contextlib import suppress
from pathlib import Path

from roadworthy.model_cards.errors import CheckError, DamagedError, NotFoundError, StorageError
from roadworthy.model_cards.snapshot import FileEntry

from . import layout
from .checked import CheckedReader
from .errors import ExistsError
from .manifest import Manifest
from .registry import Registry
from .stored import blob_size, open_blob

# Called with the bytes that are done and the bytes there are.
Progress = Callable[[int, int], None]


def store_files(
    registry: Registry,
    folder: Path,
    made: Manifest,
    progress: Progress | None,
    *,
    arrived: Container[str] = frozenset(),
) -> None:
    """Stores every file of a manifest; what is stored already is hashed again, and not copied.

    ``arrived``: digests of what was hashed on its way into the registry just now, which is not done twice.

    Raises:
        CheckError: a file of ``folder`` is not what the manifest says.
        DamagedError: a stored blob is not what its key says.
        StorageError: a file cannot be read, or the registry not be written.
    """
    done = 0

    def passed(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, made.total)

    for file in made.files:
        if file.sha256 in arrived and _is_there(registry, file):
            passed(file.size)
            continue
        _store_file(registry, folder / file.path, file, passed)


def _is_there(registry: Registry, file: FileEntry) -> bool:
    with suppress(NotFoundError):  # swept, if somebody took an hour to ask for the version
        return blob_size(registry.store, file.sha256) == file.size
    return False


def _store_file(registry: Registry, path: Path, file: FileEntry, passed: Callable[[int], None]) -> None:
    key = layout.blob_key(file.sha256)
    try:
        # What is there already is hashed too: a version must not come to rest on a damaged blob.
        with open_blob(registry.store, file.sha256) as stream:
            for chunk in iter(CheckedReader(stream, file, f"the stored {key}").read, b""):
                passed(len(chunk))
        return
    except NotFoundError:
        pass
    except DamagedError as error:
        raise DamagedError(f"{error} Nothing was published; delete that blob, then publish again.") from error
    try:
        with path.open("rb") as stream:
            registry.store.create(key, CheckedReader(stream, file, str(path), passed))
    except ExistsError:
        pass  # another publisher of the same bytes was faster
    except DamagedError as error:
        raise CheckError(f"{path} changed while it was being published: {error}", (str(error),)) from error
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}. Nothing was published.") from error
