"""To know a digest is not to have the bytes: a log gives digests away, and a registry keeps what others may not see."""

import hashlib
import json
from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi, constants

from roadworthy.registry import Manifest, Registry

from .conftest import Serve, Served

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def closed(serve: Serve) -> Served:
    """A server that shows nobody what is not theirs; demo/x is not theirs who write in ``team``."""
    return serve(anonymous_read=False)


def _commit(client: httpx.Client, sha256: str, size: int) -> httpx.Response:
    lines = [
        {"key": "header", "value": {"summary": "mine now"}},
        {"key": "lfsFile", "value": {"path": "model.safetensors", "algo": "sha256", "oid": sha256, "size": size}},
    ]
    return client.post("/api/models/team/x/commit/main", content="\n".join(map(json.dumps, lines)))


def _batch(client: httpx.Client, sha256: str, size: int) -> dict[str, object]:
    asked = {"operation": "upload", "transfers": ["basic"], "objects": [{"oid": sha256, "size": size}]}
    (found,) = client.post("/team/x.git/info/lfs/objects/batch", json=asked).json()["objects"]
    assert isinstance(found, dict)
    return found


def test_a_digest_alone_takes_nothing(closed: Served, version: Manifest, registry: Registry) -> None:
    """By git-lfs: it is answered as what is not there, until the bytes are sent; false bytes are none."""
    (theirs,) = (file for file in version.files if file.path == "model.safetensors")
    blob = Path(registry.location, "blobs/sha256", theirs.sha256[:2], theirs.sha256).read_bytes()
    with closed.client(closed.token()) as client:
        client.post("/api/repos/create", json={"name": "x", "organization": "team"}).raise_for_status()
        refused = _commit(client, theirs.sha256, theirs.size)
        assert (refused.status_code, "are not here. Send them first" in refused.text) == (400, True)
        found = _batch(client, theirs.sha256, theirs.size)
        address = found["actions"]["upload"]["href"]  # type: ignore[index]
        assert httpx.put(address, content=bytes(len(blob))).status_code == 422
        assert _commit(client, theirs.sha256, theirs.size).status_code == 400
        assert httpx.put(address, content=blob).status_code == 200
        assert "actions" not in _batch(client, theirs.sha256, theirs.size)
        assert _commit(client, theirs.sha256, theirs.size).status_code == 200
    with closed.client(closed.token("other", "write", ("elsewhere",))) as client:
        client.post("/api/repos/create", json={"name": "x", "organization": "elsewhere"}).raise_for_status()
        lines = _commit(client, theirs.sha256, theirs.size)
        assert lines.status_code == 403


def test_what_was_sent_by_xet_is_the_senders(
    closed: Served, model: Path, version: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A push whose weights lie in somebody else's namespace already goes through, for whoever has the bytes."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    monkeypatch.setenv("HF_XET_CACHE", str(tmp_path / "xet"))
    (theirs,) = (file for file in version.files if file.path == "model.safetensors")
    same = Path(closed.registry.location, "blobs/sha256", theirs.sha256[:2], theirs.sha256).read_bytes()
    (model / "model.safetensors").write_bytes(same)
    api = HfApi(endpoint=closed.url, token=closed.token())
    api.create_repo("team/x")
    api.upload_folder(repo_id="team/x", folder_path=model)
    (pushed,) = (f for f in closed.registry.resolve("team/x@main").files if f.path == "model.safetensors")
    assert pushed.sha256 == theirs.sha256 == hashlib.sha256(same).hexdigest()
