"""A bucket: S3, Google Cloud Storage, Azure, and servers that speak as they do.

A key is taken by one conditional request, which the server answers for one writer only. Whether it does is tried out
before anything is written, because a server that does not know the condition overwrites and says nothing of it.
"""

import hashlib
import io
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import BinaryIO, Literal

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, GenericError

from roadworthy.model_cards.errors import DamagedError, StorageError
from roadworthy.model_cards.snapshot import check_path

from . import layout, lock
from .errors import ExistsError
from .keys import home
from .object_errors import explained
from .object_places import connect, said_yes
from .object_reader import FIRST, Fetch, Forward, RangeReader
from .ranges import NoRangesError
from .store import CHUNK, Source

_WHOLE = 1 << 25  # bytes that are sent in one request
_PART = 1 << 24  # bytes of one part of a longer file, four of which are in memory
_PARTS = 9_000  # S3 takes 10,000
_PROBE = f"{layout.TEMPORARY}/probe"
_ALONE = "ROADWORTHY_SINGLE_WRITER"
# An empty file has no range; and some servers (rclone's) send a range as if it were the whole, which obstore refuses.
_NO_RANGES = ("non-partial", "code: 416", "Invalid range")
_REPEATED = " retries, "  # in obstore's errors of what was asked more than once
_UNKNOWN = (
    "code: 501",
    "NotImplemented",
    "code: 411",
    "MissingContentLength",
)  # answers to a request that a server cannot do


