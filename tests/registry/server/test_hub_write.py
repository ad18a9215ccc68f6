"""What a stock Hub client pushes: drafts, whole or not at all, and nothing that could run code."""

import base64
import json
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi
from huggingface_hub.errors import BadRequestError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

from roadworthy.registry import Manifest, Registry, models, pull
from roadworthy.registry.server import lfs
from roadworthy.registry.server.app import _ENDPOINTS

from .conftest import Serve, Served

# The stock client's own, of its HTTP library.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
def pushed(api: HfApi, model: Path) -> str:
    """team/x, pushed; its commit."""
    api.create_repo("team/x")
    return api.upload_folder(repo_id="team/x", folder_path=model, commit_message="first").oid


def refused(status: int, call: Callable[[], Any]) -> str:
    """What the server says when it refuses."""
    with pytest.raises(HfHubHTTPError) as caught:
        call()
    assert caught.value.response.status_code == status
    return str(caught.value.response.json()["error"])


def test_a_push_is_a_draft(api: HfApi, pushed: str, registry: Registry, model: Path, tmp_path: Path) -> None:
    """That `pull` brings as any other, with what was said of it; no version comes to be."""
    found = registry.resolve("team/x@main")
    assert (found.commit, found.version) == (pushed, None)
    assert found.note is not None
    assert (found.note["commit_title"], found.note["author"]) == ("first", "ci")
    here = pull(registry, "team/x@main", keys=(), to=tmp_path / "here")
    assert (here / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()
    assert registry.versions("team", "x") == ()
    assert [(one.reference, one.created) for one in models(registry)] == [("team/x@main", found.created)]


def test_an_empty_repository(api: HfApi, model: Path) -> None:
    """It is there, without a file, and takes its first commit with the parent that it names."""
    url = api.create_repo("team/empty")
    assert url.repo_id == "team/empty"
    assert api.create_repo("team/empty", exist_ok=True) == url
    assert api.repo_exists("team/empty")
    found = api.model_info("team/empty")
    assert found.siblings == []
    assert api.list_repo_files("team/empty") == []
    assert api.list_repo_refs("team/empty").branches[0].target_commit == found.sha
    add = CommitOperationAdd("config.json", b"{}")
    api.create_commit("team/empty", [add], commit_message="one", parent_commit=found.sha)
    assert api.list_repo_files("team/empty") == ["config.json"]


def test_a_name_alone_is_in_the_tokens_namespace(api: HfApi) -> None:
    """As ``push_to_hub("name")`` means it."""
    assert api.create_repo("mine").repo_id == "team/mine"


def test_changes(api: HfApi, pushed: str) -> None:
    """Files are copied, replaced and deleted, folders too; the history keeps each state."""
    steps: list[CommitOperationAdd | CommitOperationCopy | CommitOperationDelete] = [
        CommitOperationCopy("model.safetensors", "copy.safetensors"),
        CommitOperationCopy("config.json", "copy.json"),
        CommitOperationDelete("sub/"),
        CommitOperationAdd("README.md", b"new"),
    ]
    second = api.create_commit("team/x", steps, commit_message="second", commit_description="why", parent_commit=pushed)
    expected = ["README.md", "config.json", "copy.json", "copy.safetensors", "model.safetensors"]
    assert api.list_repo_files("team/x") == expected
    history = api.list_repo_commits("team/x")
    assert [(one.commit_id, one.title, one.message) for one in history] == [
        (second.oid, "second", "why"),
        (pushed, "first", ""),
    ]
    assert "sub/x y+z.txt" in api.list_repo_files("team/x", revision=pushed)


def test_the_same_again_is_no_new_draft(api: HfApi, pushed: str, model: Path) -> None:
    """A client that repeats itself after a lost answer changes nothing."""
    assert api.upload_folder(repo_id="team/x", folder_path=model).oid == pushed


def test_a_commit_from_elsewhere_is_refused(api: HfApi, pushed: str) -> None:
    """412, and nothing changed."""
    add = [CommitOperationAdd("a.txt", b"a")]
    api.create_commit("team/x", add, commit_message="theirs", parent_commit=pushed)
    ours = partial(
        api.create_commit,
        "team/x",
        [CommitOperationAdd("b.txt", b"b")],
        commit_message="ours",
        parent_commit=pushed,
    )
    assert "Somebody committed meanwhile" in refused(412, ours)
    assert "b.txt" not in api.list_repo_files("team/x")


def test_two_at_once_lose_nothing(served: Served, api: HfApi, pushed: str) -> None:
    """Without a parent each is made from what is there by then."""
    token = served.token("both")

    def add(name: str) -> None:
        content = base64.b64encode(name.encode()).decode()
        body = [
            {"key": "header", "value": {"summary": name}},
            {"key": "file", "value": {"path": name, "content": content, "encoding": "base64"}},
        ]
        with served.client(token) as client:
            sent = client.post("/api/models/team/x/commit/main", content="\n".join(map(json.dumps, body)))
            assert sent.status_code == 200

    threads = [threading.Thread(target=add, args=(f"{n}.txt",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {f"{n}.txt" for n in range(8)} <= set(api.list_repo_files("team/x"))
    assert len(api.list_repo_commits("team/x")) == 9


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("model.pkl", b"\x80\x04N.", ".pkl, which may run code"),
        ("modeling.py", b"import os", "Python code"),
        ("notes.txt", b"\x80\x04cos\nsystem\n.", "a pickle"),
        ("other/config.json", b'{"auto_map": {"AutoModel": "x.Y"}}', "auto_map"),
        ("bad.safetensors", b'\x08\0\0\0\0\0\0\0{"a": 1}', "a dtype, a shape and offsets"),
        ("model.safetensors.index.json", b'{"weight_map": {"w": "w.bin"}}', "shards of this snapshot"),
    ],
)
def test_what_may_run_code_is_refused(api: HfApi, pushed: str, path: str, content: bytes, said: str) -> None:
    """With the reason, and the whole commit with it."""
    push = partial(
        api.create_commit,
        "team/x",
        [CommitOperationAdd("fine.txt", b"fine"), CommitOperationAdd(path, content)],
        commit_message="bad",
    )
    assert said in refused(422, push)
    assert api.model_info("team/x").sha == pushed


def test_the_same_weights_as_a_pickle_are_left_out(api: HfApi, model: Path) -> None:
    """timm and trainers push both; the safetensors alone arrive."""
    (model / "pytorch_model.bin").write_bytes(b"\x80\x04N.")
    (model / "training_args.bin").write_bytes(b"\x80\x04N.")
    api.create_repo("team/x")
    api.upload_folder(repo_id="team/x", folder_path=model)
    files = api.list_repo_files("team/x")
    assert "model.safetensors" in files
    assert not any(path.endswith(".bin") for path in files)


@pytest.mark.parametrize("path", ["../x.txt", "/etc/x.txt", "a/../../x.txt", "a\\b.txt", "a//b.txt", "nul\0.txt", ""])
def test_a_path_that_leaves_its_folder(served: Served, api: HfApi, pushed: str, path: str) -> None:
    """Is refused whatever the client is."""
    body = [
        {"key": "header", "value": {"summary": "x"}},
        {"key": "file", "value": {"path": path, "content": "", "encoding": "base64"}},
    ]
    with served.client(served.token("raw")) as client:
        said = client.post("/api/models/team/x/commit/main", content="\n".join(map(json.dumps, body)))
    assert said.status_code == 400
    assert api.model_info("team/x").sha == pushed


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b'{"key": "file", "value": {"path": "a", "content": ""}}',
        b'{"key": "header", "value": {"parentCommit": 7}}',
        b'{"key": "header", "value": {}}\n{"key": "file", "value": {"path": "a", "content": "?"}}',
        b'{"key": "header", "value": {}}\n{"key": "lfsFile", "value": {"path": "a", "oid": "../../x", "size": 1}}',
        b'{"key": "header", "value": {}}\n{"key": "lfsFile", "value": {"path": "a", "oid": "' + b"0" * 64 + b'"}}',
        b'{"key": "header", "value": {}}\n{"key": "deletedFile", "value": {"path": "nothing"}}',
        b'{"key": "header", "value": {}}\n{"key": "other", "value": {"path": "a"}}',
        b"[" * 100_000,
    ],
)
def test_a_commit_that_cannot_be_read(served: Served, api: HfApi, pushed: str, body: bytes) -> None:
    """400 with a sentence, and nothing changed."""
    with served.client(served.token("raw")) as client:
        said = client.post("/api/models/team/x/commit/main", content=body)
    assert said.status_code == 400
    assert said.json()["error"]
    assert api.model_info("team/x").sha == pushed


