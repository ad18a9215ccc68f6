"""A registry over HTTP, an interface of our own: read as a store is read, changed only through what checks.

    GET, HEAD /api/roadworthy/v1/store/{key}     what is stored under a key of `layout`, or a range of it
    GET       /api/roadworthy/v1/keys            ?prefix=&after=: {"keys": [...], "more": whether there are others}
    HEAD, PUT /api/roadworthy/v1/blobs/{sha256}  whether a file's bytes are here; sends them
    POST      /api/roadworthy/v1/versions        {"reference", "alias", "files", "allow_revoked"}: of each file its
                                                 path, size and sha256
    POST      /api/roadworthy/v1/drafts          {"reference", "note", "files"}
    POST      /api/roadworthy/v1/performance     {"reference", "envelope"}: signed, in base64
    POST      /api/roadworthy/v1/attestations    {"reference", "envelope", "evidence"}
    POST      /api/roadworthy/v1/revocations     {"reference", "envelope"}
    POST      /api/roadworthy/v1/aliases         {"reference", "to", "expected"}

Nothing that a client says is believed: what was sent is laid out as a folder and goes through the same functions as a
folder on this machine, under the keys that this machine trusts and its policy. An error is answered as
{"error", "reasons"}, its class in the header `KIND`.
"""

import base64
import binascii
import itertools
import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import anyio.from_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from roadworthy.model_cards.errors import CheckError, InputError, NotFoundError, RoadworthyError
from roadworthy.model_cards.snapshot import FileEntry
from roadworthy.registry import aliases, layout
from roadworthy.registry.attestations import attest
from roadworthy.registry.checked import CheckedReader
from roadworthy.registry.errors import ExistsError
from roadworthy.registry.http_client import API, KIND, MARK
from roadworthy.registry.keys import acting_as, trusted_keys
from roadworthy.registry.performance import add_performance
from roadworthy.registry.promotion import promote
from roadworthy.registry.publish import import_draft, publish
from roadworthy.registry.reference import LATEST, Reference, Version, check_alias
from roadworthy.registry.registry import Registry
from roadworthy.registry.revoking import add_revocation
from roadworthy.registry.stored import blob_size, open_blob

from .access import Access, Role
from .answers import Refused, header_text, refusal
from .arrived import Arrived
from .body import BodySource, read_body
from .laid_out import laid_out
from .sending import stored
from .visible import Visible

PAGE = 10_000  # keys
_DOCUMENT = 16 * 2**20  # bytes of a request; a list of 100,000 files is not longer
_EVIDENCE = 96 * 2**20  # bytes of an attestation's request: its evidence has a row for each test example
_SHA256 = re.compile(r"[0-9a-f]{64}")

Answer = Callable[[Request], Response]


