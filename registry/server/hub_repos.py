"""Repositories, branches and tags as Hub clients make and delete them, within what a registry of versions can be.

A repository with a certified version is deleted by nobody, a version's tag is made by the gate alone, and an alias is
no branch: it is moved where it is checked who may (`store_api`).
"""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from roadworthy.model_cards.errors import InputError, NotFoundError
from roadworthy.registry import aliases, layout, log, sealed
from roadworthy.registry.errors import ExistsError
from roadworthy.registry.manifest import dump
from roadworthy.registry.reference import DRAFT, LATEST, Reference, Version
from roadworthy.registry.registry import Registry
from roadworthy.registry.tokens import EVERY

from . import revisions
from .access import Access, Caller
from .answers import NO_REVISION, Refused
from .body import parsed, read_body
from .hub_commit import HOW_TO_PUBLISH
from .paths import model, part


def routes(registry: Registry, access: Access) -> list[Route]:
    """``/api/repos/create`` and ``delete``; ``tag`` and ``branch`` of a model."""

    async def create_repo(request: Request) -> Response:
        said = await _document(request)
        wanted = _named(said, access.identify(request))
        request.state.about = wanted.model
        access.require(request, "write", wanted.namespace)
        if said.get("private") or said.get("visibility") not in (None, "public"):
            raise Refused(400, "this registry has no private repositories: who may read is a matter of tokens")
        url = f"{str(request.base_url).rstrip('/')}/{wanted.model}"
        answer = {"url": url, "id": wanted.model, "name": wanted.model}
        if await run_in_threadpool(create, wanted):
            return JSONResponse(answer)
        return JSONResponse({**answer, "error": f"{wanted.model} is here already"}, 409)

    def create(wanted: Reference) -> bool:
        if revisions.exists(registry, wanted):
            return False
        body = {"schema": revisions.REPO_SCHEMA, "model": wanted.model, "created": _now()}
        with suppress(ExistsError):
            registry.store.create(revisions.repo_key(wanted), sealed.dump(body))
            return True
        return False

    async def delete_repo(request: Request) -> Response:
        said = await _document(request)
        wanted = _named(said, access.identify(request))
        request.state.about = wanted.model
        access.require(request, "write", wanted.namespace)
        await run_in_threadpool(delete, wanted)
        return JSONResponse({})

    def delete(wanted: Reference) -> None:
        revisions.head(registry, wanted)
        if versions := registry.versions(wanted.namespace, wanted.name):
            raise Refused(
                403,
                f"{wanted.model} has {len(versions)} certified versions, the last {versions[-1]}, and these never go. "
                f"Nothing was deleted; to warn of one: roadworthy revoke",
            )
        # The newest draft of main last, and the note of its creation after it: a kill leaves a repository, not a ghost.
        kinds: tuple[layout.Kind, ...] = ("tags", "branches", "drafts")
        keys = [key for kind in kinds for key in layout.documents(registry.store, kind, wanted.namespace, wanted.name)]
        last = [int(layout.parts(key)[-1]) for key in revisions.line(registry, wanted, DRAFT)][-1:]
        for key in (*keys, revisions.repo_key(wanted)):
            with suppress(NotFoundError):
                registry.store.delete(key)
        for number in last:
            log.announce_draft(registry.store, wanted, number)  # whoever follows the log finds that it is gone

    async def create_tag(request: Request) -> Response:
        wanted = model(request)
        caller = access.require(request, "write", wanted.namespace)
        said = await _document(request)
        tag = said.get("tag")
        if not isinstance(tag, str):
            raise Refused(400, "cannot read the tag. Expected its name as text.")
        await run_in_threadpool(put_tag, wanted, part(request, "revision"), tag, str(said.get("message") or ""), caller)
        return JSONResponse({})

    def put_tag(wanted: Reference, revision: str, tag: str, message: str, caller: Caller) -> None:
        at = revisions.find(registry, wanted, revision)
        _free(wanted, tag)
        body = {
            "schema": revisions.TAG_SCHEMA,
            "tag": tag,
            "to": at.commit,
            "message": message[:10_000],
            "who": caller.name,
            "when": _now(),
        }
        try:
            registry.store.create(revisions.tag_key(wanted, tag), sealed.dump(body))
        except ExistsError as error:
            raise Refused(409, f"{wanted.model} has a tag {tag!r:.100} already, and tags do not move") from error

    def delete_tag(request: Request) -> Response:
        wanted = model(request)
        access.require(request, "write", wanted.namespace)
        tag = part(request, "tag")
        if _is_version(tag):
            raise Refused(403, f"the tag {tag} is a certified version, and these never go")
        try:
            registry.store.delete(revisions.tag_key(wanted, tag))
        except NotFoundError as error:
            raise Refused(404, f"{wanted.model} has no tag {tag!r:.100}", NO_REVISION) from error
        return JSONResponse({})

    async def create_branch(request: Request) -> Response:
        wanted = model(request)
        access.require(request, "write", wanted.namespace)
        said = await _document(request)
        await run_in_threadpool(put_branch, wanted, part(request, "branch"), str(said.get("startingPoint") or DRAFT))
        return JSONResponse({})

    def put_branch(wanted: Reference, branch: str, start: str) -> None:
        at = revisions.find(registry, wanted, start)
        if branch == DRAFT or revisions.line(registry, wanted, branch):
            raise Refused(409, f"{wanted.model} has a branch {branch!r:.100} already")
        _free(wanted, branch)
        if not at.files:
            raise Refused(409, f"{wanted.model} is empty: a branch begins at a commit. Commit to main first.")
        try:
            registry.store.create(revisions.next_key(wanted, branch, []), dump(at))
        except ExistsError as error:
            raise Refused(409, f"{wanted.model} has a branch {branch!r:.100} already") from error

    def delete_branch(request: Request) -> Response:
        wanted = model(request)
        access.require(request, "write", wanted.namespace)
        branch = part(request, "branch")
        if branch == DRAFT:
            raise Refused(403, "the branch main stays as long as its repository does")
        keys = revisions.line(registry, wanted, branch)
        if not keys:
            raise Refused(404, f"{wanted.model} has no branch {branch!r:.100}", NO_REVISION)
        for key in keys:
            with suppress(NotFoundError):
                registry.store.delete(key)
        return JSONResponse({})

    def _free(wanted: Reference, name: str) -> None:
        if _is_version(name):
            raise Refused(403, f"the tag {name} is that of a certified version. {HOW_TO_PUBLISH}")
        taken = name in (LATEST, DRAFT) or name.startswith("refs/") or len(name) > 200 or not name.isprintable()
        with suppress(InputError):
            taken = taken or aliases.current(registry.store, Reference.parse(f"{wanted.model}@{name}")) is not None
        if taken or access.is_protected(name):
            raise Refused(403, f"{name!r:.100} names an alias, or cannot be a name. Choose another one.")

    one = "/api/models/{namespace}/{name}"
    return [
        Route("/api/repos/create", create_repo, methods=["POST"]),
        Route("/api/repos/delete", delete_repo, methods=["DELETE"]),
        Route(f"{one}/tag/{{revision}}", create_tag, methods=["POST"]),
        Route(f"{one}/tag/{{tag}}", delete_tag, methods=["DELETE"]),
        Route(f"{one}/branch/{{branch}}", create_branch, methods=["POST"]),
        Route(f"{one}/branch/{{branch}}", delete_branch, methods=["DELETE"]),
    ]


def _named(said: dict[str, Any], caller: Caller) -> Reference:
    if said.get("type") not in (None, "model"):
        raise Refused(400, f"this registry holds models, and no {said['type']!r:.40}")
    own = [name for name in caller.namespaces if name != EVERY]
    namespace = said.get("organization") or (own[0] if own else caller.name)
    try:
        # `main`: what is created is a place for drafts.
        return Reference.parse(f"{namespace}/{said.get('name')}@{DRAFT}")
    except InputError as error:
        raise Refused(400, str(error)) from error


def _is_version(name: str) -> bool:
    with suppress(InputError):
        Version.parse(name)
        return True
    return False


async def _document(request: Request) -> dict[str, Any]:
    said = parsed(await read_body(request) or b"{}")
    if not isinstance(said, dict):
        raise Refused(400, "cannot read the body. Expected a JSON object.")
    return said


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
