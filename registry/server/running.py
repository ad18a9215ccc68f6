"""One process that serves a registry until it is told to stop."""

import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import uvicorn

from roadworthy.model_cards.errors import InputError, StorageError
from roadworthy.registry.audit_log import AuditLog
from roadworthy.registry.registry import Registry

from .access import PROTECTED, Access
from .app import app
from .surround import HEADERS, Limits

_CONNECTIONS = 1000
_FAREWELL = 30  # seconds in which a transfer may end after Ctrl-C


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a registry is served. ``certificate`` and ``key`` (PEM) turn TLS on; ``tokens`` is the file of tokens,
    ``audit`` the log of writes. Whoever has no token may read on this machine, and elsewhere with ``anonymous_read``.
    ``redirects``: large files that lie in a bucket are fetched from there.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    tokens: Path
    audit: Path
    anonymous_read: bool = False
    redirects: bool = True
    certificate: Path | None = None
    key: Path | None = None
    protected: tuple[str, ...] = PROTECTED
    limits: Limits = field(default_factory=Limits)

    @property
    def url(self) -> str:
        """Where clients on this machine find it, or others by the name of ``host``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.certificate else 'http'}://{host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Whether nobody outside this machine can reach ``host``."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def serve(registry: Registry, settings: Settings, *, ready: Callable[[], None] | None = None) -> None:
    """Serves ``registry`` until the process is interrupted; ``ready`` is called when it answers.

    Raises:
        InputError: a certificate without its key, or the reverse.
        StorageError: the port is in use, or a file of the settings cannot be read.
    """
    if (settings.certificate is None) != (settings.key is None):
        raise InputError("expected --tls-cert and --tls-key together: the certificate and its private key, as PEM.")
    for file in (settings.certificate, settings.key):
        if file is not None and not file.is_file():
            raise StorageError(f"cannot read {file}: no such file. Expected PEM.")
    access = Access(
        settings.tokens,
        anonymous_read=settings.anonymous_read or is_loopback(settings.host),
        protected=settings.protected,
    )
    _log_to_stderr()
    config = uvicorn.Config(
        app(
            registry,
            access,
            limits=settings.limits,
            audit=AuditLog(settings.audit),
            redirects=settings.redirects,
        ),
        host=settings.host,
        port=settings.port,
        http="h11",
        ws="none",
        lifespan="off",
        access_log=False,  # ours says who asked, and never what stands in a query
        log_config=None,
        server_header=False,
        limit_concurrency=_CONNECTIONS,
        h11_max_incomplete_event_size=HEADERS,
        timeout_graceful_shutdown=_FAREWELL,
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.key,
    )
    server = _Server(config, ready)
    try:
        with suppress(KeyboardInterrupt):  # raised once more when all is done
            server.run()
    except SystemExit as error:  # uvicorn's way to say that it could not begin; the reason is in its log
        raise StorageError(
            f"cannot serve at {settings.url}: the port may be in use, or the certificate not be one. "
            "Choose another: --port 8001"
        ) from error


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started and self._ready is not None:
            self._ready()


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    for name, level in (("roadworthy.server", logging.INFO), ("uvicorn.error", logging.ERROR)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
