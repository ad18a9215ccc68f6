"""A registry: a store seen as models, versions and drafts."""

import difflib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from roadworthy.model_cards.errors import DamagedError, InputError, NotFoundError
from roadworthy.model_cards.snapshot import FileEntry

from . import aliases, layout, manifest
from .checked import CheckedReader
from .errors import DamagedDeltaError
from .folder_store import FolderStore
from .http_store import HttpStore
from .keys import home
from .manifest import Manifest
from .memory_store import MemoryStore
from .object_store import ObjectStore
from .reference import DRAFT, LATEST, Reference, Version
from .store import Store
from .stored import open_blob

_LIKELY = 20_000  # names that a mistyped one is held against


@dataclass(frozen=True, slots=True)
class Registry:
    """Models by reference, over any `Store`. ``location`` is what people call it by."""

    store: Store
    location: str

    def models(self) -> tuple[tuple[str, str], ...]:
        """Every (namespace, name) with a version or a draft, sorted."""
        keys = (*layout.documents(self.store, "versions"), *layout.documents(self.store, "drafts"))
        return tuple(sorted({(namespace, name) for namespace, name, *_ in map(layout.parts, keys)}))

    def versions(self, namespace: str, name: str) -> tuple[Version, ...]:
        """The certified versions of a model, the lowest first."""
        keys = layout.documents(self.store, "versions", namespace, name)
        return tuple(sorted(Version.parse(layout.parts(key)[-1]) for key in keys))

    def has_draft(self, namespace: str, name: str) -> bool:
        """Whether anything was imported under that name."""
        return bool(layout.documents(self.store, "drafts", namespace, name))

    def resolve(self, reference: Reference | str) -> Manifest:
        """The manifest that a version, an alias or ``@main`` (the newest draft) stands for.

        Raises:
            NotFoundError: no such model, version or alias; the message lists what there is.
            DamagedError: the stored manifest, or the alias's log, was changed.
        """
        asked = Reference.parse(reference)
        found = self.find(asked)
        if found is None:
            raise self._unknown(asked)
        return found

    def find(self, reference: Reference | str) -> Manifest | None:
        """The same, and ``None`` where there is no such thing: what is asked in passing looks for no likely names.

        Raises:
            DamagedError: the stored manifest, or the alias's log, was changed.
        """
        asked = Reference.parse(reference)
        if asked.selector == DRAFT:
            drafts = layout.documents(self.store, "drafts", asked.namespace, asked.name)
            return self._read_manifest(drafts[-1], asked) if drafts else None
        version = asked.version or self._follow(asked)
        if version is None:
            return None
        try:
            return self._read_manifest(
                layout.key("versions", asked.namespace, asked.name, str(version)), asked.at(version)
            )
        except NotFoundError:
            return None

    def history(self, reference: Reference | str) -> tuple[aliases.Move, ...]:
        """Every move of an alias, the first one first: when, by whom, from where, to where."""
        return aliases.history(self.store, Reference.parse(reference))

    def move(self, reference: Reference | str, to: Version, *, expected: Version | None) -> aliases.Move:
        """Points the alias ``reference`` at version ``to``, if it still points at ``expected``.

        Raises:
            CheckError: somebody moved it meanwhile.
            InputError: not an alias that can be moved.
            NotFoundError: there is no such version.
        """
        return aliases.move(self.store, Reference.parse(reference), to, expected=expected)

    @contextmanager
    def open(self, file: FileEntry, reference: Reference) -> Iterator[BinaryIO]:
        """The stored bytes of one file of ``reference``, not yet checked.

        Raises:
            DamagedError: they are not there, or, from a read, cannot be made of what is kept of them.
        """
        what = f"{file.path} of {reference}"
        try:
            with self._opened(file, what) as stream:
                yield stream
        except DamagedDeltaError as error:
            raise DamagedError(
                f"{what} is damaged in {self.location}: {error}. Restore it, or publish a new version."
            ) from error

    def _opened(self, file: FileEntry, what: str) -> BinaryIO:
        try:
            return open_blob(self.store, file.sha256)
        except NotFoundError as error:
            raise DamagedError(
                f"{what} is missing in {self.location}: expected sha256 {file.sha256}, "
                "found nothing. Restore that blob, or publish a new version."
            ) from error

    def read(self, file: FileEntry, reference: Reference) -> bytes:
        """All bytes of a small file of ``reference``, checked.

        Raises:
            DamagedError: they are missing, or do not match their digest.
        """
        with self.open(file, reference) as stream:
            return CheckedReader(stream, file, f"{file.path} of {reference}").read_all()

    def _follow(self, asked: Reference) -> Version | None:
        version = aliases.current(self.store, asked)
        if version is None and asked.selector == LATEST:
            # A publisher was killed between a model's first manifest and the first move of its alias.
            return max(self.versions(asked.namespace, asked.name), default=None)
        return version

    def _read_manifest(self, key: str, expected: Reference) -> Manifest:
        with self.store.open(key) as file:
            return manifest.parse(file.read(), expected)

    def _unknown(self, asked: Reference) -> NotFoundError:
        there = [str(version) for version in reversed(self.versions(asked.namespace, asked.name))]
        if not there and not self.has_draft(asked.namespace, asked.name):
            near = difflib.get_close_matches(asked.model, self._names(), n=3, cutoff=0.5)
            hint = f"Did you mean {' or '.join(near)}?" if near else "See what there is: roadworthy models"
            return NotFoundError(f"no model is called {asked.model} in {self.location}. {hint}")
        moved = {layout.parts(key)[2] for key in layout.documents(self.store, "aliases", asked.namespace, asked.name)}
        found = [*there[:8], *(["…"] if len(there) > 8 else []), *sorted(moved)]
        if self.has_draft(asked.namespace, asked.name):
            found.append(f"{DRAFT} (an uncertified draft)")
        return NotFoundError(f"{asked} is not in {self.location}. Expected one of: {', '.join(found)}.")

    def _names(self) -> list[str]:
        from .index_file import glance  # which reads registries, so it comes after them

        # A name that is likely needs no list that is complete, where that would be long.
        known = glance(self, f"SELECT namespace || '/' || name FROM entries WHERE newest LIMIT {_LIKELY}")
        return known if known is not None else [f"{namespace}/{name}" for namespace, name in self.models()]


def open_registry(location: str | Path | None = None) -> Registry:
    """The registry at ``location``: a folder, which need not exist yet; ``s3://bucket/prefix``, or ``gs`` or ``az``
    (`ObjectStore`); ``https://host`` (`roadworthy serve`); or ``memory:``.

    ``None`` is ``ROADWORTHY_REGISTRY``, else the folder ``registry`` in `keys.home`.

    Raises:
        InputError: a location of a kind that this release cannot open.
    """
    chosen = str(location or os.environ.get("ROADWORTHY_REGISTRY") or home() / "registry")
    if chosen == "memory:":
        return Registry(MemoryStore(), chosen)
    scheme, separator, _ = chosen.partition("://")
    if separator and scheme in ("s3", "gs", "az"):
        bucket = ObjectStore(chosen)
        return Registry(bucket, bucket.location)
    if separator and scheme in ("http", "https"):
        store = HttpStore(chosen)
        return Registry(store, store.client.url)
    if separator and scheme:
        raise InputError(
            f"cannot open {chosen!r}: {scheme} is not yet in this release. Expected a folder, s3://bucket/prefix, "
            "or https://host."
        )
    root = Path(chosen).expanduser()
    if root.exists() and not root.is_dir():
        raise InputError(f"{root} is a file. Expected a folder for the registry.")
    return Registry(FolderStore(root), str(root))
