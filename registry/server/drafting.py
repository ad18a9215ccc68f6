"""A commit: what a Hub client changes becomes the next draft of a branch, or nothing does.

The files are inspected as those of an import are (`intake`), and the draft takes the number after the one that it was
made from: of two who commit at once one is the first, and the other is made anew from what is there then, or refused
if it said what it was made from.
"""

import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from roadworthy.model_cards.errors import CheckError, InputError, NotFoundError
from roadworthy.model_cards.snapshot import FileEntry
from roadworthy.registry import intake, layout, log, manifest
from roadworthy.registry.checked import CheckedReader
from roadworthy.registry.errors import ExistsError
from roadworthy.registry.holding import holding
from roadworthy.registry.manifest import Manifest
from roadworthy.registry.reference import DRAFT, Reference
from roadworthy.registry.registry import Registry
from roadworthy.registry.store import CHUNK
from roadworthy.registry.stored import blob_size, open_blob

from . import revisions
from .answers import Refused
from .describe import AUTHOR, MESSAGE, PARENT, TITLE

_LONGEST_HEADER = 16 * 2**20 + 8  # bytes: what `safetensors_header` reads at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """A file is added or replaced. ``content`` holds its bytes, unless they are in the store already."""

    file: FileEntry
    content: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """A file goes, or with a path that ends in ``/`` all files of a folder."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A whole commit. ``expected`` is the commit that it was made from, where its maker said so."""

    author: str
    title: str
    message: str
    expected: str | None
    steps: Sequence[Put | Remove]


def commit(registry: Registry, model: Reference, branch: str, change: Change) -> Manifest:
    """Makes the next draft of a branch. What changes nothing makes none.

    Raises:
        CheckError: a file that may not be stored (``reasons``).
        InputError: the files could not lie in one folder, or no file would be left.
        Refused: 404, no such repository or branch; 412, the branch is not where the change was made from.
        StorageError: the registry cannot be written; then there is no draft.
    """
    with holding(registry.store, {step.file.sha256 for step in change.steps if isinstance(step, Put)}):
        return _commit(registry, model, branch, change)


def _commit(registry: Registry, model: Reference, branch: str, change: Change) -> Manifest:
    taken_in = False
    while True:
        # The keys before the head: if another commit comes between them, the number is taken.
        keys = revisions.line(registry, model, branch)
        base = revisions.head(registry, model, branch)
        if change.expected not in (None, base.commit):
            raise Refused(
                412,
                f"{model.model} was not changed: expected {branch} at {change.expected}, found it at {base.commit}. "
                "Somebody committed meanwhile; look again, then repeat.",
            )
        files = _changed(base.files, change.steps)
        if files == base.files:
            return base
        made = Manifest(
            namespace=model.namespace,
            name=model.name,
            version=None,
            files=files,
            created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            note={TITLE: change.title, MESSAGE: change.message, AUTHOR: change.author, PARENT: base.commit},
        )
        data = manifest.dump(made)
        if not taken_in:
            _take_in(registry, model, change.steps)
            taken_in = True
        key = revisions.next_key(model, branch, keys)
        if branch == DRAFT:
            log.announce_draft(registry.store, model, int(layout.parts(key)[-1]))
        with suppress(ExistsError):
            registry.store.create(key, data)
            return made


def _changed(files: Sequence[FileEntry], steps: Sequence[Put | Remove]) -> tuple[FileEntry, ...]:
    found = {file.path: file for file in files}
    for step in steps:
        if isinstance(step, Put):
            found[step.file.path] = step.file
            continue
        gone = [path for path in found if path == step.path or (step.path.endswith("/") and path.startswith(step.path))]
        if not gone:
            raise InputError(f"cannot delete {step.path!r:.200}: it is not there. Nothing was changed.")
        for path in gone:
            del found[path]
    if not found and files:
        raise InputError("no file would be left. Nothing was changed; to remove the model, delete the repository.")
    if not found:
        return ()
    return tuple(sorted(found.values(), key=lambda file: file.path))


def _take_in(registry: Registry, model: Reference, steps: Sequence[Put | Remove]) -> None:
    puts = {step.file.path: step for step in steps if isinstance(step, Put)}
    with tempfile.TemporaryDirectory(prefix="roadworthy-") as name:
        folder = Path(name)
        for put in puts.values():
            path = folder / put.file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            if put.content is not None:
                path.hardlink_to(put.content)
            else:
                _lay_out(registry, put.file, path)
        reasons = tuple(str(objection) for objection in intake.inspect(folder, whole=False))
    if reasons:
        more = f" ({len(reasons) - 1} more below)" if len(reasons) > 1 else ""
        raise CheckError(f"{model.model} was not changed: {reasons[0]}{more}.", reasons)
    for put in puts.values():
        if put.content is not None:
            with put.content.open("rb") as stream, suppress(ExistsError):
                source = CheckedReader(stream, put.file, put.file.path)
                registry.store.create(layout.blob_key(put.file.sha256), source)


def _lay_out(registry: Registry, file: FileEntry, path: Path) -> None:
    # Of weights only the header is looked at, and of what is refused by its name nothing: no copy of gigabytes is made.
    weights = path.suffix == ".safetensors"
    if not weights and intake.may_run_code([file.path]):
        path.touch()
        return
    with open_blob(registry.store, file.sha256) as stream, path.open("wb") as out:
        if weights:
            head = stream.read(8)
            out.write(head)
            out.write(stream.read(min(_LONGEST_HEADER, int.from_bytes(head, "little"))))
            out.truncate(file.size)
            return
        while chunk := stream.read(CHUNK):
            out.write(chunk)


def stored(registry: Registry, path: str, oid: str, size: int | None) -> FileEntry:
    """The entry of a file whose bytes were sent before its commit.

    Raises:
        InputError: they were not, or not as many.
    """
    try:
        found = blob_size(registry.store, oid)
    except NotFoundError:
        raise InputError(f"cannot add {path!r:.200}: the bytes of {oid} are not here. Send them first.") from None
    if size is not None and size != found:
        raise InputError(f"cannot add {path!r:.200}: expected {size} bytes of {oid}, found {found}.")
    return FileEntry(path=path, size=found, sha256=oid)
