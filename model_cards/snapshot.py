"""A snapshot: one folder of files in Hugging Face layout, seen as a sorted list of digests."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .errors import InputError

CERTIFICATE = "certificate.json"
MODEL_SIGNATURE = "model.sig"  # of all other files, the certificate among them, which therefore cannot cover it
CARD = "README.md"
CONFIG = "config.json"
WEIGHTS = "model.safetensors"
EVIDENCE = "evidence/test.jsonl"
PARENT_EVIDENCE = "evidence/parent.jsonl"
PARENT_TEST = "evidence/parent-test.jsonl"  # this version on the parent's own test data
PARENT_TEST_EVIDENCE = "evidence/parent-test-parent.jsonl"  # the parent there, as its own version holds it
NEAR = "evidence/near.jsonl"  # test examples that are nearly the same as one that was trained on
EXAMPLES = "evidence/examples"
EVENTS = "log/events.log"
SKETCH = "data/train.sketch"  # which examples were trained on, for whoever has one to ask about

_CHUNK = 1 << 20  # bytes; large enough that hashing, not the calls, takes the time


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """One file: relative POSIX path, size in bytes, SHA-256 in lower-case hex."""

    path: str
    size: int
    sha256: str


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def entry_of(file: Path, path: str) -> FileEntry:
    """The entry of the file ``file`` under the snapshot path ``path``."""
    return FileEntry(path=path, size=file.stat().st_size, sha256=sha256_of(file))


def attempt_log(number: int) -> str:
    """The path of the event log of attempt ``number``, for the attempts that are not shipped."""
    return f"log/attempt-{number}.log"


def pictures_in(files: Iterable[FileEntry]) -> frozenset[str]:
    """The paths of the examples' pictures, which a card shows if its publisher put them there."""
    return frozenset(file.path for file in files if file.path.startswith(f"{EXAMPLES}/") and file.path.endswith(".jpg"))


def coverable(files: Iterable[FileEntry]) -> tuple[FileEntry, ...]:
    """The files that a certificate covers: all but the two that are signatures over the others."""
    return tuple(file for file in files if file.path not in (CERTIFICATE, MODEL_SIGNATURE))


def check_path(path: str) -> str:
    """``path`` itself, if it is a plain relative POSIX path that stays inside its folder.

    Raises:
        InputError: absolute, empty, with ``..``, a backslash, a control character or a reserved end.
    """
    parts = PurePosixPath(path).parts
    if (
        not path
        or path != "/".join(parts)
        or path.startswith("/")
        or any(part in ("..", ".") or part.endswith((" ", ".")) for part in parts)
        or any(ord(c) < 32 or c in '\\:*?"<>|\x7f' for c in path)
        # A name on disk that is not UTF-8, as Python hands it over: no JSON can hold it.
        or any("\ud800" <= c <= "\udfff" for c in path)
    ):
        raise InputError(
            f"file path {path!r} leaves its folder or cannot exist everywhere. "
            "Expected a relative path such as 'log/events.log'. Nothing was written."
        )
    return path


def leads_away(file: Path, folder: Path) -> bool:
    """Whether ``file`` is a link to something that is neither in ``folder`` nor, of a Hub cache's, its blob."""
    if not file.is_symlink():
        return False
    target, root = file.resolve(), folder.resolve()
    homes = [root, root.parent.parent / "blobs"] if root.parent.name == "snapshots" else [root]
    return not any(target.is_relative_to(home) for home in homes)


def _walk(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.is_dir():
            if entry.is_symlink():
                raise InputError(
                    f"{entry} is a link to a folder; a snapshot holds plain files. Copy its files instead."
                )
            yield from _walk(entry)
        else:
            yield entry


def list_files(folder: Path, *, known: Iterable[FileEntry] = ()) -> tuple[FileEntry, ...]:
    """Every file below ``folder`` with its digest, sorted by path.

    A file that is ``known`` and has that size is not read: whoever says so has to see to its digest.

    Raises:
        InputError: ``folder`` is no folder, or holds something that is not a readable file.
    """
    if not folder.is_dir():
        raise InputError(f"no snapshot at {folder}: expected a folder with {CONFIG} and {WEIGHTS}.")
    entries, stated = [], {file.path: file for file in known}
    for path in _walk(folder):
        if not path.is_file():
            raise InputError(f"{path} is not a regular file; a snapshot holds plain files. Remove it.")
        name = check_path(path.relative_to(folder).as_posix())
        said = stated.get(name)
        entries.append(said if said is not None and said.size == path.stat().st_size else entry_of(path, name))
    return tuple(sorted(entries, key=lambda entry: entry.path))
