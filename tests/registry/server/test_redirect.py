"""A server before a bucket: what is large is fetched from there, by a URL that was signed for it."""

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import huggingface_hub
import pytest
from huggingface_hub import HfApi, HfFileSystem

from roadworthy.registry import Manifest, Registry, open_registry, pull
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
