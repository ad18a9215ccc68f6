"""The bytes of a file: ``/{id}/resolve/{revision}/{path}``, hashed on their way out.

The last piece of a file is sent when all of it has been hashed and is right; where it is not, the connection is cut,
which no client takes for the end of a file. The file is then hashed before anything of it is sent again, because a
client goes on where it was cut off. A range is sent as it is, as nobody could tell without reading the rest.
A large file in a bucket is not sent: the client is told where it lies (`redirect`).
"""

import logging
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import BinaryIO
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from roadworthy.model_cards.errors import DamagedError, StorageError
from roadworthy.model_cards.snapshot import FileEntry
from roadworthy.registry.checked import CheckedReader
from roadworthy.registry.manifest import Manifest
from roadworthy.registry.registry import Registry
from roadworthy.registry.store import CHUNK

from . import describe, git_objects, redirect, revisions
from .access import Access
from .answers import NO_ENTRY, Refused
from .paths import model, part

_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")
_LOG = logging.getLogger("roadworthy.server")


class CutError(Exception):
    """A body that was begun must not end well. The connection is cut."""


def routes(registry: Registry, access: Access) -> list[Route]:
    """``/{namespace}/{name}/resolve/…``, and ``raw`` in its place."""
    damaged: set[str] = set()
    lock = threading.Lock()

    def resolve(request: Request) -> Response:
        wanted = model(request)
        access.require(request, "read", wanted.namespace)
        found = revisions.find(registry, wanted, part(request, "revision"))
        path = unquote(request.path_params["path"], errors="surrogateescape")
        file = next((file for file in found.files if file.path == path), None)
        if file is None:
            commit = {"X-Repo-Commit": found.commit}
            raise Refused(404, f"{found.reference} has no file {path!r:.200}", NO_ENTRY, commit)
        headers = _headers(registry, file, found)
        if request.headers.get("if-none-match", "").strip('W/"') == headers["ETag"].strip('"'):
            return Response(status_code=304, headers=headers)
        if request.app.state.redirects and (url := redirect.elsewhere(registry.store, file)) is not None:
            # Clients read what they need to know of the file off this answer, and the bytes from there.
            return Response(status_code=302, headers={**headers, "Location": url, "Cache-Control": "no-store"})
        span = _span(request.headers.get("range"), file)
        first, last = span or (0, file.size - 1)
        headers["Content-Length"] = str(last - first + 1)
        if span is not None:
            headers["Content-Range"] = f"bytes {first}-{last}/{file.size}"
        if request.method == "HEAD":
            return Response(status_code=206 if span else 200, headers=headers)
        whole = last - first + 1 == file.size
        return StreamingResponse(
            _pieces(file, found, None if whole else (first, last)), 206 if span else 200, headers=headers
        )

    def _pieces(file: FileEntry, found: Manifest, span: tuple[int, int] | None) -> Iterator[bytes]:
        what = f"{file.path} of {found.reference}"
        with ExitStack() as opened:
            stream = opened.enter_context(registry.open(file, found.reference))
            with lock:
                suspect = file.sha256 in damaged
            if suspect:
                _read_to_the_end(CheckedReader(stream, file, what))
                stream.seek(0)
                with lock:
                    damaged.discard(file.sha256)
            return _sent(opened.pop_all(), stream, file, what, span)

    def _sent(
        opened: ExitStack, stream: BinaryIO, file: FileEntry, what: str, span: tuple[int, int] | None
    ) -> Iterator[bytes]:
        try:
            with opened:
                yield from _range(stream, *span) if span else _checked(stream, file, what)
        except (StorageError, OSError) as error:
            if isinstance(error, DamagedError):
                with lock:
                    damaged.add(file.sha256)
            _LOG.error("cut a download: %s", error)
            raise CutError from error

    path = "/{namespace}/{name}/%s/{revision}/{path:path}"
    return [Route(path % word, resolve, methods=["GET"]) for word in ("resolve", "raw")]


def _read_to_the_end(reader: CheckedReader) -> None:
    while reader.read():
        pass


def _checked(stream: BinaryIO, file: FileEntry, what: str) -> Iterator[bytes]:
    reader = CheckedReader(stream, file, what)
    held = b""
    while chunk := reader.read():
        if held:
            yield held
        held = chunk
    if held:
        yield held


def _range(stream: BinaryIO, first: int, last: int) -> Iterator[bytes]:
    stream.seek(first)
    left = last - first + 1
    while left:
        chunk = stream.read(min(CHUNK, left))
        if not chunk:
            raise StorageError("a stored file is shorter than its manifest says")
        left -= len(chunk)
        yield chunk


def _headers(registry: Registry, file: FileEntry, found: Manifest) -> dict[str, str]:
    etag = git_objects.etag(registry, file, found)
    headers = {
        "ETag": f'"{etag}"',
        "X-Repo-Commit": found.commit,
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        # What somebody pushed is shown by no browser in this server's name.
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.path.rpartition('/')[2])}",
        "X-Content-Type-Options": "nosniff",
        **describe.warning(registry, found),
    }
    if git_objects.is_large(file.path, file.size):
        headers |= {"X-Linked-Size": str(file.size), "X-Linked-Etag": f'"{file.sha256}"'}
    return headers


def _span(text: str | None, file: FileEntry) -> tuple[int, int] | None:
    match = _RANGE.fullmatch(text.strip()) if text else None
    if match is None or match[0] == "bytes=-":
        return None  # none, or several, or another unit: the whole file is a right answer to each
    first, last = match[1], match[2]
    if not first:
        begin, end = max(0, file.size - int(last)), file.size - 1
    else:
        begin, end = int(first), min(int(last) if last else file.size - 1, file.size - 1)
    if begin >= file.size or begin > end:
        raise Refused(416, f"{file.path} has {file.size} bytes", headers={"Content-Range": f"bytes */{file.size}"})
    return begin, end
