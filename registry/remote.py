"""Changing a registry behind a server: the bytes are sent, and then the server is asked. It checks all of it itself.

`publish`, `import_draft`, `add_performance`, `attest` and `add_revocation` come here when the store is a server's;
`aliases.move` asks it too.
"""

import base64
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeGuard

from roadworthy.model_cards.certificate import from_statement
from roadworthy.model_cards.envelope import payload_of
from roadworthy.model_cards.errors import CheckError, DamagedError, NotFoundError, StorageError
from roadworthy.model_cards.snapshot import CERTIFICATE, FileEntry, list_files

from .checked import Passed, holds
from .fetch import Meter, each
from .http_store import HttpStore
from .manifest import Manifest
from .reference import Reference
from .store import CHUNK, Store
from .storing import Progress

_LARGE = 64 << 20  # bytes


def is_remote(store: Store) -> TypeGuard[HttpStore]:
    """Whether it is asked of a server, and not written, what is to change."""
    return isinstance(store, HttpStore)


def publish(
    store: HttpStore,
    folder: Path,
    made: Manifest,
    alias: str,
    progress: Progress | None,
    *,
    allow_revoked: bool,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sends a version's files and has it published: (the aliases that moved, the checks that it passed there).

    Raises:
        CheckError: the server refuses it (``reasons``), or a file changed meanwhile.
        StorageError: the server cannot be reached, or may not be written with this token.
    """
    _send_files(store, folder, made, progress)
    wanted = {"reference": str(made.reference), "alias": alias, "files": _listed(made.files)}
    said = store.client.post("/versions", {**wanted, "allow_revoked": allow_revoked})
    return tuple(said["moved"]), tuple(said["checks"])


def import_draft(store: HttpStore, folder: Path, made: Manifest, progress: Progress | None) -> None:
    """Sends a draft's files, and has it stored. Errors as in `publish`."""
    _send_files(store, folder, made, progress)
    note = None if made.note is None else dict(made.note)
    store.client.post("/drafts", {"reference": str(made.reference), "note": note, "files": _listed(made.files)})


def add_performance(store: HttpStore, reference: Reference, envelope: bytes) -> int:
    """Has a signed record added, and returns its number."""
    said = store.client.post("/performance", {"reference": str(reference), "envelope": _text(envelope)})
    return int(said["number"])


def attest(store: HttpStore, reference: Reference, envelope: bytes, evidence: bytes) -> str:
    """Has a second party's statement added, and returns its name in the store."""
    said = store.client.post(
        "/attestations", {"reference": str(reference), "envelope": _text(envelope), "evidence": _text(evidence)}
    )
    return str(said["name"])


def add_revocation(store: HttpStore, reference: Reference, envelope: bytes) -> bool:
    """Has a signed revocation added, and says whether it was not there."""
    said = store.client.post("/revocations", {"reference": str(reference), "envelope": _text(envelope)})
    return bool(said["added"])


def _send_files(store: HttpStore, folder: Path, made: Manifest, progress: Progress | None) -> None:
    meter = Meter(made.total, progress)
    # Two paths may have one file's bytes; they are sent once.
    first = {file.sha256: file for file in reversed(made.files)}
    for file in made.files:
        if first[file.sha256] is not file:
            meter.passed(file.size)
    each(tuple(first.values()), lambda file: _send_file(store, folder / file.path, file, meter), meter)


def listed(folder: Path) -> tuple[FileEntry, ...]:
    """The files of a certified snapshot that is about to be sent. Large ones are as its certificate says: they are
    hashed where they arrive, or here, if they are there already. Errors as in `list_files`.
    """
    stated: tuple[FileEntry, ...] = ()
    with suppress(CheckError, DamagedError, OSError):  # the audit says what is wrong with the certificate
        stated = from_statement(payload_of((folder / CERTIFICATE).read_bytes())).files
    return list_files(folder, known=(file for file in stated if file.size >= _LARGE))


def _send_file(store: HttpStore, path: Path, file: FileEntry, meter: Meter) -> None:
    where = f"/blobs/{file.sha256}"
    try:
        store.client.send("HEAD", where)
    except NotFoundError:
        pass
    else:
        if not holds(path, file, meter.passed):
            raise CheckError(f"{path} is not what it was: expected sha256 {file.sha256}. Nothing was published.")
        return
    share = meter.mark()

    def content() -> Iterator[bytes]:
        share.rewind()
        return _pieces(path, share.passed)

    # The server reads its store to the end of the disk before it answers.
    headers = {"Content-Length": str(file.size)}
    try:
        store.client.send("PUT", where, content=content, headers=headers, patience=600)
    except DamagedError as error:
        raise DamagedError(
            f"{path} did not arrive as it should be: {error} It was changed here, or on its way. Nothing was published."
        ) from error


def _pieces(path: Path, passed: Passed) -> Iterator[bytes]:
    try:
        with path.open("rb", buffering=0) as stream:
            while piece := stream.read(CHUNK):
                yield piece
                passed(len(piece))
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}. Nothing was published.") from error


def _listed(files: tuple[FileEntry, ...]) -> list[Mapping[str, str | int]]:
    return [{"path": file.path, "size": file.size, "sha256": file.sha256} for file in files]


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
