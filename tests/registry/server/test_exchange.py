"""Models that come from another Hub and versions that go there; our own server plays the Hub."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import huggingface_hub
import pytest
import timm
import torch
import yaml
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from roadworthy.model_cards import audit
from roadworthy.model_cards.errors import CheckError, DamagedError, InputError, NotFoundError, StorageError
from roadworthy.registry import Manifest, Registry, fetch_upstream, open_registry, push
from roadworthy.registry.hub import HubAddress
from roadworthy.registry.server import app as application

from .conftest import Serve, Served

# The stock client hands httpx a stream in a way that httpx2 calls old.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

CARD = """---
license: apache-2.0
model-index:
- name: net
  results:
  - task: {type: image-classification}
    dataset: {name: pictures, type: pictures}
    metrics: [{type: accuracy, name: top1, value: 0.761}]
---
A net.
"""


@pytest.fixture
def upstream(api: huggingface_hub.HfApi, tmp_path: Path) -> str:
    """A repository as timm pushes one, with a card that claims something; its commit."""
    torch.manual_seed(0)
    folder = tmp_path / "net"
    timm.models.save_for_hf(timm.create_model("test_resnet", num_classes=2), folder, safe_serialization=True)
    (folder / "README.md").write_text(CARD)
    api.create_repo("team/net")
    commit = str(api.upload_folder(repo_id="team/net", folder_path=folder).oid)
    (folder / "README.md").write_text(CARD + "Edited.\n")
    api.upload_folder(repo_id="team/net", folder_path=folder)
    return commit


@pytest.mark.parametrize(
    "text", ["team/net", "hf:net", "hf:/net", "hf:team/", "hf:team/net@", "hf:team/net/", "hf:team/net/../../x"]
)
def test_an_address_is_read_or_refused(text: str) -> None:
    """With what was expected."""
    with pytest.raises(InputError, match=r"[Ee]xpected"):
        HubAddress.parse(text)


@pytest.mark.parametrize("text", ["hf:a/b", "hf:a/b@v1", "hf:a/b/sub/weights.pth", "hf:a/b/w.pth@refs/pr/1"])
def test_an_address_is_written_as_it_was_read(text: str) -> None:
    """Repository, file, revision."""
    assert str(HubAddress.parse(text)) == text


def test_a_model_is_fetched_at_a_commit(served: Served, upstream: str, tmp_path: Path) -> None:
    """What a model needs, and what its card says; the commit is named, so that the same can be fetched again."""
    got = fetch_upstream(f"hf:team/net@{upstream}", tmp_path / "got", endpoint=served.url)
    assert (got.source, got.licence) == (f"hf:team/net@{upstream} of {served.url}", "apache-2.0")
    assert got.claim == "top1 0.761 on pictures"
    assert (got.path / "README.md").read_text() == CARD
    assert timm.create_model(f"local-dir:{got.path}", pretrained=True).num_classes == 2
    newest = fetch_upstream("hf:team/net", tmp_path / "newest", endpoint=served.url)
    assert "Edited" in (newest.path / "README.md").read_text()
    assert upstream not in newest.source
    one = fetch_upstream("hf:team/net/model.safetensors@main", tmp_path / "one", endpoint=served.url)
    assert one.path.read_bytes() == (got.path / "model.safetensors").read_bytes()
    assert [path.name for path in (tmp_path / "one").iterdir() if path.is_file()] == ["model.safetensors"]


def test_what_cannot_be_fetched_is_told(served: Served, upstream: str, tmp_path: Path) -> None:
    """No such repository, revision, file; no model in it; no Hub at all."""
    for address in ("hf:team/absent", "hf:team/net@absent"):
        with pytest.raises(NotFoundError, match=r"no such repository, revision or file.*Nothing was imported"):
            fetch_upstream(address, tmp_path / "x", endpoint=served.url)
    with pytest.raises(InputError, match=r"no file 'absent\.pth'\. Expected one of: .*model\.safetensors"):
        fetch_upstream("hf:team/net/absent.pth", tmp_path / "x", endpoint=served.url)
    with pytest.raises(StorageError, match=r"http://127\.0\.0\.1:9 cannot be reached"):
        fetch_upstream("hf:team/net", tmp_path / "x", endpoint="http://127.0.0.1:9")
    with pytest.raises(InputError, match="Expected a URL"):
        fetch_upstream("hf:team/net", tmp_path / "x", endpoint="the hub")


class Flipping:
    """A Hub, or somebody on the way to it, that changes the first byte of a file's body."""

    def __init__(self, app: ASGIApp, name: str) -> None:
        self._app, self._name = app, name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything on but that byte."""

        async def flipped(message: Message) -> None:
            body = message.get("body", b"")
            if body and scope["method"] == "GET" and scope["path"].endswith(self._name):
                message["body"] = bytes([body[0] ^ 1]) + body[1:]
            await send(message)

        await self._app(scope, receive, flipped if scope["type"] == "http" else send)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_flipped_byte_is_noticed(
    serve: Serve, upstream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """By git's digest of a small file, and by the SHA-256 of a large one. The stock client takes both."""
    real = application.app
    monkeypatch.setitem(serve.__globals__, "app", lambda *a, **k: Flipping(real(*a, **k), name))
    lying = serve()
    taken = huggingface_hub.hf_hub_download("team/net", name, endpoint=lying.url, local_dir=tmp_path / "stock")
    assert Path(taken).is_file()
    with pytest.raises(DamagedError, match=rf"{name} of hf:team/net came damaged: expected \w+, .* found \w+"):
        fetch_upstream("hf:team/net", tmp_path / "ours", endpoint=lying.url)


