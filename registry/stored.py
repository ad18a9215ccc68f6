"""The bytes of a file by their digest, however the store keeps them: whole, or as a delta of another file's."""

import io
from contextlib import ExitStack
from typing import BinaryIO

from roadworthy.model_cards.errors import NotFoundError

from . import layout
from .delta_format import DEEPEST, Delta, read_header, spans
from .delta_stream import DeltaStream
from .errors import DamagedDeltaError
from .store import CHUNK, Store


def open_blob(store: Store, sha256: str) -> BinaryIO:
    """The bytes with that digest, not yet checked, as a seekable stream that the caller closes.

    Raises:
        DamagedDeltaError: they are kept as a delta, and it or its base is damaged or missing.
        NotFoundError: they are not here.
    """
    return _open(store, sha256, 0)[0]


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


def open_delta(store: Store, sha256: str) -> BinaryIO:
    """The same bytes, made from the delta alone, even where they are kept whole too.

    Raises:
        DamagedDeltaError: the delta, or its base, is damaged or missing.
        NotFoundError: there is no delta.
    """
    return _made(store, sha256, 0)[0]


def _made(store: Store, sha256: str, depth: int) -> tuple[BinaryIO, Delta]:
    with ExitStack() as opened:
        kept = opened.enter_context(store.open(layout.delta_key(sha256)))
        delta = read_header(kept, sha256)
        if depth >= DEEPEST:
            raise DamagedDeltaError(
                f"{sha256} is a delta of a delta, more than {DEEPEST} times: nobody writes that in good faith."
            )
        try:
            base, theirs = _open(store, delta.base, depth + 1)
        except NotFoundError as error:
            raise DamagedDeltaError(
                f"{sha256} is kept as a delta of {delta.base}, and that is missing. Restore that blob, or publish a "
                "new version."
            ) from error
        opened.enter_context(base)
        _check_fit(delta, theirs)
        opened.pop_all()
    return io.BufferedReader(DeltaStream(delta, kept, base), CHUNK), delta


def _check_fit(delta: Delta, base: Delta | None) -> None:
    if base is None:
        return
    theirs = spans(base)
    if not all((block.base, block.length) in theirs for block in delta.blocks if block.how == "xor"):
        raise DamagedDeltaError(
            f"the delta of {delta.sha256} is damaged: a block of it is made of parts of blocks of {delta.base}."
        )


def _open(store: Store, sha256: str, depth: int) -> tuple[BinaryIO, Delta | None]:
    try:
        return store.open(layout.blob_key(sha256)), None
    except NotFoundError as missing:
        try:
            return _made(store, sha256, depth)
        except NotFoundError:
            raise missing from None
