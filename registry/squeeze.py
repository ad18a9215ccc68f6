"""Weights that are much like those they were trained from are kept as what makes them of those.

The order of the steps is what keeps every reader right. A file is told to be a base before it is looked at as one. A
file that is a base stays as it is, so no chain of deltas grows from beneath. The delta is read back and hashed before
the file goes, and whoever looks for the file from then on finds the delta. A kill leaves the file, the delta, or both.

Two may squeeze one file at once, and neither knows what the other has done: so a delta that is there is never taken
back, not even one that turns out to be of no use. Beside its file it harms nobody; without it, it is all there is.
"""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import BinaryIO

from roadworthy.model_cards.certificate import Certificate
from roadworthy.model_cards.errors import NotFoundError, StorageError
from roadworthy.model_cards.snapshot import WEIGHTS, FileEntry

from . import delta_block, layout
from .checked import CheckedReader, Passed
from .delta_format import DEEPEST, LONGEST_HEADER, Block, header, spans
from .delta_plan import plan
from .delta_stream import read_whole
from .errors import ExistsError
from .holding import holding
from .store import Store
from .stored import delta_of, open_blob, open_delta
from .storing import Progress

_Parts = frozenset[tuple[int, int]]
_SMALLEST = 2**16  # bytes of a file: below, the parts cost more than they save
_WORTH_IT = 0.9  # of the plain size


def squeeze_weights(
    store: Store, files: Sequence[FileEntry], certificate: Certificate, progress: Progress | None = None
) -> None:
    """Squeezes a new version's weights against those that its training started from, where these are stored.

    ``progress`` counts the bytes of the weights. What goes wrong goes unsaid, a full disk for temporary files too: the
    version is there, whole, and only takes more room.
    """
    base = certificate.claim.start.weights_sha256
    for file in files:
        if base is not None and file.path == WEIGHTS:
            with suppress(StorageError, OSError):
                squeeze(store, file, base, progress)


def squeeze(store: Store, file: FileEntry, base: str, progress: Progress | None = None) -> int | None:
    """Keeps ``file`` as a delta of the file with the digest ``base``, if that is smaller, and says in how many bytes.

    ``None``: it stays as it is.

    Raises:
        DamagedError: the stored file, or its base, is not what its digest says. Nothing was changed.
        OSError: there is no room for a temporary file of that size.
        StorageError: the store cannot be read or written. The file is there, in one form or the other.
    """
    if file.size < _SMALLEST or base == file.sha256 or _is_base(store, file.sha256):
        return None
    passed = _halves(file.size, progress)
    with ExitStack() as opened:
        opened.enter_context(holding(store, {base, file.sha256}))
        try:
            whole = opened.enter_context(store.open(layout.blob_key(file.sha256)))
            theirs = opened.enter_context(open_blob(store, base))
        except NotFoundError:
            return None
        aside = opened.enter_context(tempfile.TemporaryFile())
        with suppress(ExistsError):
            store.create(layout.base_key(base, file.sha256), b"")
        if _depth(store, base) >= DEEPEST:
            return None
        blocks = _encode(whole, file.size, theirs, _parts(store, base), aside, passed)
        head = header(file.sha256, file.size, base, blocks)
        kept = len(head) + aside.tell()
        if kept > _WORTH_IT * file.size or len(head) > LONGEST_HEADER:
            return None
        aside.seek(0)
        with suppress(ExistsError):  # another publisher of the same bytes was faster
            store.create(layout.delta_key(file.sha256), _Joined(head, aside, kept))
        return kept if _replaced(store, file, passed) else None


def _halves(size: int, progress: Progress | None) -> Passed:
    # The file passes twice: when it is squeezed, and when what its delta makes is held against its digest.
    done = 0

    def passed(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done // 2, size)

    return passed


def _replaced(store: Store, file: FileEntry, passed: Passed) -> bool:
    """Removes the file where its delta makes it, bit by bit."""
    with open_delta(store, file.sha256) as made:
        reader = CheckedReader(made, file, f"what the delta of {file.path} makes", passed)
        while reader.read():
            pass
    if _is_base(store, file.sha256):  # somebody has taken it for one meanwhile, and counted on it as it is
        return False
    with suppress(NotFoundError):  # another publisher of the same bytes was faster
        store.delete(layout.blob_key(file.sha256))
    return True


def _encode(
    whole: BinaryIO, size: int, base: BinaryIO, parts: _Parts | None, aside: BinaryIO, passed: Passed
) -> list[Block]:
    blocks = []
    for span in plan(whole, size, base):
        whole.seek(span.begin)
        data, like = read_whole(whole, span.length), None
        if span.base is not None and (parts is None or (span.base, span.length) in parts):
            base.seek(span.base)
            like = read_whole(base, span.length)
        if like is not None and len(like) != len(data):
            like = None  # the base is shorter than its header says
        how, kept = delta_block.keep(data, like, span.width)
        aside.write(kept)
        blocks.append(Block(len(data), how, span.width, (span.base or 0) if how == "xor" else 0, len(kept)))
        passed(len(data))
    return blocks


def _parts(store: Store, base: str) -> _Parts | None:
    # Of its delta, as in `_depth`.
    try:
        return spans(delta_of(store, base))
    except NotFoundError:
        return None


def _depth(store: Store, sha256: str) -> int:
    # Of the delta, where there is one, even if the file is there too: it may go at any moment.
    depth = 0
    with suppress(NotFoundError):
        while depth < DEEPEST:
            sha256 = delta_of(store, sha256).base
            depth += 1
    return depth


def _is_base(store: Store, sha256: str) -> bool:
    return any(True for _ in store.list(layout.base_key(sha256, "")))


class _Joined:
    """The header and what is kept of the blocks, as one source."""

    def __init__(self, head: bytes, kept: BinaryIO, size: int) -> None:
        self._head, self._kept, self.size = head, kept, size

    def read(self, size: int, /) -> bytes:
        """The next bytes."""
        head, self._head = self._head, b""
        return head or self._kept.read(size)
