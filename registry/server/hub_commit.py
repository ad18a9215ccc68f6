"""How Hub clients push: what is to be sent how (preupload), and the commit, a line of JSON for each change."""

import base64
import binascii
import hashlib
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from roadworthy.model_cards.errors import InputError
from roadworthy.model_cards.snapshot import FileEntry, check_path
from roadworthy.registry.intake import may_run_code
from roadworthy.registry.keys import acting_as
from roadworthy.registry.manifest import Manifest
from roadworthy.registry.reference import DRAFT, Reference
from roadworthy.registry.registry import Registry

from . import describe, git_objects, revisions
from .access import Access, Caller
from .answers import Refused
from .body import lines, parsed, read_body
from .drafting import Change, Put, Remove, commit, stored
from .paths import model, part

_LONGEST_LINE = 2 * 2**20  # bytes: of base64, so files of 1.5 MiB; stock clients send what is over one on its own
_MOST_STEPS = 25_000
_MOST_BYTES = 2**30  # of the small files of one commit together; they lie on the server's disk until it is made
_OID = re.compile(r"[0-9a-f]{64}")
# What stock libraries push beside their safetensors, though it is the same weights again, or a trainer's own options.
_DUPLICATES = {".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack"}
_LEFT_BEHIND = {"training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth", "scaler.pt"}


def routes(registry: Registry, access: Access) -> list[Route]:
    """``preupload`` and ``commit`` of a model."""

    async def preupload(request: Request) -> Response:
        wanted = model(request)
        access.require(request, "write", wanted.namespace)
        asked = _asked(await read_body(request))
        return await run_in_threadpool(told, wanted, part(request, "revision"), asked)

    def told(wanted: Reference, branch: str, asked: list[tuple[str, int]]) -> Response:
        base = _movable(registry, wanted, branch)
        there = {file.path: file for file in base.files}
        names = [*there, *(path for path, _ in asked)]
        return JSONResponse({"files": [_mode(registry, base, there, names, path, size) for path, size in asked]})

    async def push(request: Request) -> Response:
        wanted = model(request)
        caller = access.require(request, "write", wanted.namespace)
        branch = part(request, "revision")
        if request.query_params.get("create_pr"):
            raise Refused(403, "this registry has no pull requests: commit to a branch of your own, or to main")
        await run_in_threadpool(_movable, registry, wanted, branch)
        with tempfile.TemporaryDirectory(prefix="roadworthy-") as name:
            header, steps = await _read(request, registry, Path(name))
            change = Change(
                author=caller.name,
                title=str(header.get("summary") or "Upload")[:1000],
                message=str(header.get("description") or "")[:20_000],
                expected=header.get("parentCommit"),
                steps=steps,
            )
            made = await run_in_threadpool(made_by, caller, wanted, branch, change)
        url = f"{str(request.base_url).rstrip('/')}/{wanted.model}/commit/{made.commit}"
        said = {"success": True, "commitOid": made.commit, "commitUrl": url, "hookOutput": ""}
        return JSONResponse(said, headers=describe.warning(registry, made))

    def made_by(caller: Caller, wanted: Reference, branch: str, change: Change) -> Manifest:
        with acting_as(caller.name):
            return commit(registry, wanted, branch, change)

    one = "/api/models/{namespace}/{name}"
    return [
        Route(f"{one}/preupload/{{revision}}", preupload, methods=["POST"]),
        Route(f"{one}/commit/{{revision}}", push, methods=["POST"]),
    ]


HOW_TO_PUBLISH = (
    "Versions come into being only through the gate, which measures: roadworthy publish FOLDER team/name@1.0.0"
)


def _movable(registry: Registry, wanted: Reference, branch: str) -> Manifest:
    if branch == DRAFT or revisions.line(registry, wanted, branch):
        return revisions.head(registry, wanted, branch)
    revisions.find(registry, wanted, branch)
    raise Refused(403, f"cannot commit to {branch!r:.100}: only branches move. {HOW_TO_PUBLISH}")


def is_left_out(path: str, names: Iterable[str]) -> bool:
    """Whether a file may run code, and nothing is lost without it: the same weights lie beside it as safetensors."""
    pure = PurePosixPath(path)
    if pure.name in _LEFT_BEHIND:
        return True
    beside = (PurePosixPath(name) for name in names)
    return pure.suffix in _DUPLICATES and any(
        one.suffix == ".safetensors" and one.parent == pure.parent for one in beside
    )


