"""Large files as git-lfs sends them: a batch says which are missing and where to send each, whole or in parts.

A client sends the bytes without its token, so that the address it was given carries a grant for just that address.
What arrives is hashed while it is stored, and is stored under its digest or not at all.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from math import ceil
from typing import Any, BinaryIO, cast

import anyio.to_thread
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from roadworthy.model_cards.errors import DamagedError, NotFoundError
from roadworthy.model_cards.snapshot import FileEntry
from roadworthy.registry import layout
from roadworthy.registry.checked import CheckedReader
from roadworthy.registry.errors import ExistsError
from roadworthy.registry.reference import Reference
from roadworthy.registry.registry import Registry
from roadworthy.registry.stored import blob_size

from .access import Access, Caller
from .answers import Refused
from .body import BodySource, parsed, read_body
from .paths import model
from .visible import Visible

_OID = re.compile(r"[0-9a-f]{64}")
_MIME = "application/vnd.git-lfs+json"
_IN_PARTS_FROM = 4 * 2**30  # bytes: a connection that breaks costs a part, and not the whole file
_PART = 2**28  # bytes; of the largest file there may be, 200 parts
_MOST = 50_000_000_000  # bytes in one file, as on the Hub; a stock client does not fetch a larger one either
# Threads that wait for bytes: never those that answer everybody else.
_UPLOADS = 32


def routes(
    registry: Registry, access: Access, *, in_parts_from: int = _IN_PARTS_FROM, part_size: int = _PART
) -> list[Route]:
    """``/{id}.git/info/lfs/objects/batch`` and the addresses that it hands out."""
    limiter: list[anyio.CapacityLimiter] = []
    visible = Visible(registry, access)

    async def batch(request: Request) -> Response:
        wanted = _model(request)
        caller = access.require(request, "write", wanted.namespace)
        asked = _asked(await read_body(request))
        base = str(request.base_url).rstrip("/") + f"/{wanted.model}.git/info/lfs"
        objects = await run_in_threadpool(
            lambda: [told(request, wanted, caller, base, oid, size) for oid, size in asked]
        )
        return JSONResponse({"transfer": "basic", "objects": objects, "hash_algo": "sha256"}, media_type=_MIME)

    def told(request: Request, wanted: Reference, caller: Caller, base: str, oid: str, size: int) -> dict[str, Any]:
        found: dict[str, Any] = {"oid": oid, "size": size}
        if size > _MOST:
            return {**found, "error": {"code": 413, "message": f"expected at most {_MOST:,} bytes in one file"}}
        if _is_here(registry, oid, size) and visible.blob(request, oid):
            return found  # what the caller cannot see is sent again: to know a digest is not to have the bytes

        def address(*parts: str | int) -> dict[str, str]:
            path = "/".join((f"/{wanted.model}.git/info/lfs/objects/{oid}/{size}", *map(str, parts)))
            grant, _ = access.lend(caller, "write", [wanted.namespace], seconds=24 * 3600, path=path)
            return {"href": f"{base.removesuffix(f'/{wanted.model}.git/info/lfs')}{path}?grant={grant}"}

        actions: dict[str, Any] = {"verify": address("verify")}
        if size <= in_parts_from:
            actions["upload"] = address()
        else:
            parts = {f"{n:05d}": address(n)["href"] for n in range(1, ceil(size / part_size) + 1)}
            actions["upload"] = {**address("parts"), "header": {"chunk_size": str(part_size), **parts}}
        return {**found, "authenticated": True, "actions": actions}

    async def receive(request: Request) -> Response:
        file = _file(request)
        wanted = _model(request)
        access.require(request, "write", wanted.namespace)
        part = request.path_params.get("part")
        if part is None:
            await store(partial(_store, registry, layout.blob_key(file.sha256), BodySource(request, file.size), file))
            await run_in_threadpool(visible.sent, request, file.sha256)
            return Response(status_code=200)
        number = int(part) if part.isdigit() and len(part) < 7 else 0
        if not 1 <= number <= ceil(file.size / part_size):
            raise Refused(404, f"there is no part {part!r:.20}")
        length = min(part_size, file.size - (number - 1) * part_size)
        await store(partial(_store_part, registry, _part_key(file, number), BodySource(request, length)))
        return Response(status_code=200, headers={"ETag": f'"{file.sha256[:16]}-{number}"'})

    async def complete(request: Request) -> Response:
        file = _file(request)
        access.require(request, "write", _model(request).namespace)
        await read_body(request)  # the client's list of parts: what counts is what is here, and its digest
        await store(partial(_join, registry, file, ceil(file.size / part_size)))
        await run_in_threadpool(visible.sent, request, file.sha256)
        return JSONResponse({}, media_type=_MIME)

    async def verify(request: Request) -> Response:
        file = _file(request)
        access.require(request, "write", _model(request).namespace)
        await read_body(request)
        if not await run_in_threadpool(_is_here, registry, file.sha256, file.size):
            raise Refused(404, f"{file.sha256} of {file.size} bytes is not here. Send it again.")
        return JSONResponse({}, media_type=_MIME)

    async def store(work: Any) -> None:
        if not limiter:
            limiter.append(anyio.CapacityLimiter(_UPLOADS))  # only inside an event loop
        try:
            await anyio.to_thread.run_sync(work, limiter=limiter[0])
        except DamagedError as error:
            raise Refused(422, f"{error} Nothing was stored; send it again.") from error

    lfs = "/{namespace}/{name}/info/lfs/objects"
    one = lfs + "/{oid}/{size}"
    return [
        Route(f"{lfs}/batch", batch, methods=["POST"]),
        Route(one, receive, methods=["PUT"]),
        Route(f"{one}/verify", verify, methods=["POST"]),
        Route(f"{one}/parts", complete, methods=["POST"]),
        Route(f"{one}/{{part}}", receive, methods=["PUT"]),
    ]


def _store(registry: Registry, key: str, source: BodySource, file: FileEntry) -> None:
    _create(registry, key, CheckedReader(cast(BinaryIO, source), file, "what you sent"))


def _create(registry: Registry, key: str, checked: CheckedReader) -> None:
    with suppress(ExistsError):
        registry.store.create(key, checked)
    while checked.read():
        pass  # it was here already; who has the bytes may use it


def _store_part(registry: Registry, key: str, source: BodySource) -> None:
    # A part that was sent before may be half of another attempt: the last one counts, and the digest decides.
    with suppress(NotFoundError):
        registry.store.delete(key)
    registry.store.create(key, _Bounded(source))


def _join(registry: Registry, file: FileEntry, count: int) -> None:
    keys = [_part_key(file, number) for number in range(1, count + 1)]
    try:
        checked = CheckedReader(cast(BinaryIO, _Parts(registry, keys)), file, "what you sent")
        _create(registry, layout.blob_key(file.sha256), checked)
    except NotFoundError as error:
        raise Refused(422, "a part is missing. Nothing was stored; send it again.") from error
    for key in keys:
        with suppress(NotFoundError):
            registry.store.delete(key)


class _Bounded:
    """A part: exactly as many bytes as it must have."""

    def __init__(self, source: BodySource) -> None:
        self._source = source
        self._seen = 0
        self.size = source.size

    def read(self, size: int, /) -> bytes:
        chunk = self._source.read(size)
        self._seen += len(chunk)
        if self._seen > self.size or (not chunk and self._seen != self.size):
            raise DamagedError(f"a part has {self._seen:,} bytes or more: expected {self.size:,}.")
        return chunk


class _Parts:
    """Parts, one after the other."""

    def __init__(self, registry: Registry, keys: list[str]) -> None:
        self._chunks = self._all(registry, keys)

    def read(self, size: int) -> bytes:
        return next(self._chunks, b"")

    def _all(self, registry: Registry, keys: list[str]) -> Iterator[bytes]:
        for key in keys:
            stream: BinaryIO
            with registry.store.open(key) as stream:
                while chunk := stream.read(2**20):
                    yield chunk


def _part_key(file: FileEntry, number: int) -> str:
    return f"uploads/{file.sha256}/{number:08d}"


def _is_here(registry: Registry, oid: str, size: int) -> bool:
    try:
        return blob_size(registry.store, oid) == size
    except NotFoundError:
        return False


def _model(request: Request) -> Reference:
    name = request.path_params["name"]
    if not name.endswith(".git"):
        raise Refused(404, "expected the address of a repository for git, which ends in .git")
    request.path_params["name"] = name.removesuffix(".git")
    try:
        return model(request)
    finally:
        request.path_params["name"] = name


def _file(request: Request) -> FileEntry:
    oid, size = request.path_params["oid"], request.path_params["size"]
    if not _OID.fullmatch(oid) or not (size.isascii() and size.isdigit() and len(size) < 16):
        raise Refused(404, "expected the address that a batch handed out")
    return FileEntry(path=oid, size=int(size), sha256=oid)


def _asked(body: bytes) -> list[tuple[str, int]]:
    try:
        said = parsed(body)
        operation, objects = said["operation"], said["objects"]
        asked = [(one["oid"], one["size"]) for one in objects]
    except (KeyError, TypeError) as error:
        raise Refused(400, f"cannot read the batch: {error!r:.200}") from error
    if operation != "upload":
        raise Refused(400, "this server takes large files in by git-lfs; get them from /resolve/")
    if len(asked) > 1000 or not all(
        isinstance(oid, str) and _OID.fullmatch(oid) and type(size) is int and size >= 0 for oid, size in asked
    ):
        raise Refused(422, "expected at most 1,000 objects, each with its SHA-256 in hex and its size")
    return asked
