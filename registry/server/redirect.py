"""Where a large file lies, for clients to fetch it themselves: a bucket's bytes need not pass through this process.

Nobody hashes them on the way then; they were when they were stored, and `roadworthy pull` and `hf cache verify` do
when they arrive. What is stored in another form, or has another length than it must, is not sent anybody's way.
"""

from contextlib import suppress

from roadworthy.model_cards.errors import StorageError
from roadworthy.model_cards.snapshot import FileEntry
from roadworthy.registry import layout
from roadworthy.registry.store import Presigns, Store

from . import git_objects

_SECONDS = 3600  # in which a download must have begun, a resumed one too


def elsewhere(store: Store, file: FileEntry) -> str | None:
    """A URL that brings the file's bytes, with no token of this server's; ``None`` where this server must send them."""
    if not isinstance(store, Presigns) or not git_objects.is_large(file.path, file.size):
        return None
    key = layout.blob_key(file.sha256)
    with suppress(StorageError):  # not there as it is, or credentials that cannot sign: then it is read here
        if store.size(key) == file.size:
            return store.presign(key, _SECONDS)
    return None
