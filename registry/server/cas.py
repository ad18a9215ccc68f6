"""The content-addressed storage that a stock client uploads to by the Xet protocol.

API: https://huggingface.co/docs/xet/api, and what hf_xet 1.8 asks beside it. There is no deduplication across clients
(every question for a chunk is answered "not here"), and no reading: files that were put together are served as files.
"""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from typing import Any, BinaryIO

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from roadworthy.model_cards.errors import RoadworthyError
from roadworthy.registry.registry import Registry
from roadworthy.registry.xet import shard
from roadworthy.registry.xet.hashes import from_text
from roadworthy.registry.xet.xorb import LARGEST

from .access import Access
from .answers import Refused, refusal
from .body import BodySource
from .hub_xet import CAS
from .rebuild import Progress, rebuild
from .xorbs import Xorbs

_XORBS, _SHARDS = 16, 4  # at once; each in a thread that answers nobody else
_PULSE = 5.0  # seconds from one word of a shard's progress to the next


def routes(registry: Registry, access: Access) -> list[Route]:
    """``/xet/v1/xorbs``, ``/xet/v1/shards``, ``/xet/v2/shards``, and what is answered "not here"."""
    xorbs = Xorbs(registry.store)
    limiters: dict[str, anyio.CapacityLimiter] = {}
    working: set[asyncio.Task[None]] = set()

    async def in_thread(work: Callable[[], Any], kind: str, most: int) -> Any:
        if kind not in limiters:
            limiters[kind] = anyio.CapacityLimiter(most)  # only inside an event loop
        return await anyio.to_thread.run_sync(work, limiter=limiters[kind])

    async def add_xorb(request: Request) -> Response:
        access.require(request, "write")
        expected = from_text(request.path_params["hash"])
        size = _length(request, LARGEST)
        source = BodySource(request, size)
        added = await in_thread(lambda: xorbs.add(expected, source, size), "xorbs", _XORBS)
        return JSONResponse({"was_inserted": added})

    async def add_shard(request: Request) -> Response:
        await begin(await body_of(request), Progress())
        return JSONResponse({"result": 1})

    async def add_shard_told(request: Request) -> Response:
        progress = Progress()
        told = _told(begin(await body_of(request), progress), progress)
        return StreamingResponse(told, media_type="application/x-ndjson", headers={"Cache-Control": "no-cache"})

    async def body_of(request: Request) -> BinaryIO:
        access.require(request, "write")
        _length(request, shard.LARGEST)
        return await _spooled(request)

    def begin(body: BinaryIO, progress: Progress) -> asyncio.Task[None]:
        def work() -> None:
            with body:
                files = shard.parse(body.read())
            rebuild(registry.store, xorbs, files, progress)

        def done(task: asyncio.Task[None]) -> None:
            working.discard(task)
            if not task.cancelled():
                task.exception()  # seen, though nobody may be left to hear of it

        task = asyncio.create_task(in_thread(work, "shards", _SHARDS))
        # It goes on when its sender has gone, and then nobody else holds it.
        working.add(task)
        task.add_done_callback(done)
        return task

    def absent(request: Request) -> Response:
        access.require(request, "write")
        raise Refused(404, "not here")

    return [
        Route(f"{CAS}/v1/xorbs/{{prefix}}/{{hash}}", add_xorb, methods=["POST"]),
        Route(f"{CAS}/v1/shards", add_shard, methods=["POST"]),
        Route(f"{CAS}/v2/shards", add_shard_told, methods=["POST"]),
        Route(f"{CAS}/{{path:path}}", absent, methods=["GET", "HEAD", "POST"]),
    ]


async def _spooled(request: Request) -> BinaryIO:
    # On the disk until its turn comes: a hundred shards that wait are not in memory.
    body: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - whoever works on it closes it
    try:
        async for chunk in request.stream():
            body.write(chunk)
            if body.tell() > shard.LARGEST:
                raise Refused(413, f"the body is too long: expected at most {shard.LARGEST:,} bytes here")
        body.seek(0)
    except BaseException:
        body.close()
        raise
    return body


async def _told(task: asyncio.Task[None], progress: Progress) -> AsyncIterator[bytes]:
    # The status has gone out before anything is known. Stock clients show this message, and none of a refusal's.
    while not task.done():
        await asyncio.wait({task}, timeout=_PULSE)
        if not task.done():
            yield _line(type="validating", verified=progress.done, total=progress.total)
    error = task.exception()
    if error is None:
        yield _line(type="result", result=1)
    elif isinstance(error, RoadworthyError):
        yield _line(type="error", message=str(error), retryable=refusal(error).status >= 500)
    else:
        raise error


def _line(**event: str | int | bool) -> bytes:
    return json.dumps(event).encode() + b"\n"


def _length(request: Request, most: int) -> int:
    length = request.headers.get("content-length", "")
    if not (length.isascii() and length.isdigit()):
        raise Refused(411, "expected the header Content-Length")
    if int(length) > most:
        raise Refused(413, f"the body is too long: expected at most {most:,} bytes here, found {int(length):,}")
    return int(length)
