"""What a caller sees of a store.

Documents by their namespace, and the log whole, because a chain with gaps proves nothing: it tells of names, versions,
dates and digests, never of contents. A blob is seen through a manifest that lists it in a namespace that the caller may
read, or by who has sent its bytes: to know a digest, which the log gives away for certificates, is not to have a blob.
Who may read everything is asked nothing of this. What is not seen is answered as what is not there.
"""

import hashlib
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import get_args

from starlette.requests import Request

from roadworthy.model_cards.errors import DamagedError, InputError, NotFoundError
from roadworthy.model_cards.snapshot import check_path
from roadworthy.registry import layout, manifest
from roadworthy.registry.errors import ExistsError
from roadworthy.registry.reference import DRAFT, Reference
from roadworthy.registry.registry import Registry
from roadworthy.registry.tokens import EVERY

from .access import Access

_BLOB = re.compile(r"blobs/sha256/([0-9a-f]{2})/(\1[0-9a-f]{62})")
_KINDS: tuple[str, ...] = get_args(layout.Kind)
_LISTING: tuple[layout.Kind, ...] = ("versions", "drafts", "branches")  # kinds that list blobs


class Visible:
    """Decides for one registry. Manifests never change, so each is read once."""

    def __init__(self, registry: Registry, access: Access) -> None:
        self._registry = registry
        self._access = access
        self._lock = threading.Lock()
        self._read: set[str] = set()
        self._listed: dict[str, set[str]] = {}  # by namespace: the digests that its manifests list

    def key(self, request: Request, key: str) -> bool:
        """Whether the caller sees what is, or is not, stored under ``key``."""
        if blob := _BLOB.fullmatch(key):
            return self.blob(request, blob[2])
        try:
            kind, _, rest = check_path(key).partition("/")
        except InputError:
            return False
        return kind in _KINDS and (kind == "log" or self._access.reads(request)(rest.partition("/")[0]))

    def keys(self, request: Request, prefix: str) -> Iterator[str]:
        """Every key that begins with ``prefix`` and that the caller sees, sorted. Blobs are listed to who sees all."""
        kinds = sorted((*_KINDS, "blobs"))
        reads = self._access.reads(request)
        for kind in kinds:
            if not (prefix.startswith(f"{kind}/") or f"{kind}/".startswith(prefix)):
                continue
            for key in self._registry.store.list(max(prefix, f"{kind}/", key=len)):
                if reads(EVERY) or kind == "log" or (kind != "blobs" and reads(key.split("/")[1])):
                    yield key

    def blob(self, request: Request, sha256: str) -> bool:
        """Whether the caller sees the blob with that digest, if it is there."""
        reads = self._access.reads(request)
        if reads(EVERY) or self._sent(request, sha256):
            return True
        with self._lock:
            if any(sha256 in digests for space, digests in self._listed.items() if reads(space)):
                return True
            for key in (key for kind in _LISTING for key in layout.documents(self._registry.store, kind)):
                if key not in self._read and reads(layout.parts(key)[0]):
                    self._read_manifest(key)
            return any(sha256 in digests for space, digests in self._listed.items() if reads(space))

    def sent(self, request: Request, sha256: str) -> None:
        """Takes note that the caller has had those bytes: in the store, so that every server before it knows."""
        if self._access.reads(request)(EVERY):
            return
        with suppress(ExistsError):
            self._registry.store.create(self._note(request, sha256), b"")

    def forget(self, request: Request, digests: Iterable[str]) -> None:
        """Removes those notes: a manifest lists the blobs now."""
        if self._access.reads(request)(EVERY):
            return
        for sha256 in digests:
            with suppress(NotFoundError):
                self._registry.store.delete(self._note(request, sha256))

    def _sent(self, request: Request, sha256: str) -> bool:
        try:
            self._registry.store.size(self._note(request, sha256))
        except NotFoundError:
            return False
        return True

    def _note(self, request: Request, sha256: str) -> str:
        caller = self._access.identify(request).name
        return f"sent/{hashlib.sha256(caller.encode()).hexdigest()[:32]}/{sha256}"

    def _read_manifest(self, key: str) -> None:
        namespace, name, *_, last = layout.parts(key)
        asked = Reference(namespace, name, last if key.startswith("versions/") else DRAFT)
        try:
            with self._registry.store.open(key) as stream:
                found = manifest.parse(stream.read(), asked)
        except (DamagedError, NotFoundError):
            return
        self._read.add(key)
        self._listed.setdefault(namespace, set()).update(file.sha256 for file in found.files)
