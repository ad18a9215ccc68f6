"""What Hub clients ask of a model: what it is, its files, its revisions, its history; and which models there are."""

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from roadworthy.registry.manifest import Manifest
from roadworthy.registry.reference import DRAFT
from roadworthy.registry.registry import Registry

from . import describe, listing, revisions
from .access import Access
from .answers import NO_ENTRY, Refused
from .body import parsed, read_body
from .paths import model, number, part

_PAGE = 1000  # entries of a tree, commits, models: what one answer holds


def routes(registry: Registry, access: Access) -> list[Route]:
    """``/api/models``, ``/api/models/{id}`` and what lies below it; ``/api/whoami-v2``."""

    def asked(request: Request) -> Manifest:
        wanted = model(request)
        access.require(request, "read", wanted.namespace)
        revision = part(request, "revision") if "revision" in request.path_params else DRAFT
        return revisions.find(registry, wanted, revision)

    def info(request: Request) -> Response:
        found = asked(request)
        blobs = request.query_params.get("blobs", "").lower() in ("true", "1")
        said = describe.model_info(registry, found, blobs=blobs)
        return _said(describe.chosen(said, request.query_params.getlist("expand")), found)

    def models(request: Request) -> Response:
        access.require(request, "read")
        page, after = listing.page(registry, access.reads(request), request, _PAGE)
        return JSONResponse(page, headers=_next(request, after))

    def tree(request: Request) -> Response:
        found = asked(request)
        path = unquote(request.path_params.get("path", "")).strip("/")
        folder = f"{path}/" if path else ""
        if folder and not any(file.path.startswith(folder) for file in found.files):
            raise Refused(404, f"{found.reference} has no folder {path!r:.200}", NO_ENTRY, _commit_of(found))
        recursive, expand = (_is_true(request.query_params.get(name)) for name in ("recursive", "expand"))
        entries = list(describe.tree(registry, found, folder, recursive=recursive))
        begin = number(request, "cursor", 0)
        limit = max(1, min(_PAGE, number(request, "limit", _PAGE)))
        page = entries[begin : begin + limit]
        if expand:
            page = [_expanded(entry, found) for entry in page]
        after = str(begin + limit) if begin + limit < len(entries) else None
        return _said(page, found, _next(request, after))

    async def paths_info(request: Request) -> Response:
        wanted = await read_body(request)
        names, expand = _paths(wanted, request.headers.get("content-type", ""))
        return await run_in_threadpool(entries_of, request, names, expand)

    def entries_of(request: Request, names: Sequence[str], expand: bool) -> Response:
        found = asked(request)
        files = {file.path: file for file in found.files}
        entries = []
        for name in names:
            path = name.strip("/")
            if path in files:
                entries.append(describe.item(registry, files[path], found))
            elif path and any(file.startswith(f"{path}/") for file in files):
                entries.append(describe.directory(found, path))
        return _said([_expanded(entry, found) for entry in entries] if expand else entries, found)

    def refs(request: Request) -> Response:
        wanted = model(request)
        access.require(request, "read", wanted.namespace)
        branches = {name: found.commit for name, found in revisions.branches(registry, wanted).items()}
        said = {
            "branches": _refs("heads", branches),
            "tags": _refs("tags", revisions.tags(registry, wanted)),
            "converts": [],
        }
        if request.query_params.get("include_prs"):
            said["pullRequests"] = []
        return JSONResponse(said)

    def commits(request: Request) -> Response:
        wanted = model(request)
        access.require(request, "read", wanted.namespace)
        past = [describe.commit(one) for one in revisions.history(registry, wanted, part(request, "revision"))]
        begin = number(request, "cursor", 0)
        after = str(begin + _PAGE) if begin + _PAGE < len(past) else None
        return JSONResponse(past[begin : begin + _PAGE], headers=_next(request, after))

    def may_read(request: Request) -> Response:
        asked(request)
        return Response(status_code=200)

    def whoami(request: Request) -> Response:
        caller = access.identify(request)
        if caller.anonymous:
            raise Refused(401, "you sent no token: set HF_TOKEN to one of this server's")
        return JSONResponse(
            {
                "type": "user",
                "id": caller.name,
                "name": caller.name,
                "fullname": caller.name,
                "email": None,
                "canPay": False,
                "isPro": False,
                "orgs": [{"type": "org", "name": name, "roleInOrg": caller.role} for name in caller.namespaces],
                "auth": {"accessToken": {"displayName": caller.name, "role": caller.role}, "type": "access_token"},
            }
        )

    async def validate_yaml(request: Request) -> Response:
        # The card of a version is written by the gate, and checked there; a draft's may say what it likes.
        await read_body(request)
        return JSONResponse({"errors": [], "warnings": []})

    one = "/api/models/{namespace}/{name}"
    return [
        Route("/api/whoami-v2", whoami),
        Route("/api/validate-yaml", validate_yaml, methods=["POST"]),
        Route("/api/models", models),
        Route(one, info),
        Route(f"{one}/revision/{{revision}}", info),
        Route(f"{one}/tree/{{revision}}", tree),
        Route(f"{one}/tree/{{revision}}/{{path:path}}", tree),
        Route(f"{one}/paths-info/{{revision}}", paths_info, methods=["POST"]),
        Route(f"{one}/refs", refs),
        Route(f"{one}/commits/{{revision}}", commits),
        Route(f"{one}/auth-check", may_read),
    ]


def _said(document: Any, found: Manifest, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps(document, default=str, ensure_ascii=False).encode("utf-8", "replace")
    headers = {**_commit_of(found), **describe.warning(found), **(headers or {})}
    return Response(body, media_type="application/json", headers=headers)


def _commit_of(found: Manifest) -> dict[str, str]:
    return {"X-Repo-Commit": found.commit}


def _expanded(entry: dict[str, Any], found: Manifest) -> dict[str, Any]:
    # Which commit changed a file last is not kept; it is no later than the one that was asked for.
    last = describe.commit(found)
    return {**entry, "lastCommit": {name: last[name] for name in ("id", "title", "date")}}


def _refs(kind: str, commits: dict[str, str]) -> list[dict[str, str]]:
    return [
        {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": commit} for name, commit in sorted(commits.items())
    ]


def _paths(body: bytes, kind: str) -> tuple[list[str], bool]:
    try:
        if kind.startswith("application/json"):
            said = parsed(body)
            return [str(path) for path in said["paths"]], _is_true(str(said.get("expand", "")))
        form = parse_qs(body.decode())
        return form.get("paths", []), _is_true(form.get("expand", [""])[0])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Refused(400, f"cannot read the paths that are asked for: {error!r:.200}") from error


def _next(request: Request, after: str | None) -> dict[str, str]:
    if after is None:
        return {}
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    url = f"{str(request.base_url).rstrip('/')}{request.scope['path']}?{urlencode([*kept, ('cursor', after)])}"
    return {"Link": f'<{url}>; rel="next"'}


def _is_true(text: str | None) -> bool:
    return (text or "").lower() in ("true", "1")