class ObjectStore:
    """A `Store`, and a `Presigns`, in the bucket and below the prefix that ``location`` names: ``s3://bucket/prefix``.

    Where the server does not honour conditional requests, it is read and not written, unless ``single_writer`` (by
    default: ``ROADWORTHY_SINGLE_WRITER`` is set) says that nobody but this user of this machine writes there: then a
    lock on this machine decides who creates a key. ``streams``: see `ranges.Distant`.
    """

    streams = 4

    def __init__(self, location: str, *, single_writer: bool | None = None) -> None:
        self.location = location.rstrip("/")
        self._bucket = connect(self.location)
        self._patient = connect(self.location, patient=True)
        self._alone = said_yes(_ALONE) if single_writer is None else single_writer
        self._conditional: dict[str, bool] = {}

    def __repr__(self) -> str:
        return f"ObjectStore({self.location!r})"

    def create(self, key: str, source: Source | bytes) -> None:
        """See `Store.create`. Of a file that is too long for one request, four parts are in memory at a time.

        Such a file's key is its SHA-256 (`layout.blob_key`) and is held against it here, so whoever else writes that
        key meanwhile writes the same bytes. Any other is copied to its key, from `tmp/`, on a condition.
        """
        check_path(key)
        size = len(source) if isinstance(source, bytes) else source.size
        with self._explained("write", key), self._taking(key):
            if size <= _WHOLE:
                data = source if isinstance(source, bytes) else b"".join(iter(lambda: source.read(CHUNK), b""))
                self._put(key, data)
                return
            self._refuse_taken(key)
            pieces = _pieces(io.BytesIO(source) if isinstance(source, bytes) else source)
            if key == layout.blob_key(key[-64:]):
                self._upload(key, _of_digest(pieces, key), size)
            elif self._mode() == "create":
                self._upload_and_copy(key, pieces, size)
            else:
                self._upload(key, pieces, size)

    def open(self, key: str) -> BinaryIO:
        """See `Store.open`. One request brings a short file; the ranges of a longer one are fetched ahead."""
        check_path(key)
        with self._explained("read", key):
            size, first, fetch = self._beginning(key)
        return io.BufferedReader(RangeReader(fetch, size, first), CHUNK)

    def read_range(self, key: str, start: int, buffer: memoryview) -> None:
        """See `ranges.Distant`.

        Raises:
            DamagedError: fewer bytes are stored.
            NoRangesError: the server sends none.
        """
        with self._explained("read", key):
            try:
                found = obstore.get_range(self._bucket, check_path(key), start=start, length=len(buffer))
            except GenericError as error:
                if _sends_no_ranges(error):
                    raise NoRangesError(f"the server of {self.location} sends no ranges.") from error
                raise
        if len(found) != len(buffer):
            raise DamagedError(f"{key} in {self.location} ends early: expected {len(buffer)} bytes from {start} on.")
        buffer[:] = memoryview(found)

    def size(self, key: str) -> int:
        """See `Store.size`."""
        check_path(key)
        with self._explained("read", key):
            return obstore.head(self._bucket, key)["size"]

    def list(self, prefix: str) -> Iterator[str]:
        """See `Store.list`. A thousand keys come with one request."""
        folder = prefix.rpartition("/")[0]
        with self._explained("list", prefix or self.location):
            found = [one["path"] for page in obstore.list(self._bucket, folder or None) for one in page]
        hidden = f"{layout.TEMPORARY}/"
        return iter(sorted(key for key in found if key.startswith(prefix) and not key.startswith(hidden)))

    def delete(self, key: str) -> None:
        """See `Store.delete`."""
        self.size(key)  # deleting what is not there is no error to an object store
        with self._explained("delete", key):
            obstore.delete(self._bucket, key)

    def presign(self, key: str, seconds: int) -> str:
        """See `Presigns.presign`."""
        check_path(key)
        with self._explained("sign a URL of", key):
            return obstore.sign(self._bucket, "GET", key, timedelta(seconds=seconds))

    def _beginning(self, key: str) -> tuple[int, bytes, Fetch]:
        def fetch(begin: int, length: int) -> bytes:
            with self._explained("read", key):
                return bytes(obstore.get_range(self._bucket, key, start=begin, length=length))

        try:
            got = obstore.get(self._bucket, key, options={"range": (0, FIRST)})
            return got.meta["size"], bytes(got.bytes()), fetch
        except GenericError as error:
            if not _sends_no_ranges(error):
                raise
            return obstore.head(self._bucket, key)["size"], b"", Forward(partial(self._from_the_beginning, key))

    def _from_the_beginning(self, key: str) -> Iterator[bytes]:
        with self._explained("read", key):
            for piece in obstore.get(self._bucket, key).stream(CHUNK):
                yield bytes(piece)

    def _put(self, key: str, data: bytes) -> None:
        bucket = self._bucket if len(data) <= CHUNK else self._patient
        try:
            obstore.put(bucket, key, data, use_multipart=False, mode=self._mode())
        except AlreadyExistsError as error:
            # An answer that was lost is asked for again, and then it is this very write that took the key.
            if _REPEATED not in str(error) or bytes(obstore.get(self._bucket, key).bytes()) != data:
                raise

    def _upload(self, key: str, pieces: Iterator[bytes], size: int) -> None:
        # The parts of an upload that ends in an error, the source's among them, are cleared away by obstore.
        part = max(_PART, -(-size // _PARTS))
        obstore.put(self._patient, key, pieces, use_multipart=True, chunk_size=part, max_concurrency=4)

    def _upload_and_copy(self, key: str, pieces: Iterator[bytes], size: int) -> None:
        copy = partial(obstore.copy, self._patient, overwrite=False)
        if not self._honours("copy", lambda: copy(_PROBE, f"{_PROBE}-copied")):
            raise StorageError(
                f"cannot write {key}: {self.location} cannot copy without overwriting, so no more than {_WHOLE:,} "
                f"bytes can be stored under a key that is not their digest; found {size:,}. Nothing was written."
            )
        temporary = f"{layout.TEMPORARY}/{secrets.token_hex(16)}"
        self._upload(temporary, pieces, size)
        try:
            copy(temporary, key)
        finally:
            with suppress(BaseError):
                obstore.delete(self._bucket, temporary)

    def _refuse_taken(self, key: str) -> None:
        with suppress(FileNotFoundError):
            obstore.head(self._bucket, key)
            raise ExistsError(f"{key} exists in {self.location}, and nothing stored is ever overwritten.")

    @contextmanager
    def _taking(self, key: str) -> Iterator[None]:
        if self._mode() == "create":
            yield
            return
        name = hashlib.sha256(self.location.encode()).hexdigest()[:16]
        with lock.held(home() / "writers" / f"{name}.lock"):
            self._refuse_taken(key)
            yield

    def _mode(self) -> Literal["create", "overwrite"]:
        probe = partial(obstore.put, self._bucket, _PROBE, b"probe", use_multipart=False, mode="create")
        if self._honours("put", probe):
            return "create"
        if self._alone:
            return "overwrite"
        raise StorageError(
            f"cannot write to {self.location}: its server overwrites what it was asked to create only if it is not "
            "there (If-None-Match), so two writers could undo each other's work. Nothing was written. Use a server "
            f"that knows conditional writes, as S3, GCS, Azure, MinIO and R2 do; or, where nobody but you on this "
            f"machine writes there, set {_ALONE}=1."
        )

    def _honours(self, what: str, create: Callable[[], object]) -> bool:
        if what not in self._conditional:
            self._conditional[what] = _is_refused(create)
        return self._conditional[what]

    def _explained(self, action: str, key: str) -> AbstractContextManager[None]:
        return explained(f"{action} {key}", key, self.location)


def _is_refused(create: Callable[[], object]) -> bool:
    # The second time at the latest: what lies there stays, and the next process needs one request.
    try:
        create()
        create()
    except AlreadyExistsError:
        return True
    except GenericError as error:
        if not any(word in str(error) for word in _UNKNOWN):
            raise
    return False


def _sends_no_ranges(error: GenericError) -> bool:
    return any(word in str(error) for word in _NO_RANGES)


def _pieces(source: BinaryIO | Source) -> Iterator[bytes]:
    while chunk := source.read(CHUNK):
        yield chunk


def _of_digest(pieces: Iterator[bytes], key: str) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
        yield piece
    if layout.blob_key(digest.hexdigest()) != key:
        raise DamagedError(f"cannot write {key}: expected the bytes of that sha256, found {digest.hexdigest()}.")