def routes(registry: Registry, access: Access) -> list[Route]:
    """The endpoints of above."""
    store, visible, arrived = registry.store, Visible(registry, access), Arrived()

    def read(request: Request) -> Response:
        access.require(request, "read")
        key = request.path_params["key"]
        if not visible.key(request, key):
            raise NotFoundError(f"{key} is not here.")
        sha256 = key.rpartition("/")[2] if key.startswith("blobs/") else None
        size = blob_size(store, sha256) if sha256 else store.size(key)
        if request.method == "HEAD":
            return Response(headers={"Content-Length": str(size), "Accept-Ranges": "bytes"})
        return stored(
            lambda: open_blob(store, sha256) if sha256 else store.open(key),
            size,
            request.headers.get("range"),
            sha256=sha256,
            headers={},
        )

    def keys(request: Request) -> Response:
        access.require(request, "read")
        prefix, after = (request.query_params.get(name, "") for name in ("prefix", "after"))
        later = (key for key in visible.keys(request, prefix) if key > after)
        page = list(itertools.islice(later, PAGE + 1))
        return JSONResponse({"keys": page[:PAGE], "more": len(page) > PAGE})

    def look(request: Request) -> Response:
        access.require(request, "write")
        sha256 = _sha256(request)
        if not visible.blob(request, sha256):
            raise NotFoundError(f"the bytes of {sha256} are not here.")
        return Response(headers={"Content-Length": str(blob_size(store, sha256))})

    def send(request: Request) -> Response:
        access.require(request, "write")
        sha256, length = _sha256(request), request.headers.get("content-length", "")
        if not length.isascii() or not length.isdigit():
            raise Refused(411, "expected Content-Length: how many bytes are sent")
        file = FileEntry(path=sha256, size=int(length), sha256=sha256)
        sent = CheckedReader(BodySource(request, file.size), file, f"what was sent as {sha256}")  # type: ignore[arg-type]
        with suppress(ExistsError):
            store.create(layout.blob_key(sha256), sent)
            arrived.add(sha256)
        while sent.read():
            pass  # it was here already; who has the bytes may use it
        visible.sent(request, sha256)
        return JSONResponse({"size": file.size}, 201)

    def asked(request: Request, most: int = _DOCUMENT) -> dict[str, Any]:
        access.require(request, "write")  # before anything is read
        return _said(request, most)

    def version(request: Request) -> Response:
        said = asked(request)
        wanted, alias = _reference(said), check_alias(_text(said, "alias"))
        caller = access.require(request, "write", wanted.namespace)
        if alias != LATEST:
            access.require(request, _mover(alias), wanted.namespace)
        files = _files(request, said)
        with acting_as(caller.name), laid_out(store, files) as folder:
            done = publish(
                registry,
                folder,
                wanted,
                keys=trusted_keys(),
                alias=alias,
                files=files,
                arrived=arrived.take(file.sha256 for file in files),
                allow_revoked=said.get("allow_revoked") is True,
            )
        visible.forget(request, (file.sha256 for file in files))
        return JSONResponse({"moved": done.moved, "checks": done.checks}, 201)

    def draft(request: Request) -> Response:
        said = asked(request)
        wanted = _reference(said)
        caller = access.require(request, "write", wanted.namespace)
        note = said.get("note")
        if note is not None and not (isinstance(note, dict) and all(isinstance(text, str) for text in note.values())):
            raise InputError("cannot read the note. Expected text by name.")
        files = _files(request, said)
        with acting_as(caller.name), laid_out(store, files) as folder:
            made = import_draft(
                registry,
                folder,
                wanted,
                note=note,
                files=files,
                arrived=arrived.take(file.sha256 for file in files),
            )
        visible.forget(request, (file.sha256 for file in files))
        return JSONResponse({"reference": str(made)}, 201)

    def performance(request: Request) -> Response:
        said = asked(request)
        wanted = _reference(said)
        caller = access.require(request, "write", wanted.namespace)
        with acting_as(caller.name):
            number = add_performance(registry, wanted, _bytes(said, "envelope"), trusted_keys())
        return JSONResponse({"number": number}, 201)

    def attestation(request: Request) -> Response:
        said = asked(request, _EVIDENCE)
        wanted = _reference(said)
        caller = access.require(request, "write", wanted.namespace)
        with acting_as(caller.name):
            name = attest(registry, wanted, _bytes(said, "envelope"), _bytes(said, "evidence"), trusted_keys())
        return JSONResponse({"name": name}, 201)

    def revocation(request: Request) -> Response:
        said = asked(request)
        wanted = _reference(said)
        caller = access.require(request, "write", wanted.namespace)
        with acting_as(caller.name):
            added = add_revocation(registry, registry.resolve(wanted), _bytes(said, "envelope"), trusted_keys())
        return JSONResponse({"added": added}, 201)

    def move(request: Request) -> Response:
        said = asked(request)
        wanted, to, expected = _reference(said), Version.parse(_text(said, "to")), said.get("expected")
        caller = access.require(request, _mover(check_alias(wanted.selector)), wanted.namespace)
        seen = None if expected is None else Version.parse(_text(said, "expected"))
        with acting_as(caller.name):
            promote(registry, wanted, to, keys=trusted_keys(), expected=seen)
        return JSONResponse({"number": len(aliases.history(store, wanted))}, 201)

    def _mover(alias: str) -> Role:
        return "promote" if access.is_protected(alias) else "write"

    def _files(request: Request, said: Mapping[str, Any]) -> tuple[FileEntry, ...]:
        try:
            files = tuple(_file(one) for one in said["files"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"cannot read the files: {error!r:.200}. Expected path, size, sha256 of each.") from error
        for file in files:
            if not _SHA256.fullmatch(file.sha256) or not visible.blob(request, file.sha256) or _size(file) != file.size:
                raise InputError(f"the bytes of {file.path!r:.200} ({file.sha256:.64}) are not here. Send them first.")
        return files

    def _size(file: FileEntry) -> int | None:
        with suppress(NotFoundError):
            return blob_size(store, file.sha256)
        return None

    return [
        Route(f"{API}/store/{{key:path}}", _answered(read), methods=["GET", "HEAD"]),
        Route(f"{API}/keys", _answered(keys), methods=["GET"]),
        Route(f"{API}/blobs/{{sha256}}", _answered(look), methods=["HEAD"]),
        Route(f"{API}/blobs/{{sha256}}", _answered(send), methods=["PUT"]),
        *(
            Route(f"{API}/{name}", _answered(function), methods=["POST"])
            for name, function in (
                ("versions", version),
                ("drafts", draft),
                ("performance", performance),
                ("attestations", attestation),
                ("revocations", revocation),
                ("aliases", move),
            )
        ),
    ]


def _answered(function: Answer) -> Answer:
    def answer(request: Request) -> Response:
        try:
            made = function(request)
        except RoadworthyError as error:
            reasons = error.reasons if isinstance(error, CheckError) else ()
            said = {"error": str(error), "reasons": reasons}
            headers = {KIND: _kind(error), "X-Error-Message": header_text(str(error))}  # a HEAD has no body
            return JSONResponse(said, refusal(error).status, headers)
        made.headers[MARK] = "1"
        return made

    return answer


def _kind(error: RoadworthyError) -> str:
    public = (kind.__name__ for kind in type(error).__mro__ if not kind.__name__.startswith("_"))
    return next(public)


def _said(request: Request, most: int) -> dict[str, Any]:
    try:
        said = json.loads(anyio.from_thread.run(partial(read_body, request, most)))
    except (ValueError, RecursionError) as error:
        raise InputError(f"cannot read the request: {error!s:.200}. Expected a JSON object.") from error
    if not isinstance(said, dict):
        raise InputError("cannot read the request. Expected a JSON object.")
    return said


def _text(said: Mapping[str, Any], name: str) -> str:
    if not isinstance(text := said.get(name), str):
        raise InputError(f"cannot read {name}: expected text, found {text!r:.100}.")
    return text


def _bytes(said: Mapping[str, Any], name: str) -> bytes:
    try:
        return base64.b64decode(_text(said, name), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError(f"cannot read {name}: expected base64.") from error


def _file(said: Mapping[str, Any]) -> FileEntry:
    return FileEntry(path=str(said["path"]), size=int(said["size"]), sha256=str(said["sha256"]))


def _reference(said: Mapping[str, Any]) -> Reference:
    return Reference.parse(_text(said, "reference"))


def _sha256(request: Request) -> str:
    sha256: str = request.path_params["sha256"]
    if not _SHA256.fullmatch(sha256):
        raise InputError(f"cannot read the digest {sha256!r:.100}. Expected SHA-256 in hex.")
    return sha256
