"""Who asks, and whether they may: tokens by role and namespace, and grants that the server lends for an hour.

A grant is a token of the server's own making, sealed with its secret and bound to what it was lent for: a Hub client
sends no token with the bytes of a large file, and a Xet client sends the one that it was handed.
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from starlette.requests import HTTPConnection

from roadworthy.model_cards.errors import RoadworthyError
from roadworthy.registry.tokens import EVERY, FOREIGN, PREFIX, ROLES, TokenFile, read_tokens
from roadworthy.registry.tokens import Role as Role

from .answers import Refused, refusal

GRANT = "rwg_"
PROTECTED = ("latest", "production")
_ANONYMOUS = "anonymous"
# The Hub's words: its clients take any other 401 for a repository that is not there.
_INVALID = "Invalid credentials in Authorization header"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks. ``role`` is ``None`` for whoever has no token and may not even read."""

    name: str
    role: Role | None
    namespaces: tuple[str, ...]

    @property
    def anonymous(self) -> bool:
        """Whether it came without a token."""
        return self.name == _ANONYMOUS

    def has(self, role: Role, namespace: str | None = None) -> bool:
        """Whether it may do what ``role`` says, in ``namespace`` if one is named."""
        if self.role is None or ROLES.index(self.role) < ROLES.index(role):
            return False
        return namespace is None or EVERY in self.namespaces or namespace in self.namespaces


class Access:
    """Decides for every request. ``tokens`` is the file of `registry.tokens`; it is read again when it changes.

    ``anonymous_read``: whoever has no token may read everything. Without it, nobody reads without one. ``protected``
    aliases are moved by who may ``promote``.
    """

    def __init__(
        self, tokens: Path | None = None, *, anonymous_read: bool = False, protected: Collection[str] = PROTECTED
    ) -> None:
        self._file = tokens
        self._protected = frozenset(protected)
        self._anonymous_read = anonymous_read
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._read = TokenFile(secret=secrets.token_hex(32), records=())
        self._tokens()

    def require(self, request: HTTPConnection, role: Role, namespace: str | None = None) -> Caller:
        """Whoever asks, if they may do what ``role`` says in ``namespace``. What they asked for stays in
        ``request.state`` (``caller``, ``role``), for the server's log.

        Raises:
            Refused: 401 without a valid token, 403 with one that may not.
        """
        request.state.role = role
        caller = self.identify(request)
        if role == "read" and self._anonymous_read:
            return caller
        if caller.has(role, namespace):
            return caller
        if caller.anonymous:
            raise Refused(401, f"this needs a token that may {role}: set HF_TOKEN to one of this server's, {PREFIX}…")
        where = "" if namespace is None else f" in the namespace {namespace}"
        raise Refused(
            403,
            f"the token {caller.name} may not {role}{where}: it may {caller.role or 'nothing'} in "
            f"{', '.join(caller.namespaces)}. Ask whoever runs this server: roadworthy tokens create",
        )

    def identify(self, request: HTTPConnection) -> Caller:
        """Whoever asks, whatever they may do.

        Raises:
            Refused: 401, a token that is not this server's.
        """
        known = getattr(request.state, "caller", None)
        if isinstance(known, Caller):
            return known
        request.state.caller = caller = self._caller(request)
        return caller

    def reads(self, request: HTTPConnection) -> Callable[[str], bool]:
        """Says of a namespace whether whoever asks may read there: for lists over all of them."""
        caller = self.identify(request)
        return lambda namespace: self._anonymous_read or caller.has("read", namespace)

    def is_protected(self, alias: str) -> bool:
        """Whether it takes the role ``promote`` to move that alias."""
        return alias in self._protected

    def lend(
        self, caller: Caller, role: Role, namespaces: Sequence[str], *, seconds: int = 3600, path: str | None = None
    ) -> tuple[str, int]:
        """A grant in the name of ``caller``, and when it ends (seconds since 1970).

        It is sent as a token is or, where it is bound to one ``path``, as the query parameter ``grant``.
        """
        now = int(time.time())
        until = now + seconds
        body = json.dumps([caller.name, role, list(namespaces), now, until, path], separators=(",", ":"))
        sealed = base64.urlsafe_b64encode(body.encode()).rstrip(b"=").decode()
        return f"{GRANT}{sealed}.{self._seal(sealed)}", until

    def _caller(self, request: HTTPConnection) -> Caller:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip()
        if not token and (grant := request.query_params.get("grant")):
            return self._granted(grant, request.scope["path"])
        if not scheme:
            return Caller(name=_ANONYMOUS, role=None, namespaces=())
        if scheme.lower() != "bearer" or not token:
            raise _invalid("this is no token of this server, or it was revoked. Ask whoever runs it for one.")
        if token.startswith(FOREIGN):
            raise _invalid(
                "this is a token of huggingface.co, sent to another server. It was neither kept nor logged; all the "
                f"same, consider making a new one there, and set HF_TOKEN to one of this server's, {PREFIX}…"
            )
        if token.startswith(GRANT):
            return self._granted(token, None)
        record = self._tokens().find(token)
        if record is None:
            raise _invalid("this is no token of this server, or it was revoked. Ask whoever runs it for one.")
        return Caller(name=record.name, role=record.role, namespaces=record.namespaces)

    def _granted(self, grant: str, path: str | None) -> Caller:
        sealed, _, seal = grant.removeprefix(GRANT).partition(".")
        if not hmac.compare_digest(self._seal(sealed).encode(), seal.encode("utf-8", "surrogateescape")):
            raise _invalid("this is no token of this server, or it was revoked. Ask whoever runs it for one.")
        name, role, namespaces, since, until, bound = json.loads(
            base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
        )
        if until < time.time() or bound != path:
            raise _invalid("this grant has ended, or was lent for something else. Ask for it again.")
        # A later token of the same name is another one.
        lent = f"{datetime.fromtimestamp(since, UTC):%Y-%m-%dT%H:%M:%SZ}"
        own = (record for record in self._tokens().records if record.name == name and record.created <= lent)
        if not any(record.revoked is None for record in own):
            raise _invalid("this is no token of this server, or it was revoked. Ask whoever runs it for one.")
        return Caller(name=name, role=role, namespaces=tuple(namespaces))

    def _seal(self, text: str) -> str:
        secret = bytes.fromhex(self._tokens().secret)
        return hmac.new(secret, text.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()

    def _tokens(self) -> TokenFile:
        if self._file is None:
            return self._read
        with self._lock:
            try:
                found = self._file.stat()
                stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            except OSError:
                stamp = None
            if stamp != self._stamp:
                try:
                    self._read = read_tokens(self._file)
                except RoadworthyError as error:
                    raise refusal(error) from error
                self._stamp = stamp
            return self._read


def _invalid(why: str) -> Refused:
    return Refused(401, why, headers={"X-Error-Message": _INVALID})
