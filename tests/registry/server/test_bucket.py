"""Servers before a bucket: two publish at once; what is large is fetched from there, by a URL signed for it."""

import hashlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any
from urllib.parse import urlsplit

import httpx
import huggingface_hub
import pytest
from huggingface_hub import HfApi, HfFileSystem

from roadworthy.model_cards.errors import CheckError
from roadworthy.registry import Manifest, Registry, audit_log, create_token, open_registry, publish, pull
from roadworthy.registry.http_store import HttpStore
from roadworthy.registry.layout import blob_key

from .conftest import Serve, Served


@pytest.fixture
def registry(moto: Any, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """An empty registry in a bucket."""
    return open_registry(moto.bucket(monkeypatch) + "/models")


def _weights(version: Manifest) -> Any:
    return next(file for file in version.files if file.path == "model.safetensors")


def test_a_large_file_is_fetched_from_the_bucket(served: Served, version: Manifest, moto: Any) -> None:
    """What clients read off the answer stays on it; the URL needs no token and knows ranges."""
    weights = _weights(version)
    with served.client() as client:
        for method in ("HEAD", "GET"):
            said = client.request(method, "/demo/x/resolve/v1.0.0/model.safetensors")
            assert said.status_code == 302
            assert said.headers["X-Repo-Commit"] == version.commit
            assert said.headers["ETag"] == said.headers["X-Linked-Etag"] == f'"{weights.sha256}"'
            assert int(said.headers["X-Linked-Size"]) == weights.size
            assert said.content == b""
        small = client.get("/demo/x/resolve/v1.0.0/config.json")
        assert small.status_code == 200
    url = said.headers["Location"]
    assert f"http://{urlsplit(url).netloc}" == moto.url
    assert "X-Amz-Expires=3600" in url
    assert hashlib.sha256(httpx.get(url).content).hexdigest() == weights.sha256
    assert httpx.get(url, headers={"Range": "bytes=2-5"}).content == httpx.get(url).content[2:6]


def test_stock_clients_follow(api: HfApi, served: Served, version: Manifest, tmp_path: Path) -> None:
    """Into their cache, by the ETag; and by ranges, through their file system."""
    folder = Path(api.snapshot_download("demo/x", revision="v1.0.0", cache_dir=tmp_path / "hub"))
    for file in version.files:
        assert hashlib.sha256((folder / file.path).read_bytes()).hexdigest() == file.sha256
    blob = (folder / "model.safetensors").resolve()
    assert blob.name == _weights(version).sha256
    huggingface_hub.close_session()
    system = HfFileSystem(endpoint=served.url, token=api.token)
    with system.open("demo/x@v1.0.0/model.safetensors", "rb") as file:
        file.seek(100_000)
        assert file.read(9) == blob.read_bytes()[100_000:100_009]


def test_our_own_client_pulls_from_it(served: Served, version: Manifest, keys: Any, tmp_path: Path) -> None:
    """Through the server, in ranges, each byte hashed."""
    folder = pull(open_registry(served.url), "demo/x@1.0.0", keys=keys, to=tmp_path / "pulled")
    data = (folder / "model.safetensors").read_bytes()
    assert hashlib.sha256(data).hexdigest() == _weights(version).sha256


def test_a_server_that_relays_sends_the_bytes_itself(serve: Serve, version: Manifest) -> None:
    """Where clients cannot reach the bucket."""
    with serve(redirects=False).client() as client:
        said = client.get("/demo/x/resolve/v1.0.0/model.safetensors")
    assert said.status_code == 200
    assert hashlib.sha256(said.content).hexdigest() == _weights(version).sha256


def test_nobody_is_sent_to_what_is_not_as_it_should_be(served: Served, registry: Registry, version: Manifest) -> None:
    """A blob that is not there, or is cut short: then the server reads it, and says so."""
    key = blob_key(_weights(version).sha256)
    registry.store.delete(key)
    with served.client() as client:
        assert client.get("/demo/x/resolve/v1.0.0/model.safetensors").status_code >= 400
        registry.store.create(key, b"short")
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/demo/x/resolve/v1.0.0/model.safetensors")


@contextmanager
def _serving(location: str, tokens: Path) -> Iterator[str]:
    """A process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "roadworthy.cli.main", "serve", "--port", str(port), "--registry", location]
    with subprocess.Popen([*command, "--tokens", str(tokens)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as it:
        assert it.stdout is not None
        assert it.stdout.readline().startswith(b"serving s3://")
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            it.terminate()


def test_of_two_servers_that_publish_one_version_exactly_one_does(
    registry: Registry, candidate: Any, keys: Any, tmp_path: Path
) -> None:
    """Two processes before one bucket, each asked to publish other weights. The loser says why; the log is whole."""
    token = create_token(tmp_path / "tokens.json", "ci", role="promote", namespaces=("demo",))
    folders = [candidate(f"candidate{number}", seed=number, size=300_000) for number in range(2)]
    ready = Barrier(2)

    def ask(url: str, folder: Path, version: str) -> str:
        there = Registry(HttpStore(url, token), url)
        ready.wait()
        try:
            return publish(there, folder, f"demo/x@{version}", keys=keys).manifest.commit
        except CheckError as error:
            return str(error)

    tokens = tmp_path / "tokens.json"
    with _serving(registry.location, tokens) as one, _serving(registry.location, tokens) as other:
        for version in ("1.0.0", "1.0.1", "1.0.2"):
            with ThreadPoolExecutor(2) as pool:
                said = list(pool.map(ask, (one, other), folders, [version] * 2))
            commit = registry.resolve(f"demo/x@{version}").commit
            assert said.count(commit) == 1
            assert any(f"demo/x@{version} exists" in word for word in said)
    assert (log := audit_log(registry, keys)).ok, log.reasons
    assert [str(move.new) for move in registry.history("demo/x@latest")] == ["1.0.0", "1.0.1", "1.0.2"]
