"""The standard Hub cache, so that what was pulled opens by name in timm and transformers, offline.

    <cache>/models--<namespace>--<name>/
      blobs/<sha256>                     bytes; <sha256>.incomplete while they are fetched
      snapshots/<commit>/<path>          relative links to blobs; copies where links are not possible
      refs/v1.0.0  refs/main  refs/...   the commit that a revision stands for
      .roadworthy/                       what is being assembled; empty between pulls
    <cache>/.locks/models--<namespace>--<name>/

A snapshot is assembled aside and renamed into place, and the refs are written last.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from roadworthy.model_cards.errors import DamagedError, StorageError
from roadworthy.model_cards.snapshot import FileEntry

from . import lock
from .checked import holds
from .fetch import Meter, each, fetch
from .folder_store import explain
from .manifest import Manifest
from .registry import Registry


def default_cache() -> Path:
    """The cache that Hub clients on this machine use (``HF_HUB_CACHE``)."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def land(registry: Registry, manifest: Manifest, refs: Sequence[str], cache: Path, meter: Meter) -> Path:
    """Makes a version's snapshot in ``cache``, with every byte checked, and points ``refs`` at it.

    What is there already is hashed again; what is damaged is fetched anew.

    Raises:
        DamagedError: stored bytes are not the right ones, or foreign files lie in the snapshot.
        StorageError: the cache cannot be written.
    """
    repository = f"models--{manifest.namespace}--{manifest.name}"
    room, locks = cache / repository, cache / ".locks" / repository
    aside = room / ".roadworthy"
    try:
        with lock.held(locks / "roadworthy.lock"):
            _empty(aside)
            blobs = room / "blobs"
            blobs.mkdir(parents=True, exist_ok=True)
            each(manifest.files, lambda file: _fetch_blob(registry, manifest, file, blobs, locks, meter), meter)
            snapshot = room / "snapshots" / manifest.commit
            _assemble(room, snapshot, aside, manifest)
            for ref in refs:
                _point(room / "refs" / ref, manifest.commit, aside)
            _empty(aside)
    except OSError as error:
        raise StorageError(explain(error, f"write {error.filename or room}", manifest.total, cache)) from error
    return snapshot


def _fetch_blob(
    registry: Registry, manifest: Manifest, file: FileEntry, blobs: Path, locks: Path, meter: Meter
) -> None:
    blob = blobs / file.sha256
    # Under the name of the Hub client's own lock: it may be fetching the same file into the same cache.
    with lock.held(locks / f"{file.sha256}.lock"):
        share = meter.mark()
        if not holds(blob, file, share.passed):
            share.rewind()
            fetch(registry, manifest, file, blob, blobs / f"{file.sha256}.incomplete", meter)


def _assemble(room: Path, snapshot: Path, aside: Path, manifest: Manifest) -> None:
    if not snapshot.exists():
        whole = aside / "snapshot"
        for file in manifest.files:
            _link(whole / file.path, room, file)
        snapshot.parent.mkdir(exist_ok=True)
        whole.rename(snapshot)
        return
    expected = {file.path: file for file in manifest.files}
    found = {
        path.relative_to(snapshot).as_posix()
        for path in snapshot.rglob("*")
        if path.is_symlink() or not path.is_dir()  # a link to a folder is followed by whoever opens the snapshot
    }
    if foreign := sorted(found - expected.keys()):
        raise DamagedError(
            f"the cached snapshot {snapshot} holds files that are not part of {manifest.reference}: "
            f"{', '.join(foreign[:5])}. Move them away, or delete that folder, and pull again."
        )
    for file in manifest.files:
        path = snapshot / file.path
        if not _is_link_to(path, room / "blobs" / file.sha256) and (path.is_symlink() or not holds(path, file)):
            path.parent.mkdir(parents=True, exist_ok=True)
            _link(aside / "file", room, file)
            (aside / "file").replace(path)


def _is_link_to(path: Path, blob: Path) -> bool:
    return path.is_symlink() and os.path.normpath(path.parent / path.readlink()) == os.path.normpath(blob)


def _link(path: Path, room: Path, file: FileEntry) -> None:
    """Makes ``path`` a link to the blob of ``file``, relative to its place in a snapshot."""
    path.parent.mkdir(parents=True, exist_ok=True)
    blob = room / "blobs" / file.sha256
    depth = 2 + file.path.count("/")
    try:
        path.symlink_to("/".join([".."] * depth) + f"/blobs/{file.sha256}")
    except (OSError, NotImplementedError):
        shutil.copyfile(blob, path)
        if not holds(path, file):
            raise DamagedError(f"{path} was damaged while it was copied from {blob}. Pull again.") from None


def _point(ref: Path, commit: str, aside: Path) -> None:
    ref.parent.mkdir(parents=True, exist_ok=True)
    temporary = aside / "ref"
    temporary.parent.mkdir(exist_ok=True)
    temporary.write_text(commit)
    temporary.replace(ref)


def _empty(aside: Path) -> None:
    # Only the holder of the lock writes here, so what is found was left by a kill.
    if aside.exists():
        shutil.rmtree(aside)