def test_a_long_line_is_refused(served: Served, api: HfApi, pushed: str) -> None:
    """413: what is that large is sent on its own, and not held in memory."""
    content = base64.b64encode(bytes(1_700_000)).decode()
    line = json.dumps({"key": "file", "value": {"path": "a.txt", "content": content}})
    with served.client(served.token("raw")) as client:
        said = client.post("/api/models/team/x/commit/main", content='{"key": "header", "value": {}}\n' + line)
    assert said.status_code == 413


def test_the_last_file_stays(api: HfApi) -> None:
    """A draft has at least one; who wants none deletes the repository."""
    api.create_repo("team/y")
    api.upload_file(repo_id="team/y", path_or_fileobj=b"{}", path_in_repo="config.json")
    with pytest.raises(BadRequestError, match="no file would be left"):
        api.delete_file("config.json", "team/y")


def test_weights_in_parts(serve: Serve, api: HfApi, model: Path, registry: Registry) -> None:
    """A large file is sent in parts, put together, hashed; the parts are gone then."""
    in_parts = partial(lfs.routes, in_parts_from=1_000_000, part_size=1_000_000)
    endpoints = [in_parts if one is lfs.routes else one for one in _ENDPOINTS]
    other = serve(endpoints=endpoints)
    parted = HfApi(endpoint=other.url, token=other.token("parts"))
    parted.create_repo("team/x")
    parted.upload_folder(repo_id="team/x", folder_path=model)
    assert registry.store.size(f"blobs/sha256/{_blob(registry)}") == (model / "model.safetensors").stat().st_size
    assert list(registry.store.list("uploads/")) == []


