"""A real server on a port of this machine, and the stock client that talks to it."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import huggingface_hub
import pytest
import uvicorn

from roadworthy.registry import AuditLog, Registry, create_token
from roadworthy.registry.server.access import Access
from roadworthy.registry.server.app import app
from roadworthy.registry.server.surround import Limits


@dataclass(frozen=True, slots=True)
class Served:
    """A registry that is being served: where, and what lies beneath."""

    url: str
    registry: Registry
    tokens: Path
    audit: Path

    def token(self, name: str = "ci", role: str = "write", namespaces: tuple[str, ...] = ("team",)) -> str:
        """A new token."""
        return create_token(self.tokens, name, role=role, namespaces=namespaces)  # type: ignore[arg-type]

    def client(self, token: str | None = None) -> httpx.Client:
        """Plain HTTP, for what no stock client would send."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=20)


Serve = Callable[..., Served]


@pytest.fixture
def serve(registry: Registry, tmp_path: Path) -> Iterator[Serve]:
    """Starts servers of this test's registry."""
    running: list[uvicorn.Server] = []

    def start(*, anonymous_read: bool = True, limits: Limits | None = None, **options: Any) -> Served:
        tokens, audit = tmp_path / "tokens.json", tmp_path / "server-log.jsonl"
        access = Access(tokens, anonymous_read=anonymous_read)
        made = app(registry, access, limits=limits, audit=AuditLog(audit), **options)
        config = uvicorn.Config(
            made, port=0, http="h11", ws="none", lifespan="off", log_config=None, h11_max_incomplete_event_size=32768
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
        running.append(server)
        port = server.servers[0].sockets[0].getsockname()[1]
        return Served(f"http://127.0.0.1:{port}", registry, tokens, audit)

    yield start
    for server in running:
        server.should_exit = True  # it ends by itself, a moment later


@pytest.fixture
def served(serve: Serve) -> Served:
    """One server, which anybody on this machine may read."""
    return serve()


@pytest.fixture
def api(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> huggingface_hub.HfApi:
    """The stock client with a token that may write in ``team``; large files by git-lfs."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return huggingface_hub.HfApi(endpoint=served.url, token=served.token())


@pytest.fixture
def model(tmp_path: Path, weights_of: Callable[..., bytes]) -> Path:
    """A folder as a user pushes one: a card, a configuration, weights of 2.5 MB, a name that needs quoting."""
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "README.md").write_text("---\nlicense: mit\npipeline_tag: image-classification\n---\nA model.\n")
    (folder / "config.json").write_text('{"architecture": "none"}')
    (folder / "model.safetensors").write_bytes(weights_of(2_500_000))
    (folder / "sub" / "x y+z.txt").write_text("größer")
    return folder
