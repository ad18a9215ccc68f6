"""One server's HTTP: its address, the token that is sent to it, what is tried again, and what its answers mean here."""

import functools
import json
import os
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from roadworthy.model_cards.errors import (
    CheckError,
    DamagedError,
    InputError,
    NotFoundError,
    RoadworthyError,
    StorageError,
)

from .direct import Direct
from .errors import ExistsError, UnreachableError
from .tokens import FOREIGN, PREFIX

if TYPE_CHECKING:
    import httpx

API = "/api/roadworthy/v1"
MARK = "X-Roadworthy-Api"  # on every good answer, so that another server's pages are not taken for one
KIND = "X-Roadworthy-Error"  # on every other one: the class of the error that it is here too
TOKEN = "ROADWORTHY_TOKEN"
PLAIN = "ROADWORTHY_PLAIN_HTTP"

_PAUSES = (0.2, 0.4, 0.8, 1.6, 3.2)  # seconds before each further try; a server that is started again is back by then
_LONGEST_WAIT = 30.0  # seconds that a server may ask for
_BUSY = {429, 500, 502, 503, 504}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_ERRORS: dict[str, type[RoadworthyError]] = {
    kind.__name__: kind for kind in (InputError, StorageError, DamagedError, NotFoundError, ExistsError)
}

Content = Callable[[], Iterable[bytes]]


