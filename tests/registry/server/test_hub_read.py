"""What a stock Hub client reads of a registry: versions as tags, drafts as main, every byte checked."""

import hashlib
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import huggingface_hub
import pytest
from huggingface_hub import HfApi, HfFileSystem
from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError

from roadworthy.registry import FolderStore, Manifest, Registry, import_draft, promote, publish
from roadworthy.registry.layout import blob_key

from .conftest import Served


@pytest.fixture
def draft(registry: Registry, model: Path) -> Manifest:
    """team/x@main."""
    return registry.resolve(import_draft(registry, model, "team/x"))


def test_versions_are_tags_and_aliases_branches(
    api: HfApi, version: Manifest, registry: Registry, candidate: Callable[..., Path], keys: Any
) -> None:
    """``main`` without a draft is what ``latest`` points at."""
    later = publish(registry, candidate("later", seed=1), "demo/x@1.1.0", keys=keys).manifest
    promote(registry, "demo/x@production", "1.0.0", keys=keys)
    refs = api.list_repo_refs("demo/x", include_pull_requests=True)
    assert {ref.name: ref.target_commit for ref in refs.tags} == {"v1.0.0": version.commit, "v1.1.0": later.commit}
    assert {ref.name: ref.target_commit for ref in refs.branches} == {
        "main": later.commit,
        "latest": later.commit,
        "production": version.commit,
    }
    for revision in ("v1.0.0", "1.0.0", "production", version.commit):
        assert api.model_info("demo/x", revision=revision).sha == version.commit
    assert [one.commit_id for one in api.list_repo_commits("demo/x")] == [later.commit, version.commit]
    assert [one.commit_id for one in api.list_repo_commits("demo/x", revision="v1.0.0")] == [version.commit]


def test_a_draft_says_that_it_is_none(
    served: Served, draft: Manifest, version: Manifest, caplog: pytest.LogCaptureFixture, api: HfApi
) -> None:
    """In the header that every client prints; a certified version carries none."""
    with served.client() as client:
        warned = client.get("/api/models/team/x").headers["X-HF-Warning"]
        assert "nobody has measured it" in warned
        assert "nobody has measured it" in client.head("/team/x/resolve/main/config.json").headers["X-HF-Warning"]
        assert "X-HF-Warning" not in client.get("/api/models/demo/x/revision/v1.0.0").headers
    huggingface_hub.utils._http._WARNED_TOPICS.clear()
    huggingface_hub.logging.enable_propagation()
    try:
        api.model_info("team/x")
    finally:
        huggingface_hub.logging.disable_propagation()
    assert "nobody has measured it" in caplog.text


def test_a_snapshot_is_the_files(api: HfApi, draft: Manifest, model: Path) -> None:
    """Byte for byte, with a name that needs quoting; and the client's own check of the cache agrees."""
    here = Path(api.snapshot_download("team/x"))
    assert {path.relative_to(here).as_posix(): path.read_bytes() for path in here.rglob("*") if path.is_file()} == {
        path.relative_to(model).as_posix(): path.read_bytes() for path in model.rglob("*") if path.is_file()
    }
    checked = api.verify_repo_checksums("team/x")
    assert (checked.checked_count, checked.mismatches, checked.missing_paths) == (4, [], [])


def test_names_are_those_that_git_gives(api: HfApi, draft: Manifest, model: Path) -> None:
    """As ``git hash-object`` says; weights by their SHA-256."""
    for entry in api.get_paths_info("team/x", ["config.json", "sub/x y+z.txt"]):
        git = subprocess.run(
            ["git", "hash-object", str(model / entry.path)], capture_output=True, text=True, check=True
        )
        assert isinstance(entry, huggingface_hub.RepoFile)
        assert entry.blob_id == git.stdout.strip()
    (weights,) = api.get_paths_info("team/x", "model.safetensors")
    assert isinstance(weights, huggingface_hub.RepoFile)
    assert weights.lfs is not None
    assert weights.lfs.sha256 == hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest()


