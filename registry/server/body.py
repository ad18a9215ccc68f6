"""Bodies of requests: short ones whole, long ones as a stream that a thread reads while they arrive."""

import asyncio
import json
from collections.abc import AsyncIterator
from concurrent.futures import Future
from typing import Any

import anyio.from_thread
from starlette.requests import ClientDisconnect, Request

from roadworthy.model_cards.errors import StorageError
from roadworthy.registry.store import CHUNK

from .answers import Refused

SHORT = 4 * 2**20  # bytes: a JSON document or a form. 256 files of a preupload, with their samples, are 200 kB.


async def read_body(request: Request, most: int = SHORT) -> bytes:
    """The whole body.

    Raises:
        Refused: 413, it is longer than ``most`` bytes.
    """
    parts, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise Refused(413, f"the body is too long: expected at most {most:,} bytes here")
        parts.append(chunk)
    return b"".join(parts)


def parsed(data: bytes) -> Any:
    """The JSON document that ``data`` is.

    Raises:
        Refused: 400, it is none, or holds what no UTF-8 text can.
    """
    try:
        document = json.loads(data)
        if b"\\u" in data:
            json.dumps(document, ensure_ascii=False).encode()  # half of a surrogate pair cannot be stored
        return document
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"cannot read the body as JSON: {error!r:.200}") from error


async def lines(request: Request, longest: int) -> AsyncIterator[bytes]:
    """The lines of the body, each without its end, as they arrive: no more than one is held.

    Raises:
        Refused: 413, a line is longer than ``longest`` bytes.
    """
    held = bytearray()
    seen = 0  # how far `held` was searched: a long line arrives in a thousand pieces
    async for chunk in request.stream():
        held += chunk
        while (end := held.find(b"\n", seen)) >= 0:
            yield bytes(held[:end])
            del held[: end + 1]
            seen = 0
        seen = len(held)
        if seen > longest:
            raise Refused(413, f"a line of the body is too long: expected at most {longest:,} bytes")
    if held:
        yield bytes(held)


class BodySource:
    """The body as a `Source` for `Store.create`, read in a worker thread of anyio while it arrives.

    ``size`` is what the sender promised; whoever stores it checks that (`CheckedReader`).
    """

    def __init__(self, request: Request, size: int) -> None:
        self._chunks = request.stream().__aiter__()
        self._left = memoryview(b"")
        self._ahead: Future[bytes] | None = None
        self.size = size

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, ``b""`` at the end.

        Raises:
            StorageError: the sender has gone.
        """
        if not self._left:
            self._left = memoryview(self._come())
        taken = self._left if size < 0 else self._left[:size]
        self._left = self._left[len(taken) :]
        return bytes(taken)

    def _come(self) -> bytes:
        loop = anyio.from_thread.run_sync(asyncio.get_running_loop)
        ahead = self._ahead or asyncio.run_coroutine_threadsafe(self._next(), loop)
        try:
            come = ahead.result()
        except ClientDisconnect as error:
            raise StorageError("the sender went away in the middle. Nothing was stored; send it again.") from error
        # What follows arrives while the caller hashes and writes.
        self._ahead = asyncio.run_coroutine_threadsafe(self._next(), loop) if come else None
        return come

    async def _next(self) -> bytes:
        # Many at once: to go from one thread to the other costs more than to hash what is brought.
        parts, size = [], 0
        async for chunk in self._chunks:
            parts.append(chunk)
            size += len(chunk)
            if size >= CHUNK:
                break
        return b"".join(parts)
