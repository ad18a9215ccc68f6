"""A manifest: which files a version or a draft consists of. It is written last, so what has one is whole."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roadworthy.model_cards.errors import DamagedError, InputError
from roadworthy.model_cards.snapshot import CERTIFICATE, FileEntry, check_path

from . import sealed
from .reference import DRAFT, Reference, Version

SCHEMA = "roadworthy/manifest/1"
_FIELDS = {"schema", "namespace", "name", "version", "files", "created", "certificate_sha256", "parent", "note"}
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SECONDS = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The files of one version (``version`` is set) or draft, sorted by path.

    ``created`` is UTC in ISO 8601 with seconds. ``note`` is what an importer said of a draft: quoted, never verified.
    """

    namespace: str
    name: str
    version: str | None
    files: tuple[FileEntry, ...]
    created: str
    certificate_sha256: str | None = None
    parent: str | None = None
    note: Mapping[str, str] | None = None

    @property
    def reference(self) -> Reference:
        """``namespace/name@version``, or ``@main`` for a draft."""
        return Reference(self.namespace, self.name, self.version or DRAFT)

    @property
    def commit(self) -> str:
        """40 hex digits derived from the content: what Hub clients know this version by."""
        return sealed.digest(_body(self))

    @property
    def total(self) -> int:
        """Size of all files in bytes."""
        return sum(file.size for file in self.files)

    @property
    def certificate(self) -> FileEntry | None:
        """The certificate's file, where this is a certified version."""
        if self.certificate_sha256 is None:
            return None
        return next((file for file in self.files if file.path == CERTIFICATE), None)


def dump(manifest: Manifest) -> bytes:
    """The canonical bytes. ``parse(dump(m), m.reference) == m``.

    Raises:
        InputError: the files cannot lie in one folder (see `check_files`).
    """
    check_files(manifest.files)
    return sealed.dump(_body(manifest))


def parse(data: bytes, expected: Reference) -> Manifest:
    """The manifest that ``data`` holds, if every byte of it is as it was written.

    Raises:
        DamagedError: not canonical, another digest, another model's or version's, or a file that leaves its folder.
    """
    what = f"the manifest of {expected}"
    body = sealed.parse(data, SCHEMA, what)
    try:
        manifest = _read(body)
    except (AttributeError, InputError, KeyError, TypeError, ValueError) as error:
        raise DamagedError(f"{what} is not a manifest: {error} Nothing was written; publish it again.") from error
    if (manifest.namespace, manifest.name, manifest.version or DRAFT) != (
        expected.namespace,
        expected.name,
        expected.selector,
    ):
        raise DamagedError(f"{what} is that of {manifest.reference}: it was moved. Restore it from a copy.")
    return manifest


def check_files(files: Sequence[FileEntry]) -> None:
    """Checks that ``files`` can lie in one folder on every file system.

    Raises:
        InputError: a path that leaves the folder, two that are one where case or accents fold, a file that
            is another's folder, a wrong order, or a size or digest that cannot be.
    """
    seen: set[str] = set()
    folders: set[str] = set()
    for file in files:
        folded = unicodedata.normalize("NFC", check_path(file.path)).casefold()
        if folded in seen:
            raise InputError(f"two files are called {file.path!r} where case does not count. Rename one.")
        seen.add(folded)
        folders.update(folded[:at] for at, letter in enumerate(folded) if letter == "/")
        if file.size < 0 or not _SHA256.fullmatch(file.sha256):
            raise InputError(f"{file.path!r} has size {file.size} and digest {file.sha256!r}: expected SHA-256 in hex.")
    if both := seen & folders:
        raise InputError(f"{min(both)!r} is a file and a folder. Rename one.")
    paths = [file.path for file in files]
    if not paths or paths != sorted(paths):
        raise InputError(f"expected at least one file, in the order of their paths, found {len(paths)}.")


def _body(manifest: Manifest) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "namespace": manifest.namespace,
        "name": manifest.name,
        "version": manifest.version,
        "files": [{"path": f.path, "size": f.size, "sha256": f.sha256} for f in manifest.files],
        "created": manifest.created,
        "certificate_sha256": manifest.certificate_sha256,
        "parent": manifest.parent,
        "note": None if manifest.note is None else dict(manifest.note),
    }


def _read(body: dict[str, Any]) -> Manifest:
    if set(body) != _FIELDS:
        raise ValueError(f"its fields differ by {sorted(set(body) ^ _FIELDS)}.")
    files = tuple(_read_file(fields) for fields in body["files"])
    check_files(files)
    version, sha256, note = body["version"], body["certificate_sha256"], body["note"]
    if version is not None and str(Version.parse(version)) != version:
        raise ValueError(f"its version is {version!r}.")
    if not isinstance(body["created"], str) or not _SECONDS.fullmatch(body["created"]):
        raise ValueError(f"it was created at {body['created']!r}.")
    if note is not None and not all(isinstance(text, str) for text in (*note.keys(), *note.values())):
        raise TypeError("its note is not text.")
    if body["parent"] is not None and not isinstance(body["parent"], str):
        raise TypeError("its parent is not text.")
    manifest = Manifest(
        namespace=body["namespace"],
        name=body["name"],
        version=version,
        files=files,
        created=body["created"],
        certificate_sha256=sha256,
        parent=body["parent"],
        note=note,
    )
    certificate = manifest.certificate
    if (version is None) != (sha256 is None) or (certificate.sha256 if certificate else None) != sha256:
        raise ValueError(f"a certified version lists its {CERTIFICATE}, a draft none.")
    return manifest


def _read_file(fields: dict[str, Any]) -> FileEntry:
    if set(fields) != {"path", "size", "sha256"} or type(fields["size"]) is not int:
        raise ValueError(f"expected path, size and sha256 of each file, found {sorted(fields)}.")
    if not isinstance(fields["path"], str) or not isinstance(fields["sha256"], str):
        raise TypeError(f"the path {fields['path']!r} or its sha256 is not text.")
    return FileEntry(path=fields["path"], size=fields["size"], sha256=fields["sha256"])