def test_trees(api: HfApi, draft: Manifest) -> None:
    """Whole, one level, a folder; and what is not there."""

    def paths(**asked: Any) -> list[str]:
        return [entry.path for entry in api.list_repo_tree("team/x", **asked)]

    assert paths() == ["README.md", "config.json", "model.safetensors", "sub"]
    assert paths(recursive=True) == ["README.md", "config.json", "model.safetensors", "sub", "sub/x y+z.txt"]
    assert paths(path_in_repo="sub", expand=True) == ["sub/x y+z.txt"]
    with pytest.raises(EntryNotFoundError):
        paths(path_in_repo="nothing")


def test_a_long_tree_comes_in_pages(api: HfApi, registry: Registry, model: Path) -> None:
    """The client follows the links."""
    for number in range(1203):
        (model / "sub" / f"{number:04d}.txt").write_text(str(number))
    import_draft(registry, model, "team/x")
    assert len(api.list_repo_files("team/x")) == 1207


def test_what_is_not_there(api: HfApi, served: Served, draft: Manifest) -> None:
    """Each in the Hub's own words, which its clients tell apart."""
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("team/nothing")
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("nothing")
    with pytest.raises(RepositoryNotFoundError):
        api.dataset_info("team/x")
    with pytest.raises(RevisionNotFoundError):
        api.model_info("team/x", revision="v9.9.9")
    with pytest.raises(EntryNotFoundError):
        api.hf_hub_download("team/x", "nothing.json")
    with served.client() as client:
        said = client.head("/team/x/resolve/main/nothing.json")
    assert (said.status_code, said.headers["X-Repo-Commit"]) == (404, draft.commit)


@pytest.mark.parametrize(
    "path",
    [
        "/team/x/resolve/main/../../../../etc/passwd",
        "/team/x/resolve/main/%2e%2e/%2e%2e/tokens.json",
        "/team/x/resolve/..%2f..%2fdrafts/config.json",
        "/..%2f..%2fetc/x/resolve/main/passwd",
        "/team/x/resolve/main/%00",
        "/api/models/team/%2e%2e/tree/main",
    ],
)
def test_no_path_leads_out(served: Served, draft: Manifest, path: str) -> None:
    """A path is looked up in a list of names, and opens nothing."""
    # Raw: clients tidy such paths up before they send them.
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        said = b"".join(iter(lambda: raw.recv(65536), b""))
    assert said.split()[1] in (b"404", b"400")


def test_ranges(served: Served, draft: Manifest, model: Path) -> None:
    """As RFC 9110 has them."""
    data = (model / "model.safetensors").read_bytes()
    with served.client() as client:

        def ask(span: str) -> httpx.Response:
            return client.get("/team/x/resolve/main/model.safetensors", headers={"Range": span})

        for span, expected in (("0-9", data[:10]), ("100-", data[100:]), ("-7", data[-7:]), ("5-99999999", data[5:])):
            said = ask(f"bytes={span}")
            assert (said.status_code, said.content) == (206, expected)
        assert ask("bytes=0-9").headers["Content-Range"] == f"bytes 0-9/{len(data)}"
        assert ask(f"bytes={len(data)}-").status_code == 416
        assert ask("bytes=0-1,5-6").content == data
        etag = ask("bytes=0-9").headers["ETag"]
        unchanged = client.get("/team/x/resolve/main/model.safetensors", headers={"If-None-Match": etag})
        assert unchanged.status_code == 304


def test_headers_of_weights_are_read_by_ranges(api: HfApi, draft: Manifest) -> None:
    """``get_safetensors_metadata`` reads no tensor."""
    found = api.get_safetensors_metadata("team/x")
    assert found.parameter_count == {"U8": 2_500_000}


