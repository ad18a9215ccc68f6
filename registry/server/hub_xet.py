"""Where a stock client, which pushes large files by Xet, finds the CAS of this server, and with what right."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from roadworthy.registry.reference import Reference
from roadworthy.registry.registry import Registry

from . import revisions
from .access import Access, Role
from .answers import Refused
from .paths import model

CAS = "/xet"  # where `cas` answers


def routes(registry: Registry, access: Access) -> list[Route]:
    """``xet-write-token`` and ``xet-read-token`` of a model."""

    def token(request: Request, role: Role) -> Response:
        wanted: Reference = model(request)
        caller = access.require(request, role, wanted.namespace)
        revisions.head(registry, wanted)
        if caller.anonymous:
            raise Refused(401, "this needs a token: set HF_TOKEN to one of this server's, or HF_HUB_DISABLE_XET=1")
        lent, until = access.lend(caller, role, [wanted.namespace])
        url = f"{str(request.base_url).rstrip('/')}{CAS}"
        headers = {
            "X-Xet-Cas-Url": url,
            "X-Xet-Access-Token": lent,
            "X-Xet-Token-Expiration": str(until),
            "Cache-Control": "no-store",
        }
        return JSONResponse({"casUrl": url, "accessToken": lent, "exp": until}, headers=headers)

    def write_token(request: Request) -> Response:
        return token(request, "write")

    def read_token(request: Request) -> Response:
        return token(request, "read")

    one = "/api/models/{namespace}/{name}"
    return [
        Route(f"{one}/xet-write-token/{{revision}}", write_token),
        Route(f"{one}/xet-read-token/{{revision}}", read_token),
    ]
