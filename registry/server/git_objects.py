"""What git and git-lfs would call a file: Hub clients compare these names with the bytes that they have.

A weight, or what is larger than a mebibyte, is a large file and goes by its SHA-256; any other by the SHA-1 of its
git blob (``blob <size>\\0<bytes>``), or ``hf cache verify`` would call it damaged.
"""

import hashlib
import threading

from roadworthy.model_cards.snapshot import FileEntry
from roadworthy.registry.manifest import Manifest
from roadworthy.registry.registry import Registry

_LARGE = 2**20  # bytes; a smaller file is hashed in a moment, and fits into the body of a commit
_KEPT = 200_000
_sha1_of: dict[str, str] = {}  # by SHA-256; what has the same bytes has the same name for ever
_lock = threading.Lock()


def is_large(path: str, size: int) -> bool:
    """Whether a file is stored as git-lfs stores it."""
    return size > _LARGE or path.endswith(".safetensors")


def blob_sha1(data: bytes) -> str:
    """The name that git gives a file, in hex."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def pointer(file: FileEntry) -> bytes:
    """What git holds in place of a large file (git-lfs, "The Pointer")."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{file.sha256}\nsize {file.size}\n".encode()


def git_name(registry: Registry, file: FileEntry, manifest: Manifest) -> str:
    """The name of a file's git blob, which for a large file is that of its pointer.

    Raises:
        DamagedError: its bytes are missing, or not the right ones.
    """
    if is_large(file.path, file.size):
        return blob_sha1(pointer(file))
    with _lock:
        known = _sha1_of.get(file.sha256)
    if known is None:
        known = blob_sha1(registry.read(file, manifest.reference))
        with _lock:
            if len(_sha1_of) >= _KEPT:
                _sha1_of.clear()
            _sha1_of[file.sha256] = known
    return known


def etag(registry: Registry, file: FileEntry, manifest: Manifest) -> str:
    """What a Hub client calls the file in its cache, and compares its bytes with."""
    return file.sha256 if is_large(file.path, file.size) else git_name(registry, file, manifest)