def _blob(registry: Registry) -> str:
    (file,) = (file for file in registry.resolve("team/x@main").files if file.path == "model.safetensors")
    return f"{file.sha256[:2]}/{file.sha256}"


def test_other_bytes_than_promised_are_not_stored(served: Served, api: HfApi, registry: Registry) -> None:
    """Neither other ones, nor fewer, nor more; and nothing without the grant, or with that for another file."""
    oid, size = "ab" * 32, 10
    api.create_repo("team/x")
    with served.client(served.token("raw")) as client:
        asked = {"operation": "upload", "transfers": ["basic"], "objects": [{"oid": oid, "size": size}]}
        (told,) = client.post("/team/x.git/info/lfs/objects/batch", json=asked).json()["objects"]
    href = told["actions"]["upload"]["href"]
    with served.client() as client:
        assert client.put(href.replace(oid, "cd" * 32), content=bytes(10)).status_code == 401
        assert client.put(href.partition("?")[0], content=bytes(10)).status_code == 401
        for content in (bytes(10), bytes(9), bytes(11)):
            assert client.put(href, content=content).status_code == 422
        assert client.post(told["actions"]["verify"]["href"], json={}).status_code == 404
    assert list(registry.store.list("blobs/")) == []


def test_branches_and_tags(api: HfApi, pushed: str, served: Served) -> None:
    """With a slash in their names; a branch moves on its own, a tag never."""
    api.create_branch("team/x", branch="a/b")
    moved = api.upload_file(repo_id="team/x", path_or_fileobj=b"n", path_in_repo="n.txt", revision="a/b").oid
    assert "n.txt" in api.list_repo_files("team/x", revision="a/b")
    assert api.model_info("team/x").sha == pushed
    api.create_tag("team/x", tag="try/1", revision="a/b", tag_message="said")
    refs = api.list_repo_refs("team/x")
    assert {ref.name: ref.target_commit for ref in refs.branches} == {"a/b": moved, "main": pushed}
    assert {ref.name: ref.target_commit for ref in refs.tags} == {"try/1": moved}
    assert [one.commit_id for one in api.list_repo_commits("team/x", revision="try/1")] == [moved, pushed]
    api.create_tag("team/x", tag="try/1", exist_ok=True)
    refused(409, lambda: api.create_tag("team/x", tag="try/1"))
    refused(409, lambda: api.create_branch("team/x", branch="a/b"))
    api.delete_tag("team/x", tag="try/1")
    api.delete_branch("team/x", branch="a/b")
    with pytest.raises(RevisionNotFoundError):
        api.model_info("team/x", revision="a/b")
    assert "stays" in refused(403, lambda: api.delete_branch("team/x", branch="main"))


@pytest.mark.parametrize("tag", ["v1.0.0", "2.0.0", "latest", "production", "main"])
def test_names_that_are_not_given_away(api: HfApi, pushed: str, tag: str) -> None:
    """A version's tag comes of the gate, and nobody takes the name of an alias that others rely on."""
    said = refused(403, lambda: api.create_tag("team/x", tag=tag))
    assert ("roadworthy publish" in said) == tag[-1].isdigit()


def test_a_certified_version_is_deleted_by_nobody(
    served: Served, api: HfApi, version: Manifest, registry: Registry
) -> None:
    """Not with its repository, nor by its tag, nor by a commit to it."""
    ours = HfApi(endpoint=served.url, token=served.token("demo", "admin", ()))
    assert "never go" in refused(403, lambda: ours.delete_repo("demo/x"))
    assert "never go" in refused(403, lambda: ours.delete_tag("demo/x", tag="v1.0.0"))
    add = [CommitOperationAdd("a.txt", b"a")]
    refused(403, lambda: ours.create_commit("demo/x", add, commit_message="a", revision="v1.0.0"))
    refused(403, lambda: ours.create_commit("demo/x", add, commit_message="a", revision="latest"))
    made = ours.create_commit("demo/x", add, commit_message="a")
    assert ours.model_info("demo/x").sha == made.oid
    assert ours.model_info("demo/x", revision="v1.0.0").sha == registry.resolve("demo/x@1.0.0").commit == version.commit


def test_a_repository_of_drafts_goes(api: HfApi, pushed: str, registry: Registry) -> None:
    """With its branches and tags, and can be made again."""
    api.create_branch("team/x", branch="b")
    api.create_tag("team/x", tag="t")
    api.delete_repo("team/x")
    assert not api.repo_exists("team/x")
    assert models(registry) == []
    assert [key for key in registry.store.list("") if not key.startswith(("blobs/", "log/"))] == []
    with pytest.raises(RepositoryNotFoundError):
        api.delete_repo("team/x")
    api.create_repo("team/x")
    assert api.list_repo_files("team/x") == []
