"""A real server on loopback, and a stock client in a process of its own."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

from roadworthy.registry import Registry, create_token, open_registry
from roadworthy.registry.server.access import Access
from roadworthy.registry.server.app import app

UPLOADER = Path(__file__).parent / "uploader.py"


class RefusedError(Exception):
    """The stock client gave up."""


@dataclass(kw_only=True)
class Serving:
    """A registry in memory, served at ``url``."""

    registry: Registry
    url: str
    token: str
    folder: Path

    @property
    def cas(self) -> str:
        """Where a Xet client is sent."""
        return f"{self.url}/xet"

    def upload(self, *files: Path, cache: str = "cache") -> list[tuple[str, str, int]]:
        """Uploads by a stock client. Hash, SHA-256 and size of each file, as that client computed them.

        Raises:
            RefusedError: it failed, with what it said.
        """
        env = os.environ | {"HF_XET_CACHE": str(self.folder / cache), "HF_XET_CLIENT_RETRY_MAX_ATTEMPTS": "1"}
        done = subprocess.run(
            [sys.executable, UPLOADER, self.cas, self.token, *files],
            env=env,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if done.returncode:
            raise RefusedError(done.stderr)
        return [(hash_, sha256, size) for hash_, sha256, size in json.loads(done.stdout)]

    def blobs(self) -> dict[str, bytes]:
        """Every stored file, by its SHA-256."""
        found = {}
        for key in self.registry.store.list("blobs/"):
            with self.registry.store.open(key) as stream:
                found[key.rsplit("/", 1)[1]] = stream.read()
        return found

    def xorbs(self) -> list[str]:
        """The keys of the xorbs that wait."""
        return [key for key in self.registry.store.list("xorbs/") if not key.endswith(".index")]


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    """A server with one token that may write in the namespace ``team``."""
    registry = open_registry("memory:")
    token = create_token(tmp_path / "tokens.json", "writer", role="write", namespaces=["team"])
    made = app(registry, Access(tmp_path / "tokens.json"))
    server = uvicorn.Server(uvicorn.Config(made, port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    found = Serving(registry=registry, url=f"http://127.0.0.1:{port}", token=token, folder=tmp_path)
    yield found
    server.should_exit = True
    thread.join(10)
