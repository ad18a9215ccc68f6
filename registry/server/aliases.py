"""Aliases over HTTP, an interface of our own: read, and moved by compare-and-swap.

    GET   /api/roadworthy/aliases/{namespace}/{name}/{alias}
          answers {"at": "1.0.0", "moves": [{"number", "who", "when", "old", "new"}, …]}
    POST  the same, with {"to": "1.1.0", "expected": "1.0.0"}
          answers the move; 412 if the alias is not where it was expected

A protected alias (`Access.is_protected`) needs the role ``promote``, any other ``write``; the keys that the server
trusts and its policy decide as they do for `promote`.
"""

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from roadworthy.model_cards.errors import InputError
from roadworthy.registry import aliases
from roadworthy.registry.keys import acting_as, trusted_keys
from roadworthy.registry.promotion import promote
from roadworthy.registry.reference import Reference, Version, check_alias
from roadworthy.registry.registry import Registry

from . import revisions
from .access import Access, Caller, Role
from .answers import Refused
from .body import parsed, read_body
from .paths import model, part


def routes(registry: Registry, access: Access) -> list[Route]:
    """The two of above."""

    def read(request: Request) -> Response:
        alias = _alias(request)
        access.require(request, "read", alias.namespace)
        moves = registry.history(alias)
        if not moves:
            revisions.head(registry, alias)
            raise Refused(404, f"{alias} was never moved")
        return JSONResponse({"at": str(moves[-1].new), "moves": [_told(one) for one in moves]})

    async def move(request: Request) -> Response:
        alias = _alias(request)
        role: Role = "promote" if access.is_protected(alias.selector) else "write"
        caller = access.require(request, role, alias.namespace)
        to, expected = _asked(await read_body(request))
        return await run_in_threadpool(moved, caller, alias, to, expected)

    def moved(caller: Caller, alias: Reference, to: Version, expected: Version | None) -> Response:
        found = aliases.current(registry.store, alias)
        if found != expected:
            raise Refused(
                412,
                f"{alias} was not moved: expected it at {expected or 'nothing'}, found it at {found or 'nothing'}. "
                "Somebody moved it meanwhile; look again, then repeat.",
            )
        with acting_as(caller.name):
            done = promote(registry, alias, to, keys=trusted_keys(), expected=expected)
        return JSONResponse(None if done is None else _told(done))

    path = "/api/roadworthy/aliases/{namespace}/{name}/{alias}"
    return [Route(path, read, methods=["GET"]), Route(path, move, methods=["POST"])]


def _alias(request: Request) -> Reference:
    try:
        return model(request).at(check_alias(part(request, "alias")))
    except InputError as error:
        raise Refused(400, str(error)) from error


def _asked(body: bytes) -> tuple[Version, Version | None]:
    try:
        said = parsed(body)
        expected = said.get("expected")
        return Version.parse(str(said["to"])), None if expected is None else Version.parse(str(expected))
    except (AttributeError, KeyError, TypeError) as error:
        raise Refused(400, f"cannot read the move: {error!r:.200}. Expected to, and expected.") from error
    except InputError as error:
        raise Refused(400, str(error)) from error


def _told(move: aliases.Move) -> dict[str, Any]:
    old = None if move.old is None else str(move.old)
    return {"number": move.number, "who": move.who, "when": move.when, "old": old, "new": str(move.new)}
