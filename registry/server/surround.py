"""What happens around every request: its path as it was sent, its limits, its line in the logs.

Plain ASGI: what is wrapped here streams.
"""

import json
import logging
import time
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from roadworthy.model_cards.errors import StorageError
from roadworthy.registry.audit_log import AuditLog

from .access import Access
from .answers import Refused, answer
from .limits import Rate
from .resolve import CutError

_LOG = logging.getLogger("roadworthy.server")
HEADERS = 32 * 2**10  # bytes of all of them: a token, and what a client says of itself, are far less
_SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Requests of one caller (at once, and in every second), and bytes of one body."""

    per_second: float = 200.0
    burst: float = 2000.0
    body: int = 55_000_000_000


@dataclass(slots=True)
class _Seen:
    """What went out so far."""

    status: int = 0
    done: bool = field(default=False)


class Surround:
    """The middleware. ``audit``: where the writes are kept, if anywhere."""

    def __init__(self, inner: ASGIApp, access: Access, limits: Limits, audit: AuditLog | None) -> None:
        self._inner = inner
        self._access = access
        self._limits = limits
        self._audit = audit
        self._rate = Rate(limits.per_second, limits.burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        # Undecoded, so that `a%2Fb` is one part of a path (`app`).
        scope["path"] = scope.get("raw_path", scope["path"].encode()).decode("ascii", "replace")
        scope["state"] = dict(scope.get("state") or {})
        request, seen, began = Request(scope), _Seen(), time.monotonic()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                await self._keep(request, seen.status)  # first: what was answered is in the log
            else:
                seen.done = not message.get("more_body", False)
            await send(message)

        try:
            self._admit(request)
            await self._inner(scope, self._bounded(receive), sending)
        except Refused as refused:
            if seen.status:
                raise
            await answer(refused)(scope, receive, sending)
        except CutError:
            pass  # the server closes a connection whose body has not ended
        except Exception:
            if not seen.status:
                await self._keep(request, 500)
            raise
        finally:
            self._tell(request, seen, time.monotonic() - began)

    def _admit(self, request: Request) -> None:
        if sum(len(name) + len(value) for name, value in request.headers.raw) > HEADERS:
            raise Refused(431, f"the headers are too long: expected at most {HEADERS:,} bytes")
        length = request.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self._limits.body:
            raise Refused(413, f"the body is too long: expected at most {self._limits.body:,} bytes")
        try:
            caller = self._access.identify(request)
            name = f"token {caller.name}" if not caller.anonymous else _address(request)
        except Refused:
            # Whoever tries tokens is counted as one caller, whatever the tokens are.
            name = _address(request)
        if wait := self._rate.wait(name):
            seconds = str(max(1, round(wait + 0.5)))
            raise Refused(429, f"too many requests: ask again in {seconds} seconds", headers={"Retry-After": seconds})

    def _bounded(self, receive: Receive) -> Receive:
        left = self._limits.body

        async def bounded() -> Message:
            nonlocal left
            message = await receive()
            left -= len(message.get("body", b""))
            if left < 0:
                raise Refused(413, f"the body is too long: expected at most {self._limits.body:,} bytes")
            return message

        return bounded

    def _tell(self, request: Request, seen: _Seen, seconds: float) -> None:
        cut = "" if seen.done else " (cut off)"
        _LOG.info(
            "%s %s %.300s %d%s %.0f ms",
            _who(request),
            request.method,
            _path(request),
            seen.status or 500,
            cut,
            1000 * seconds,
        )

    async def _keep(self, request: Request, status: int) -> None:
        role: Any = getattr(request.state, "role", None)
        if self._audit is None or request.method in _SAFE or role in (None, "read"):
            return
        caller = getattr(request.state, "caller", None)
        try:
            await run_in_threadpool(
                self._audit.write,
                who=_who(request),
                role=caller.role if caller is not None else None,
                address=_address(request),
                what=request.method,
                path=_path(request),
                about=getattr(request.state, "about", None),
                status=status,
            )
        except StorageError as error:
            _LOG.error("the audit log was not written: %s", error)


def _who(request: Request) -> str:
    caller = getattr(request.state, "caller", None)
    return caller.name if caller is not None else "nobody"


def _path(request: Request) -> str:
    # Of the query nothing: it may hold a grant. Quoted, so that no path ends the line, or commands a terminal.
    return json.dumps(request.scope["path"])[1:-1]


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "unknown"
