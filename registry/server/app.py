"""The application: the endpoints of every file put together, and what surrounds each request.

Paths are matched as they were sent, undecoded: a Hub client writes the revision ``a/b`` as ``a%2Fb``, and only so is
it one part of the path. A handler decodes its own parts (`paths.part`).
"""

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from roadworthy.model_cards.errors import RoadworthyError
from roadworthy.registry.audit_log import AuditLog
from roadworthy.registry.registry import Registry

from . import cas, hub_commit, hub_read, hub_repos, hub_xet, lfs, resolve, store_api
from .access import Access
from .answers import NO_REPO, Refused, on_error, on_refused
from .surround import Limits, Surround

Endpoints = Callable[[Registry, Access], Sequence[Route]]

_ENDPOINTS: tuple[Endpoints, ...] = (
    hub_read.routes,
    hub_repos.routes,
    hub_commit.routes,
    hub_xet.routes,
    cas.routes,
    lfs.routes,
    resolve.routes,
    store_api.routes,
)


def app(
    registry: Registry,
    access: Access,
    *,
    limits: Limits | None = None,
    audit: AuditLog | None = None,
    redirects: bool = True,
    endpoints: Sequence[Endpoints] = _ENDPOINTS,
) -> Starlette:
    """The server of ``registry`` as an ASGI application. ``audit``: where writes are logged, if anywhere.

    ``redirects``: large files are fetched from the bucket that the registry lies in, if it lies in one.
    """
    routes = [route for made in endpoints for route in made(registry, access)]
    every = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    made = Starlette(
        routes=[*routes, Route("/{path:path}", _unknown, methods=every)],
        exception_handlers={Refused: on_refused, RoadworthyError: on_error},
    )
    made.state.redirects = redirects
    made.add_middleware(Surround, access, limits or Limits(), audit)
    return made


async def _unknown(request: Request) -> None:
    path = request.scope["path"]
    what = f"nothing answers {request.method} {path:.200} here"
    if path.startswith("/api/models/") and path.count("/") > 4:
        raise Refused(404, f"{what}: see docs/guides/serve.md for what Hub clients can ask of this registry")
    raise Refused(404, f"{what}: this registry holds models as namespace/name, and no data sets or spaces", NO_REPO)
