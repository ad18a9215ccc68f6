"""How the bytes of a stored file come into an open one: out of its own disk, as a stream, or in ranges from afar.

Where both lie on one file system the system copies, and shares what it can (`copy_file_range`: XFS and btrfs then write
nothing at all). A hard link would cost less still, and whoever edits the snapshot would change the registry with it.
"""

import errno
import os
from collections.abc import Generator
from functools import partial
from io import BufferedReader, FileIO

from roadworthy.model_cards.errors import NotFoundError
from roadworthy.model_cards.snapshot import FileEntry

from . import layout
from .manifest import Manifest
from .ranges import STEP, Distant, NoRangesError, in_order
from .registry import Registry
from .store import CHUNK

# The system cannot copy between these two files; we can.
_APART = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF, errno.ETXTBSY}


def moved(registry: Registry, manifest: Manifest, file: FileEntry, out: FileIO) -> Generator[memoryview, None, None]:
    """The bytes of ``file`` from where ``out`` stands on, each part once it is written there.

    A part holds until the one after the next is asked for. The store may have too few bytes, or one part too many.

    Raises:
        DamagedError: nothing is stored, or it ends early.
        OSError: they cannot be written.
        StorageError: they cannot be read.
    """
    store = registry.store
    if isinstance(store, Distant) and file.size - out.tell() > STEP:
        try:
            read = partial(store.read_range, layout.blob_key(file.sha256))
            for part in in_order(read, out.tell(), file.size, streams=store.streams):
                _write(out, part)
                yield part
            return
        except (NotFoundError, NoRangesError):
            pass  # it may be stored in another form, or be sent as a whole only
    with registry.open(file, manifest.reference) as stream:
        stream.seek(out.tell())
        raw = stream.raw if isinstance(stream, BufferedReader) else stream
        if isinstance(raw, FileIO) and hasattr(os, "copy_file_range"):
            yield from _copied(raw, out, file.size)
        # Whatever is left, one byte beyond the end for one: whether the file runs on.
        stream.seek(out.tell())
        while out.tell() <= file.size and (chunk := stream.read(STEP)):
            part = memoryview(chunk)
            _write(out, part)
            yield part


def _copied(source: FileIO, out: FileIO, size: int) -> Generator[memoryview, None, None]:
    """What the system copies for us, read back from where it lies now."""
    at = out.tell()
    buffers = memoryview(bytearray(STEP)), memoryview(bytearray(STEP))
    while at < size:
        try:
            count = os.copy_file_range(source.fileno(), out.fileno(), min(STEP, size - at), at, at)
        except OSError as error:
            if error.errno not in _APART:
                raise
            break
        if count == 0:
            break
        buffers = buffers[1], buffers[0]
        count = os.preadv(out.fileno(), [buffers[0][:count]], at)
        at += count
        out.seek(at)
        yield buffers[0][:count]


def _write(out: FileIO, part: memoryview) -> None:
    # No more at once: for two megabytes the system takes pages of that size, which on a virtual machine costs ten times
    # as much, because its host has to find them first.
    while part:
        part = part[out.write(part[:CHUNK]) :]