def test_as_a_file_system(served: Served, draft: Manifest, api: HfApi) -> None:
    """``HfFileSystem`` lists, reads and finds."""
    files = HfFileSystem(endpoint=served.url, token=False, skip_instance_cache=True)
    assert "team/x/sub" in files.ls("team/x", detail=False)
    assert files.read_text("team/x/sub/x y+z.txt") == "größer"
    assert files.find("team/x/sub") == ["team/x/sub/x y+z.txt"]
    assert files.info("team/x@main/config.json")["size"] == 24


@pytest.mark.parametrize("at", [100, 2_000_000])
def test_a_flipped_byte_never_arrives_as_a_whole_file(
    served: Served, registry: Registry, draft: Manifest, at: int, api: HfApi
) -> None:
    """The stock client checks nothing: the server cuts the connection, and then sends no part of that file."""
    assert isinstance(registry.store, FolderStore)
    file = next(file for file in draft.files if file.path == "model.safetensors")
    blob = registry.store.root / blob_key(file.sha256)
    data = bytearray(blob.read_bytes())
    data[at] ^= 1
    blob.chmod(0o644)
    blob.write_bytes(data)
    with served.client() as client, pytest.raises(httpx.RemoteProtocolError):
        client.get("/team/x/resolve/main/model.safetensors")
    with served.client() as client:
        part = client.get("/team/x/resolve/main/model.safetensors", headers={"Range": "bytes=0-9"})
        assert part.status_code == 503
        assert "damaged" in part.json()["error"]
        data[at] ^= 1
        blob.write_bytes(data)
        assert client.get("/team/x/resolve/main/model.safetensors").content == data


def test_a_list_of_models(api: HfApi, registry: Registry, draft: Manifest, version: Manifest, model: Path) -> None:
    """By name, author and tags, page by page."""
    for number in range(5):
        import_draft(registry, model, f"many/m{number}")

    def names(**asked: Any) -> list[str]:
        return [one.id for one in api.list_models(**asked)]

    assert names() == ["demo/x", *(f"many/m{n}" for n in range(5)), "team/x"]
    assert names(author="many", limit=3) == ["many/m0", "many/m1", "many/m2"]
    assert names(search="M4") == ["many/m4"]
    assert names(filter="certified") == ["demo/x"]
    assert names(pipeline_tag="image-classification", author="team") == ["team/x"]
    (found,) = api.list_models(search="demo", full=True)
    assert found.sha == version.commit
    assert found.siblings is not None
    assert {one.rfilename for one in found.siblings} == {file.path for file in version.files}


def test_pages_of_a_list(served: Served, registry: Registry, model: Path) -> None:
    """The link of a page leads to the next, and the last has none."""
    for number in range(5):
        import_draft(registry, model, f"many/m{number}")
    found: list[str] = []
    with served.client() as client:
        url: str | None = "/api/models?limit=2"
        while url:
            said = client.get(url)
            found += [one["id"] for one in said.json()]
            url = said.links.get("next", {}).get("url")
    assert found == [f"many/m{n}" for n in range(5)]


def test_what_a_model_is(api: HfApi, draft: Manifest) -> None:
    """The card's metadata, sizes and digests where they are asked for, and only what is asked for."""
    found = api.model_info("team/x", files_metadata=True)
    assert found.card_data is not None
    assert found.card_data.license == "mit"
    assert found.pipeline_tag == "image-classification"
    assert found.siblings is not None
    assert {one.rfilename: one.size for one in found.siblings} == {file.path: file.size for file in draft.files}
    assert api.model_info("team/x", expand=["sha"]).siblings is None


def test_a_card_that_would_be_gigabytes(served: Served, registry: Registry, model: Path) -> None:
    """An alias of an alias of an alias is not followed: the card has no metadata then."""
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    (model / "README.md").write_text(f"---\n{bomb}---\n")
    import_draft(registry, model, "team/bomb")
    with served.client() as client:
        said = client.get("/api/models/team/bomb")
    assert said.status_code == 200
    assert "cardData" not in said.json()
