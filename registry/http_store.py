"""A registry behind a server, seen as a store: whatever reads a registry reads this one, over HTTP.

It is never written to key by key: what changes a registry is asked of the server (`remote`), which checks it itself.
"""

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, NoReturn, cast

from roadworthy.model_cards.errors import DamagedError, NotFoundError, StorageError
from roadworthy.model_cards.snapshot import check_path

from .http_client import HttpClient
from .store import CHUNK, Source

if TYPE_CHECKING:
    import httpx

_AT_ONCE = 1 << 20  # bytes; what is no larger is read whole, so that its connection is free again
_TRIES = 5  # how often in a row a broken stream is taken up again without a single new byte
_SPAN = re.compile(r"bytes ([0-9]+)-([0-9]+)/([0-9]+)")


class HttpStore:
    """A `Store` that reads the keys of a registry's server. ``streams``: see `ranges.Distant`."""

    streams = 4

    def __init__(self, url: str, token: str | None = None) -> None:
        self.client = HttpClient(url, token)

    def __repr__(self) -> str:
        return f"HttpStore({self.client.url!r})"

    def open(self, key: str) -> BinaryIO:
        """See `Store.open`. A stream that breaks is taken up again where it broke."""
        response = self._ask(key, 0)
        if int(response.headers.get("content-length", _AT_ONCE + 1)) > _AT_ONCE:
            return cast(BinaryIO, io.BufferedReader(_Stream(self, key, response), CHUNK))
        data = bytearray(int(response.headers["content-length"]))
        self._fill(key, 0, memoryview(data), response)
        return io.BytesIO(data)

    def read_range(self, key: str, start: int, buffer: memoryview) -> None:
        """Fills ``buffer`` with the stored bytes from ``start`` on.

        Raises:
            DamagedError: fewer are stored.
            NotFoundError: nothing is stored under that key.
            StorageError: the server cannot be reached.
        """
        if buffer and not self.client.direct.read(f"/store/{check_path(key)}", start, buffer):
            self._fill(key, start, buffer, self._ask(key, start, start + len(buffer)))

    def size(self, key: str) -> int:
        """See `Store.size`."""
        try:
            return int(self.client.send("HEAD", f"/store/{check_path(key)}").headers["content-length"])
        except NotFoundError:
            raise self._not_found(key) from None

    def list(self, prefix: str) -> Iterator[str]:
        """See `Store.list`. It comes in pages, so what is stored meanwhile may be on it."""
        after = ""
        while True:
            page = self.client.get("/keys", params={"prefix": prefix, "after": after}).json()
            yield from page["keys"]
            if not page["more"]:
                return
            after = page["keys"][-1]

    def create(self, key: str, source: Source | bytes) -> NoReturn:
        """Refuses."""
        raise self._read_only(f"write {check_path(key)}")

    def delete(self, key: str) -> NoReturn:
        """Refuses."""
        raise self._read_only(f"delete {check_path(key)}")

    def _ask(self, key: str, start: int, end: int | None = None) -> "httpx.Response":
        wanted = {"Range": f"bytes={start}-{'' if end is None else end - 1}"} if start or end is not None else {}
        headers = {"Accept-Encoding": "identity", **wanted}
        try:
            response = self.client.begin("GET", f"/store/{check_path(key)}", headers=headers)
        except NotFoundError:
            raise self._not_found(key) from None
        span = _SPAN.fullmatch(response.headers.get("content-range", ""))
        if wanted and (response.status_code != 206 or span is None or int(span[1]) != start):
            response.close()
            raise StorageError(f"{self.client.url} answered with other bytes of {key} than it was asked for.")
        return response

    def _fill(self, key: str, start: int, buffer: memoryview, response: "httpx.Response") -> None:
        stream = _Stream(self, key, response, start, start + len(buffer))
        try:
            done = 0
            while done < len(buffer):
                count = stream.readinto(buffer[done:])
                if not count:
                    raise DamagedError(
                        f"{key} in {self.client.url} is damaged: expected bytes up to {start + len(buffer)}, found "
                        f"{start + done}."
                    )
                done += count
        finally:
            stream.close()

    def _not_found(self, key: str) -> NotFoundError:
        return NotFoundError(f"{key} is not in {self.client.url}. See what is: roadworthy models")

    def _read_only(self, what: str) -> StorageError:
        return StorageError(
            f"cannot {what} in {self.client.url}: a server's registry changes only through what it checks itself "
            "(publish, import, alias, bench, verify --attest). Do this where the server runs. Nothing was changed."
        )


class _Stream(io.RawIOBase):
    """What is stored under a key, from ``at`` on. It is asked for where it is read, and again where it breaks."""

    def __init__(
        self, store: HttpStore, key: str, response: "httpx.Response | None", at: int = 0, end: int | None = None
    ) -> None:
        self._store = store
        self._key = key
        self._at = at
        self._end = end
        self._left = memoryview(b"")
        self._use(response)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at}.get(whence)
        at = offset + (self._store.size(self._key) if start is None else start)
        if at != self._at:
            self._drop()
            self._at = at
        return at

    def readinto(self, buffer: "bytearray | memoryview", /) -> int:  # type: ignore[override]  # any writable buffer
        """As `io.RawIOBase.readinto`; 0 at the end."""
        import httpx

        for attempt in range(_TRIES):
            try:
                if not self._left:
                    self._left = memoryview(next(self._chunks(), b""))
                count = min(len(buffer), len(self._left))
                buffer[:count] = self._left[:count]
                self._left = self._left[count:]
                self._at += count
                return count
            except httpx.HTTPError as error:
                self._drop()
                if attempt == _TRIES - 1:
                    raise self._store.client.unreachable(error) from error
        raise AssertionError("the last try returns or raises")

    def close(self) -> None:
        self._drop()
        super().close()

    def _chunks(self) -> Iterator[bytes]:
        if self._response is None:
            if self._at >= (self._store.size(self._key) if self._end is None else self._end):
                return iter(())
            self._use(self._store._ask(self._key, self._at, self._end))
        return self._iterator

    def _use(self, response: "httpx.Response | None") -> None:
        self._response = response
        self._iterator = iter(()) if response is None else response.iter_raw()

    def _drop(self) -> None:
        self._left = memoryview(b"")
        if self._response is not None:
            self._response.close()
        self._use(None)