def _mode(
    registry: Registry, base: Manifest, there: Mapping[str, FileEntry], names: list[str], path: str, size: int
) -> dict[str, Any]:
    found = {
        "path": path,
        "uploadMode": "lfs" if git_objects.is_large(path, size) else "regular",
        "shouldIgnore": bool(may_run_code([path])) and is_left_out(path, names),
    }
    if path in there:
        # A client that has the same bytes leaves the file out of its commit.
        found["oid"] = git_objects.etag(registry, there[path], base)
    return found


def _asked(body: bytes) -> list[tuple[str, int]]:
    try:
        asked = [(str(one["path"]), int(one["size"])) for one in parsed(body)["files"]]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise Refused(400, f"cannot read what is to be sent: {error!r:.200}") from error
    if len(asked) > 1000:
        raise Refused(413, f"expected at most 1,000 files in one question, found {len(asked)}")
    return asked


async def _read(request: Request, registry: Registry, spool: Path) -> tuple[dict[str, Any], list[Put | Remove]]:
    header: dict[str, Any] | None = None
    steps: list[Put | Remove] = []
    spooled = 0
    async for line in lines(request, _LONGEST_LINE):
        if not line.strip():
            continue
        if len(steps) >= _MOST_STEPS:
            raise Refused(413, f"expected at most {_MOST_STEPS:,} changes in one commit. Make several of it.")
        key, value = _parsed(line)
        if header is None:
            if key != "header" or not isinstance(value.get("parentCommit"), str | None):
                raise Refused(400, f"expected the header of the commit in its first line, found {key!r:.40}")
            header = value
            continue
        step = await run_in_threadpool(_step, registry, key, value, spool / str(len(steps)))
        if isinstance(step, Put) and step.content is not None:
            spooled += step.file.size
            if spooled > _MOST_BYTES:
                raise Refused(413, f"expected at most {_MOST_BYTES:,} bytes of small files in one commit")
        steps.append(step)
    if header is None:
        raise Refused(400, "the commit is empty: expected its header in the first line")
    return header, steps


def _parsed(line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        said = parsed(line)
        key, value = said["key"], said["value"]
    except (KeyError, TypeError) as error:
        raise Refused(400, f"cannot read a line of the commit: {error!r:.200}") from error
    if not isinstance(key, str) or not isinstance(value, dict):
        raise Refused(400, "cannot read a line of the commit. Expected a key and an object.")
    return key, value


def _step(registry: Registry, key: str, value: dict[str, Any], spool: Path) -> Put | Remove:
    path = value.get("path")
    if not isinstance(path, str):
        raise Refused(400, f"cannot read a change of the kind {key!r:.40}. Expected the path of a file.")
    try:
        if key in ("deletedFile", "deletedFolder"):
            return Remove(path=path.rstrip("/") + "/" if key == "deletedFolder" else path)
        check_path(path)
        if key == "file":
            return _small(path, value, spool)
        if key == "lfsFile":
            oid, size = value.get("oid"), value.get("size")
            if not isinstance(oid, str) or not _OID.fullmatch(oid) or type(size) not in (int, type(None)):
                raise Refused(400, f"cannot read the oid of {path!r:.200}. Expected SHA-256 in hex.")
            return Put(file=stored(registry, path, oid, size), content=None)
    except InputError as error:
        raise Refused(400, str(error)) from error
    raise Refused(400, f"cannot make a change of the kind {key!r:.40}")


def _small(path: str, value: dict[str, Any], spool: Path) -> Put:
    content = value.get("content")
    if not isinstance(content, str) or value.get("encoding", "base64") not in ("base64", "utf-8"):
        raise Refused(400, f"cannot read the content of {path!r:.200}. Expected base64.")
    try:
        data = content.encode() if value.get("encoding") == "utf-8" else base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(400, f"cannot read the content of {path!r:.200}: {error}") from error
    spool.write_bytes(data)
    return Put(file=FileEntry(path=path, size=len(data), sha256=hashlib.sha256(data).hexdigest()), content=spool)