def _with_tags(tags: dict[str, str]) -> Callable[..., list[Route]]:
    # As the public Hub has it: whoever may write may tag. Our server makes tags through its gate alone.
    def routes(registry: Registry, access: Any) -> list[Route]:
        async def tag(request: Any) -> JSONResponse:
            tags[(await request.json())["tag"]] = request.path_params["rev"]
            return JSONResponse({})

        def refs(request: Any) -> JSONResponse:
            made = [{"name": n, "ref": f"refs/tags/{n}", "targetCommit": c} for n, c in tags.items()]
            return JSONResponse({"branches": [], "tags": made, "converts": []})

        return [
            Route("/api/models/team/pushed/tag/{rev}", tag, methods=["POST"]),
            Route("/api/models/team/pushed/refs", refs),
        ]

    return routes


@pytest.fixture
def theirs(tmp_path: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Served]:
    """Another Hub over a registry of its own, whose token is in HF_TOKEN."""

    def start(*before: Any) -> Served:
        there = open_registry(tmp_path / "theirs")
        monkeypatch.setitem(
            serve.__globals__,
            "app",
            lambda _, access, **k: application.app(
                there, access, **(k | {"endpoints": [*before, *application._ENDPOINTS]})
            ),
        )
        hub = serve()
        monkeypatch.setenv("HF_TOKEN", hub.token())
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        return Served(hub.url, there, hub.tokens, hub.audit)

    return start


def test_a_version_is_pushed_whole(
    registry: Registry, version: Manifest, keys: Any, theirs: Callable[..., Served], tmp_path: Path
) -> None:
    """One commit, under its tag; what anybody fetches from there passes the audit; the same again is no change."""
    tags: dict[str, str] = {}
    hub = theirs(_with_tags(tags))
    done = push(registry, "demo/x@1.0.0", "hf:team/pushed", keys=keys, endpoint=hub.url)
    assert (done.tag, done.untagged, done.was_there) == ("v1.0.0", None, False)
    assert tags == {"v1.0.0": done.commit}
    folder = Path(
        huggingface_hub.snapshot_download(
            "team/pushed", revision=done.commit, endpoint=hub.url, local_dir=tmp_path / "down"
        )
    )
    shutil.rmtree(folder / ".cache")
    assert audit(folder, keys).ok
    (entry,) = huggingface_hub.parse_eval_result_entries(
        yaml.safe_load(next((folder / ".eval_results").iterdir()).read_text())
    )
    assert entry.notes is not None
    assert "certificate.json" in entry.notes
    assert push(registry, "demo/x@1.0.0", "hf:team/pushed", keys=keys, endpoint=hub.url).was_there
    tags["v1.0.0"] = _edit(hub, "team/pushed")
    with pytest.raises(CheckError, match=r"has another v1\.0\.0: .*Nothing was pushed"):
        push(registry, "demo/x@1.0.0", "hf:team/pushed", keys=keys, endpoint=hub.url)


def _edit(hub: Served, repo: str) -> str:
    api = huggingface_hub.HfApi(endpoint=hub.url, token=hub.token("second"))
    api.upload_file(repo_id=repo, path_or_fileobj=b"mine", path_in_repo="notes.txt")
    return str(api.model_info(repo).sha)


def test_files_of_others_are_not_deleted_unasked(
    registry: Registry, version: Manifest, keys: Any, theirs: Callable[..., Served]
) -> None:
    """They are named; with ``replace`` they go in the same commit. A registry that tags by its gate says so."""
    hub = theirs()
    push(registry, "demo/x@1.0.0", "hf:team/pushed", keys=keys, endpoint=hub.url)
    before = _edit(hub, "team/pushed")
    with pytest.raises(CheckError, match=r"holds 1 files that demo/x@1\.0\.0 does not: notes\.txt.*--replace"):
        push(registry, "demo/x@1.0.0", "hf:team/pushed", keys=keys, endpoint=hub.url)
    assert hub.registry.resolve("team/pushed@main").commit == before
    done = push(registry, "demo/x@1.0.0", "hf:team/pushed", keys=keys, endpoint=hub.url, replace=True)
    assert {file.path for file in hub.registry.resolve("team/pushed@main").files} == {f.path for f in version.files}
    assert done.tag is None
    assert done.untagged is not None
    assert "roadworthy publish" in done.untagged


def test_drafts_and_strangers_are_refused(
    registry: Registry, version: Manifest, keys: Any, theirs: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is made there."""
    hub = theirs()
    with pytest.raises(InputError, match=r"expected hf:organisation/name alone"):
        push(registry, "demo/x@1.0.0", "hf:team/pushed@dev", keys=keys, endpoint=hub.url)
    with pytest.raises(CheckError):
        push(registry, "demo/x@1.0.0", "hf:team/pushed", keys=(), endpoint=hub.url)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises((NotFoundError, StorageError), match=r"HF_TOKEN|token"):
        push(registry, "demo/x@1.0.0", "hf:team/pushed", keys=keys, endpoint=hub.url)
    assert httpx.get(f"{hub.url}/api/models").json() == []
