"""A registry over HTTP, read as the store beneath it is read; and what an address and a token may be."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from roadworthy.model_cards.errors import DamagedError, InputError, NotFoundError, StorageError
from roadworthy.registry import Manifest, Registry, http_client, layout, open_registry
from roadworthy.registry.errors import UnreachableError
from roadworthy.registry.http_client import HttpClient
from roadworthy.registry.http_store import HttpStore
from roadworthy.registry.server import store_api


def _weights(version: Manifest) -> str:
    return layout.blob_key(next(file.sha256 for file in version.files if file.path == "model.safetensors"))


def _bytes(registry: Registry, key: str) -> bytes:
    with registry.store.open(key) as stream:
        return stream.read()


def test_everything_reads_as_in_the_store_beneath(remote: Registry, registry: Registry, version: Manifest) -> None:
    """Each key: its bytes, its size, its place in the list."""
    keys = list(registry.store.list(""))
    assert {key.partition("/")[0] for key in keys} == {"aliases", "blobs", "log", "versions"}
    assert list(remote.store.list("")) == keys
    for prefix in ("versions/", "versions/demo/x/", "versions/demo/x/1.0", "ver", "blobs/", "nothing/", "log/9"):
        assert list(remote.store.list(prefix)) == list(registry.store.list(prefix)), prefix
    for key in keys:
        assert _bytes(remote, key) == _bytes(registry, key)
        assert remote.store.size(key) == registry.store.size(key)
    assert remote.resolve("demo/x") == version


def test_keys_come_in_pages(
    remote: Registry, registry: Registry, version: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long a page is, the list is the same."""
    expected = list(registry.store.list("blobs/"))
    for length in (1, 2, len(expected), len(expected) - 1):
        monkeypatch.setattr(store_api, "PAGE", length)
        assert list(remote.store.list("blobs/")) == expected


def test_a_large_blob_is_read_from_anywhere(remote: Registry, registry: Registry, version: Manifest) -> None:
    """As a stream that is sought in, and as ranges."""
    key = _weights(version)
    whole = _bytes(registry, key)
    with remote.store.open(key) as stream:
        assert stream.read(10) == whole[:10]
        assert stream.seek(2_000_000) == 2_000_000
        assert stream.read(100) == whole[2_000_000:2_000_100]
        stream.seek(-5, 2)
        assert stream.read() == whole[-5:]
        assert stream.read(1) == b""
        stream.seek(0)
        assert hashlib.sha256(stream.read()).hexdigest() == key.rpartition("/")[2]
    assert isinstance(remote.store, HttpStore)
    for start, length in ((0, 1), (1_000_000, 1_500_000), (len(whole) - 3, 3), (7, 0)):
        buffer = bytearray(length)
        remote.store.read_range(key, start, memoryview(buffer))
        assert buffer == whole[start : start + length]
    with pytest.raises(DamagedError, match="is damaged: expected bytes up to"):
        remote.store.read_range(key, len(whole) - 3, memoryview(bytearray(5)))


def test_what_is_not_there_is_not_found(remote: Registry, version: Manifest) -> None:
    """Nor is what is no key of a registry, such as files that are being written."""
    for key in ("versions/demo/x/9.9.9.json", "blobs/sha256/aa/" + "a" * 64, "tmp/x", "versions", "sent/x/y", "x"):
        for ask in (remote.store.open, remote.store.size):
            with pytest.raises(NotFoundError, match="is not in"):
                ask(key)
    for key in ("../tokens.json", "/etc/passwd", ""):
        for ask in (remote.store.open, remote.store.size):
            with pytest.raises(InputError, match="leaves its folder"):
                ask(key)


def test_it_is_not_written_to_key_by_key(remote: Registry, registry: Registry, version: Manifest) -> None:
    """Even with a token that may do everything else."""
    before = list(registry.store.list(""))
    with pytest.raises(StorageError, match="changes only through what it checks itself"):
        remote.store.create("versions/demo/x/2.0.0.json", b"{}")
    with pytest.raises(StorageError, match="Nothing was changed"):
        remote.store.delete(before[0])
    assert list(registry.store.list("")) == before


def test_a_stream_that_breaks_is_taken_up_where_it_broke(
    served: Any, wire: Any, registry: Registry, version: Manifest, impatient: None
) -> None:
    """Every connection is cut after a megabyte; the bytes are right all the same."""
    wire.down = lambda at, data: data if at < 1_000_000 else b""
    key = _weights(version)
    assert _bytes(served.remote("read", url=wire.url), key) == _bytes(registry, key)
    assert wire.came > 2_500_000


def test_a_server_that_is_down_is_told_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do. It is tried again until then, because a server may be starting."""
    assert 3 < sum(http_client._PAUSES) < 10
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    with pytest.raises(UnreachableError, match=r"cannot reach http://127\.0\.0\.1:9: .*Is the server running"):
        HttpStore("http://127.0.0.1:9", "rw_x").size("versions/demo/x/1.0.0.json")
    assert slept == list(http_client._PAUSES)


@pytest.fixture
def other() -> Iterator[tuple[str, list[str]]]:
    """A server of another kind, and the tokens that it was sent."""
    tokens: list[str] = []

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tokens.append(self.headers.get("Authorization", ""))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"keys": [], "more": false}')

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", tokens
        server.shutdown()


def test_another_servers_answer_is_not_taken_for_a_registrys(other: tuple[str, list[str]]) -> None:
    """Even if it looks like one."""
    with pytest.raises(StorageError, match="answers, but not as a registry does"):
        list(HttpStore(other[0], "rw_x").list("versions/"))


def test_which_token_is_sent(other: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours; the Hub's variable only where it holds one of ours; a real Hub token never."""

    def sent() -> str:
        with pytest.raises(StorageError):
            list(open_registry(other[0]).store.list("log/"))
        return other[1].pop()

    monkeypatch.delenv("ROADWORTHY_TOKEN", raising=False)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert sent() == ""
    monkeypatch.setenv("HF_TOKEN", "rw_hub")
    assert sent() == "Bearer rw_hub"
    monkeypatch.setenv("ROADWORTHY_TOKEN", "rw_own")
    assert sent() == "Bearer rw_own"
    monkeypatch.setenv("ROADWORTHY_TOKEN", "hf_secret")
    with pytest.raises(InputError, match=r"a token of huggingface\.co .* is never sent") as refused:
        open_registry(other[0])
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://models.example.com", "sends the token for everybody on the way to read"),
        ("https://me:secret@models.example.com", "holds a name or a password"),
        ("https://", "Expected https://host"),
        ("https://host:port", "Expected https://host"),
        ("https://host/?a=b", "Expected https://host"),
        ("ftp://host", "Expected https://host"),
    ],
)
def test_what_is_no_address(url: str, why: str) -> None:
    """Before anything is sent."""
    with pytest.raises(InputError, match=why) as refused:
        HttpClient(url, "rw_x")
    assert "secret" not in str(refused.value)


def test_plain_http_to_another_machine_if_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """For networks that are closed otherwise."""
    monkeypatch.setenv("ROADWORTHY_PLAIN_HTTP", "1")
    assert HttpClient("http://models.example.com/behind/", "rw_x").url == "http://models.example.com/behind"
