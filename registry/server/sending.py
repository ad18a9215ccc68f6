"""Stored bytes as an answer, whole or a range of them.

A thread reads a large piece while the one before is on its way: pieces of 64 kB, which other ways of sending a file
use, cost four times the processor's time (decision 23).
"""

import hashlib
import re
from collections.abc import Callable
from typing import BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from roadworthy.registry.store import CHUNK

from .answers import Refused
from .resolve import CutError

_SPAN = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Sent(Response):
    """The bytes ``first`` to ``end`` of an open stream, which is closed afterwards."""

    def __init__(self, stream: BinaryIO, first: int, end: int, status: int, headers: dict[str, str]) -> None:
        super().__init__(status_code=status, headers=headers)
        self._stream = stream
        self._at = first
        self._end = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it. Where fewer bytes are stored the connection is cut, which nobody takes for an end."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await run_in_threadpool(self._stream.seek, self._at)
            while self._at < self._end:
                piece = await run_in_threadpool(self._stream.read, min(CHUNK, self._end - self._at))
                if not piece:
                    raise CutError("a stored file is shorter than it was")
                self._at += len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await run_in_threadpool(self._stream.close)


def stored(
    opened: Callable[[], BinaryIO], size: int, asked: str | None, *, sha256: str | None, headers: dict[str, str]
) -> Response:
    """The answer to a GET for ``size`` stored bytes of which the range ``asked`` is wanted, if one is.

    ``sha256`` is that of all of them, where it is known without reading them.

    Raises:
        Refused: 416, there are no such bytes.
    """
    first, end = _span(asked, size)
    part = (first, end) != (0, size) or (asked is not None and _SPAN.fullmatch(asked) is not None)
    stream = opened()
    try:
        if sha256 is None:
            sha256 = hashlib.sha256(stream.read()).hexdigest()
    except BaseException:
        stream.close()
        raise
    answer = {
        **headers,
        "Accept-Ranges": "bytes",
        "Content-Length": str(end - first),
        "Content-Type": "application/octet-stream",
        "ETag": f'"{sha256}"',
        "X-Content-Type-Options": "nosniff",
    }
    if part:
        answer["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
    return Sent(stream, first, end, 206 if part else 200, answer)


def _span(asked: str | None, size: int) -> tuple[int, int]:
    match = _SPAN.fullmatch(asked.strip()) if asked else None
    if match is None or match[0] == "bytes=-":
        return 0, size  # none, or several, or another unit: the whole is a right answer to each
    if not match[1]:
        first, end = max(0, size - int(match[2])), size
    else:
        first, end = int(match[1]), min(int(match[2]) + 1 if match[2] else size, size)
    if first >= end:
        raise Refused(416, f"there are {size} bytes", headers={"Content-Range": f"bytes */{size}"})
    return first, end
