"""The application: the endpoints of every file put together, and what surrounds each request.

Paths are matched as they were sent, undecoded: a Hub client writes the revision ``a/b`` as ``a%2Fb``, and only so is
it one part of the path. A handler decodes its own parts (`paths.part`).
"""

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from roadworthy.model_cards.errors import RoadworthyError
from roadworthy.registry.registry import Registry

from .access import Access
from .answers import NO_REPO, Refused, on_error, on_refused

Endpoints = Callable[[Registry, Access], Sequence[Route]]

_ENDPOINTS: tuple[Endpoints, ...] = ()


def app(registry: Registry, access: Access, *, endpoints: Sequence[Endpoints] = _ENDPOINTS) -> Starlette:
    """The server of ``registry`` as an ASGI application."""
    routes = [route for routes in endpoints for route in routes(registry, access)]
    made = Starlette(
        routes=[*routes, Route("/{path:path}", _unknown, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])],
        exception_handlers={Refused: on_refused, RoadworthyError: on_error},
    )
    made.add_middleware(_RawPaths)
    return made


async def _unknown(request: Request) -> None:
    what = f"{request.method} {request.url.path}"
    raise Refused(404, f"nothing answers {what:.200}: this registry holds models, and no data sets or spaces", NO_REPO)


class _RawPaths:
    def __init__(self, inner: ASGIApp) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["path"] = scope.get("raw_path", scope["path"].encode()).decode("ascii", "replace")
        await self._inner(scope, receive, send)
