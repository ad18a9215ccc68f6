"""A real server of a test's registry, clients with tokens of every kind, and a wire between them that can be tampered
with."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn

from roadworthy.registry import Registry, create_token
from roadworthy.registry import http_client as client
from roadworthy.registry.http_store import HttpStore
from roadworthy.registry.server.access import Access
from roadworthy.registry.server.app import app


@dataclass(frozen=True, slots=True)
class Served:
    """Where a registry is served, and what lies beneath."""

    url: str
    registry: Registry
    tokens: Path

    def token(self, role: str = "write", *namespaces: str) -> str:
        """A new token, for every namespace if none is named."""
        name = f"{role}-{'-'.join(namespaces) or 'all'}-{len(self.tokens.read_bytes()) if self.tokens.exists() else 0}"
        return create_token(self.tokens, name, role=role, namespaces=namespaces or ("*",))  # type: ignore[arg-type]

    def remote(self, role: str = "write", *namespaces: str, url: str | None = None) -> Registry:
        """The same registry, as who has such a token sees it."""
        return Registry(HttpStore(url or self.url, self.token(role, *namespaces)), url or self.url)


@pytest.fixture
def served(registry: Registry, tmp_path: Path) -> Iterator[Served]:
    """One server on a port of this machine. Nobody reads without a token."""
    tokens = tmp_path / "tokens.json"
    made = app(registry, Access(tokens))
    config = uvicorn.Config(made, port=0, http="h11", ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Served(f"http://127.0.0.1:{port}", registry, tokens)
    server.should_exit = True
    thread.join(timeout=10)


@pytest.fixture
def remote(served: Served) -> Registry:
    """The registry over HTTP, as who may promote everywhere sees it."""
    return served.remote("promote")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Little time is spent on trying again."""
    monkeypatch.setattr(client, "_PAUSES", (0.01, 0.01))


Tamper = Callable[[int, bytes], bytes]


@dataclass(slots=True)
class Wire:
    """Carries connections to ``port``. ``up`` and ``down`` see (how much went before, the bytes) of each direction of a
    connection, and say what goes on; an empty answer cuts the connection."""

    port: int
    up: Tamper = lambda at, data: data
    down: Tamper = lambda at, data: data
    came: int = 0  # bytes that went down, of all connections
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def url(self) -> str:
        """Where it is entered."""
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        """Takes connections until the listener is closed."""
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self.port))
            except OSError:
                near.close()
                continue
            for a, b, down in ((near, far, False), (far, near, True)):
                threading.Thread(target=self._carry, args=(a, b, down), daemon=True).start()

    def _carry(self, source: socket.socket, to: socket.socket, down: bool) -> None:
        at = 0
        with suppress(OSError):
            while data := source.recv(65536):
                sent = (self.down if down else self.up)(at, data)
                at += len(data)
                self.came += len(data) if down else 0
                if not sent:
                    break
                to.sendall(sent)
        for end in (source, to):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        if down:
            source.close()
            to.close()


@pytest.fixture
def wire(served: Served) -> Iterator[Wire]:
    """A wire to the server."""
    made = Wire(int(served.url.rpartition(":")[2]))
    threading.Thread(target=made.run, daemon=True).start()
    yield made
    made.listener.close()
