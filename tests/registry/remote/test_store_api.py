"""The server's side of a registry over HTTP, asked as no client of ours would: who sees what, and what is refused."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from roadworthy.registry import Manifest, Registry, layout, publish
from roadworthy.registry.http_client import API


@pytest.fixture
def anybody(served: Any) -> Iterator[httpx.Client]:
    """Plain HTTP without a token."""
    with httpx.Client(base_url=served.url + API) as client:
        yield client


@pytest.fixture
def of(served: Any) -> Iterator[Any]:
    """Plain HTTP with a token of a role and namespaces."""
    made: list[httpx.Client] = []

    def client(role: str, *namespaces: str) -> httpx.Client:
        token = {"Authorization": f"Bearer {served.token(role, *namespaces)}"}
        made.append(httpx.Client(base_url=served.url + API, headers=token))
        return made[-1]

    yield client
    for one in made:
        one.close()


def _weights(version: Manifest) -> str:
    return next(file.sha256 for file in version.files if file.path == "model.safetensors")


def test_without_a_token_nothing_is_told(anybody: httpx.Client, registry: Registry, version: Manifest) -> None:
    """Not even whether it is there; and nothing is written."""
    before = list(registry.store.list(""))
    for method, path in (
        ("GET", "/keys"),
        ("GET", f"/store/{before[0]}"),
        ("HEAD", f"/store/{before[0]}"),
        ("GET", "/store/nothing"),
        ("HEAD", f"/blobs/{'0' * 64}"),
        ("PUT", f"/blobs/{hashlib.sha256(b'x').hexdigest()}"),
    ):
        assert anybody.request(method, path, content=b"x" if method == "PUT" else None).status_code == 401, path
    body = {"reference": "demo/x@2.0.0", "alias": "latest", "to": "1.0.0", "files": [], "envelope": "", "evidence": ""}
    for name in ("versions", "drafts", "performance", "attestations", "revocations", "aliases"):
        assert anybody.post(f"/{name}", json=body).status_code == 401, name
    assert list(registry.store.list("")) == before


def test_a_range_is_the_bytes_that_were_asked_for(of: Any, registry: Registry, version: Manifest) -> None:
    """From the middle, to the end, from the end; and what cannot be."""
    reader, key = of("read"), layout.blob_key(_weights(version))
    with registry.store.open(key) as stream:
        whole = stream.read()
    size = len(whole)
    for asked, expected, span in (
        ("bytes=0-0", whole[:1], f"bytes 0-0/{size}"),
        ("bytes=1000000-2000000", whole[1_000_000:2_000_001], f"bytes 1000000-2000000/{size}"),
        (f"bytes={size - 1}-{size + 10}", whole[-1:], f"bytes {size - 1}-{size - 1}/{size}"),
        ("bytes=-7", whole[-7:], f"bytes {size - 7}-{size - 1}/{size}"),
        ("bytes=2400000-", whole[2_400_000:], f"bytes 2400000-{size - 1}/{size}"),
    ):
        answer = reader.get(f"/store/{key}", headers={"Range": asked})
        assert (answer.status_code, answer.content, answer.headers["Content-Range"]) == (206, expected, span)
        assert answer.headers["ETag"] == f'"{_weights(version)}"'
    assert reader.get(f"/store/{key}", headers={"Range": f"bytes={size}-"}).status_code == 416
    for several in ("bytes=0-1,5-6", "lines=1-2", "bytes=x"):
        assert reader.get(f"/store/{key}", headers={"Range": several}).status_code == 200
    head = reader.head(f"/store/{key}")
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, str(size), b"")
    document = layout.key("versions", "demo", "x", "1.0.0")
    answer = reader.get(f"/store/{document}")
    assert answer.headers["ETag"] == f'"{hashlib.sha256(answer.content).hexdigest()}"'


def test_who_reads_one_namespace_sees_no_other(
    of: Any, registry: Registry, version: Manifest, candidate: Any, keys: Any
) -> None:
    """Neither documents nor the blobs that only the other one's manifests list; the log is everybody's."""
    other = publish(registry, candidate("other", seed=3, size=5000), "team/y@1.0.0", keys=keys).manifest
    reader = of("read", "team")
    seen = reader.get("/keys").json()["keys"]
    assert {key.split("/")[1] for key in seen if not key.startswith("log/")} == {"team"}
    assert {key.split("/")[0] for key in seen} == {"aliases", "log", "versions"}
    assert reader.get("/store/versions/team/y/1.0.0.json").status_code == 200
    hidden = reader.get("/store/versions/demo/x/1.0.0.json")
    assert (hidden.status_code, hidden.json()["error"]) == (404, "versions/demo/x/1.0.0.json is not here.")
    assert reader.get(f"/store/{layout.blob_key(_weights(other))}").status_code == 200
    for file in version.files:
        shared = file.sha256 in {own.sha256 for own in other.files}
        answer = reader.head(f"/store/{layout.blob_key(file.sha256)}")
        assert answer.status_code == (200 if shared else 404), file.path
    # The log says what a certificate's digest is; that is not enough to read it.
    with registry.store.open("log/00000001.json") as stream:
        entry = json.loads(stream.read())
    assert version.certificate_sha256 is not None
    assert reader.get(f"/store/log/{1:08d}.json").json() == entry
    assert reader.get(f"/store/{layout.blob_key(version.certificate_sha256)}").status_code == 404
    later = publish(registry, candidate("later", seed=4, size=5001), "team/y@1.1.0", keys=keys).manifest
    assert reader.get(f"/store/{layout.blob_key(_weights(later))}").status_code == 200, "published meanwhile"


def test_what_is_sent_must_be_what_it_is_called(of: Any, registry: Registry) -> None:
    """Another digest, another length, no length, no digest: nothing is stored."""
    writer, data = of("write", "team"), b"some bytes"
    sha256 = hashlib.sha256(data).hexdigest()
    wrong = writer.put(f"/blobs/{sha256}", content=b"other byte")
    assert (wrong.status_code, wrong.headers["X-Roadworthy-Error"]) == (503, "DamagedError")
    assert writer.put(f"/blobs/{sha256}", content=iter([data])).status_code == 411
    assert writer.put("/blobs/abc", content=data).status_code == 400
    assert writer.put(f"/blobs/{sha256.upper()}", content=data).status_code == 400
    assert list(registry.store.list("")) == []
    assert writer.head(f"/blobs/{sha256}").status_code == 404
    assert writer.put(f"/blobs/{sha256}", content=data).status_code == 201
    assert writer.head(f"/blobs/{sha256}").headers["Content-Length"] == "10"
    with registry.store.open(layout.blob_key(sha256)) as stream:
        assert stream.read() == data


def test_whether_a_blob_is_there_is_not_told_to_who_may_not_read_it(of: Any, version: Manifest) -> None:
    """Until they have sent it themselves."""
    stranger, friend = of("write", "mine"), of("write", "demo")
    assert stranger.head(f"/blobs/{_weights(version)}").status_code == 404
    assert friend.head(f"/blobs/{_weights(version)}").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"reference": 1}',
        b'{"reference": "demo"}',
        b'{"reference": "team/x@1.0.0", "alias": "latest"}',
        b'{"reference": "team/x@1.0.0", "alias": "latest", "files": [{"path": "a"}]}',
        b'{"reference": "team/x@1.0.0", "alias": "latest", "files": [{"path": "../a", "size": 1, "sha256": "x"}]}',
        b'{"reference": "team/x@1.0.0", "alias": "main", "files": []}',
        b'{"reference": "team/x@1.0.0", "alias": "latest", "files": []}',
        b'{"reference": "team/x@main", "note": [], "files": []}',
        b'{"reference": "team/x@1.0.0", "envelope": "!", "evidence": "!"}',
        b'{"reference": "team/x@production", "to": "1", "expected": 1}',
        b"[" * 100_000,
    ],
)
def test_a_request_that_is_none_is_refused_as_such(of: Any, registry: Registry, body: bytes) -> None:
    """By every endpoint that takes one: no answer is the server's own fault."""
    promoter = of("promote", "team")
    for name in ("versions", "drafts", "performance", "attestations", "revocations", "aliases"):
        answer = promoter.post(f"/{name}", content=body)
        assert answer.status_code in (400, 404), (name, answer.text)
        assert answer.json()["error"]
    assert list(registry.store.list("")) == []


def test_a_key_leads_nowhere_else(served: Any, of: Any, version: Manifest) -> None:
    """However it is spelled."""
    reader = of("read")
    for path in ("../tokens.json", "..%2ftokens.json", "versions/../../tokens.json", "%2e%2e/tokens.json", "tmp/", ""):
        answer = reader.send(httpx.Request("GET", f"{served.url}{API}/store/{path}", headers=reader.headers))
        assert answer.status_code in (400, 404), path
