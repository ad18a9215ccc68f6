"""Advisory locks that die with their owner: a `kill -9` never leaves one behind."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def try_lock(descriptor: int) -> bool:
    """Takes the lock of an open file if nobody holds it, and says whether it did.

    A file system without locks says no: what cannot be known to be abandoned is left alone.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def wait(descriptor: int) -> None:
    """Waits for the lock of an open file. Where locks are not supported nobody can take it either."""
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def names(path: Path, descriptor: int) -> bool:
    """Whether ``path`` is still the file that is open: it may have been removed before it was locked."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Waits for the lock of the file ``path``, which is made if need be, and holds it.

    The file stays: removing it would let two owners lock two files of one name. Other programs' locks of
    the same kind (huggingface_hub's, through filelock) exclude this one, and may remove the file.

    Raises:
        OSError: the file cannot be made or locked.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if names(path, descriptor):
                yield
                return
        finally:
            os.close(descriptor)
