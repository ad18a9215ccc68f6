"""The bytes of a file by their digest, however the store keeps them: whole, or as a delta of another file's."""

import io
from typing import BinaryIO

from roadworthy.model_cards.errors import NotFoundError

from . import layout
from .delta_format import Delta, read_header
from .delta_stream import DeltaStream
from .errors import DamagedDeltaError
from .store import CHUNK, Store

# Deltas of deltas that are read; far fewer are written (`squeeze.DEEPEST`), so whatever has more was made to hurt.
_MOST = 16


def open_blob(store: Store, sha256: str) -> BinaryIO:
    """The bytes with that digest, not yet checked, as a seekable stream that the caller closes.

    Raises:
        DamagedDeltaError: they are kept as a delta, and it or its base is damaged or missing.
        NotFoundError: they are not here.
    """
    return _open(store, sha256, 0)


def blob_size(store: Store, sha256: str) -> int:
    """How many bytes the file with that digest has.

    Raises:
        DamagedDeltaError, NotFoundError: as `open_blob`.
    """
    try:
        return store.size(layout.blob_key(sha256))
    except NotFoundError:
        return delta_of(store, sha256).size


def delta_of(store: Store, sha256: str) -> Delta:
    """The header of the delta that is kept for that digest.

    Raises:
        DamagedDeltaError: it cannot be read.
        NotFoundError: there is none.
    """
    with store.open(layout.delta_key(sha256)) as kept:
        return read_header(kept, sha256)


def open_delta(store: Store, sha256: str, depth: int = 0) -> BinaryIO:
    """The same bytes, made from the delta alone, even where they are kept whole too.

    Raises:
        DamagedDeltaError: the delta, or its base, is damaged or missing.
        NotFoundError: there is no delta.
    """
    kept = store.open(layout.delta_key(sha256))
    try:
        delta = read_header(kept, sha256)
        if depth >= _MOST:
            raise DamagedDeltaError(
                f"{sha256} is a delta of a delta, more than {_MOST} times: nobody writes that in good faith."
            )
        try:
            base = _open(store, delta.base, depth + 1)
        except NotFoundError as error:
            raise DamagedDeltaError(
                f"{sha256} is kept as a delta of {delta.base}, and that is missing. Restore that blob, or publish a "
                "new version."
            ) from error
    except BaseException:
        kept.close()
        raise
    return io.BufferedReader(DeltaStream(delta, kept, base), CHUNK)


def _open(store: Store, sha256: str, depth: int) -> BinaryIO:
    try:
        return store.open(layout.blob_key(sha256))
    except NotFoundError as missing:
        try:
            return open_delta(store, sha256, depth)
        except NotFoundError:
            raise missing from None