class HttpClient:
    """Speaks to the registry at ``url``, from several threads at once. ``token``: by default the environment's."""

    def __init__(self, url: str, token: str | None = None) -> None:
        import httpx

        self.url = _checked_url(url)
        found = token if token is not None else _token()
        if found is not None and found.startswith(FOREIGN):
            raise InputError(
                f"a token of huggingface.co ({FOREIGN}…) is never sent to another server. Expected one of "
                f"{self.url}, {PREFIX}…, in {TOKEN}."
            )
        headers = {"Authorization": f"Bearer {found}"} if found else {}
        trusted = functools.cache(httpx.create_ssl_context)
        self.direct = Direct(f"{self.url}{API}", headers, trusted)
        self._client = httpx.Client(
            headers=headers,
            # What a server works on, such as an audit of a large version, takes as long as it takes.
            timeout=httpx.Timeout(connect=5, read=60, write=60, pool=None),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=32),
            follow_redirects=True,  # to where the bytes lie; the token is not sent along to another origin
            verify=trusted() if self.url.startswith("https") else False,
        )
        weakref.finalize(self, _close, self._client, self.direct)

    def get(self, path: str, **asked: Any) -> "httpx.Response":
        """The whole answer to a GET below the API."""
        return self.send("GET", path, **asked)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The JSON that a POST is answered with. It is not repeated once the server may have heard it."""
        return _object(self.send("POST", path, json=body, again=False, patience=None))

    def send(
        self,
        method: str,
        path: str,
        *,
        content: Content | None = None,
        again: bool = True,
        patience: float | None = 60,
        **asked: Any,
    ) -> "httpx.Response":
        """The whole answer; ``patience`` is how many seconds the server may think, ``None``: without end.

        Raises:
            RoadworthyError: what the server answered it with, or that it cannot be reached.
        """
        with self.stream(method, path, content=content, again=again, patience=patience, **asked) as response:
            self._read(response)
            return response

    @contextmanager
    def stream(self, method: str, path: str, **asked: Any) -> Iterator["httpx.Response"]:
        """An answer whose body is read while it comes. Errors as in `send`."""
        response = self.begin(method, path, **asked)
        try:
            yield response
        finally:
            response.close()

    def begin(
        self,
        method: str,
        path: str,
        *,
        content: Content | None = None,
        again: bool = True,
        patience: float | None = 60,
        **asked: Any,
    ) -> "httpx.Response":
        """An answer that the caller closes, once it is a good one."""
        import httpx

        timeout = httpx.Timeout(connect=5, read=patience, write=60, pool=None)
        for pause in (*_PAUSES, None):
            body = None if content is None else content()
            request = self._client.build_request(
                method, f"{self.url}{API}{path}", content=body, timeout=timeout, **asked
            )
            try:
                response = self._client.send(request, stream=True)
            except httpx.HTTPError as error:
                unheard = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if pause is None or not (again or unheard) or "CERTIFICATE" in str(error):
                    raise self.unreachable(error) from error
            else:
                if response.is_success and MARK in _first(response).headers:
                    return response
                ours = self._refusal(response)
                if pause is None or not again or ours is not None or response.status_code not in _BUSY:
                    raise ours or self._foreign(response)
                pause = max(pause, _asked_to_wait(response))
            time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def unreachable(self, error: Exception) -> UnreachableError:
        """What to do about a connection that failed or broke."""
        if "CERTIFICATE" in str(error):
            return UnreachableError(
                f"cannot trust {self.url}: {error}. If its certificate is your own, set SSL_CERT_FILE to the file of "
                "whoever signed it."
            )
        return UnreachableError(
            f"cannot reach {self.url}: {error or type(error).__name__}. Is the server running, and the address right? "
            "The same command goes on where it was."
        )

    def _read(self, response: "httpx.Response") -> None:
        import httpx

        try:
            response.read()
        except httpx.HTTPError as error:
            raise self.unreachable(error) from error

    def _refusal(self, response: "httpx.Response") -> RoadworthyError | None:
        """The error that our own server answered with; ``None`` if another one did."""
        said: Any = None
        with suppress(StorageError, ValueError):
            self._read(response)
            said = json.loads(response.content)
        response.close()
        said = said if isinstance(said, dict) else {}
        kind = response.headers.get(KIND)
        message = said.get("error") or response.headers.get("X-Error-Message")  # a HEAD has no body
        if message is None:
            return None
        if response.status_code == 401:
            return StorageError(f"{self.url} refused: {message}. Set {TOKEN} to a token of that server, {PREFIX}….")
        if response.status_code == 403:
            return StorageError(f"{self.url} refused: {message}")
        if kind == "CheckError":
            return CheckError(str(message), tuple(map(str, said.get("reasons", ()))))
        return _ERRORS[kind](str(message)) if kind in _ERRORS else None

    def _foreign(self, response: "httpx.Response") -> StorageError:
        if response.status_code in _BUSY or response.status_code == 413:
            return StorageError(
                f"{self.url} answered {response.status_code} {response.reason_phrase}: it, or a proxy before it, "
                "cannot do this now. Try again later, or ask whoever runs it."
            )
        return StorageError(
            f"{self.url} answers, but not as a registry does ({response.status_code} {response.reason_phrase}). "
            "Expected the address that `roadworthy serve` prints, without a path behind it."
        )


def _close(client: "httpx.Client", direct: Direct) -> None:
    client.close()
    direct.close()


def _first(response: "httpx.Response") -> "httpx.Response":
    # Bytes may come from another server that ours has sent us to.
    return response.history[0] if response.history else response


def _asked_to_wait(response: "httpx.Response") -> float:
    seconds = response.headers.get("Retry-After", "")
    return min(float(seconds), _LONGEST_WAIT) if seconds.isascii() and seconds.isdigit() else 0.0


def _object(response: "httpx.Response") -> dict[str, Any]:
    try:
        said = json.loads(response.content)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise StorageError(f"cannot read what {response.request.url} answered: expected a JSON object.")
    return said


def _token() -> str | None:
    if own := os.environ.get(TOKEN):
        return own
    hub = os.environ.get("HF_TOKEN", "")
    return hub if hub.startswith(PREFIX) else None  # anything else is a real Hub account's


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port  # raises where it is no number
    except ValueError as error:
        raise InputError(f"cannot read the address {url!r}: {error}. Expected https://host.") from error
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise InputError(f"cannot read the address {url!r}. Expected https://host, as `roadworthy serve` prints it.")
    if parts.username is not None or parts.password is not None:
        raise InputError(f"the address of {host} holds a name or a password. Put a token into {TOKEN} instead.")
    if parts.scheme == "http" and host not in _LOOPBACK and os.environ.get(PLAIN) != "1":
        raise InputError(
            f"http://{host} sends the token for everybody on the way to read. Expected https://{host}; where that is "
            f"as you want it, set {PLAIN}=1."
        )
    return url.rstrip("/")
