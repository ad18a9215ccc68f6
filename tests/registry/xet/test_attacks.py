"""Whoever holds a token that may write sends anything: each lie is refused as the sender's, and nothing is stored."""

import http.client
import json
import random
import time
from contextlib import closing
from dataclasses import replace

import httpx
import lz4.frame
import pytest

from roadworthy.registry import MemoryStore, create_token, layout
from roadworthy.registry.server import cas, rebuild
from roadworthy.registry.store import Source

from . import build
from .conftest import Serving

CHUNKS = tuple(random.Random(n).randbytes(9000 + n) for n in range(12))
XORB = build.Xorb(chunks=CHUNKS, scheme=0)
OTHER = build.Xorb(chunks=CHUNKS[:3])
FILE = build.File.of(XORB, (0, 12), (2, 4))
DATA = b"".join((*CHUNKS, *CHUNKS[2:4]))


def send(serving: Serving, path: str, body: bytes, token: str | None = None) -> httpx.Response:
    """A request with the writer's token, or another."""
    headers = {"Authorization": f"Bearer {serving.token if token is None else token}"} if token != "" else {}
    return httpx.post(f"{serving.cas}{path}", content=body, headers=headers, timeout=60)


def send_xorb(serving: Serving, xorb: build.Xorb = XORB) -> httpx.Response:
    """A xorb, under its name."""
    return send(serving, f"/v1/xorbs/default/{build.spelled(xorb.hash)}", xorb.body)


def said(answer: httpx.Response) -> str:
    """What became of a shard, by the last word of the answer."""
    if answer.headers["content-type"] != "application/x-ndjson":
        return str(answer.json().get("error", "stored"))
    last = json.loads(answer.text.splitlines()[-1])
    assert last["type"] in ("result", "error")
    assert not last.get("retryable")
    return str(last.get("message", "stored"))


def nothing_is_stored(serving: Serving) -> bool:
    """No file, and neither a xorb nor its index."""
    return not [*serving.registry.store.list("blobs/"), *serving.registry.store.list("xorbs/")]


def test_what_is_true_is_stored(serving: Serving) -> None:
    """So that what is refused below is refused for its lie."""
    assert send_xorb(serving).json() == {"was_inserted": True}
    assert send_xorb(serving).json() == {"was_inserted": False}
    for version in ("v1", "v2"):
        assert said(send(serving, f"/{version}/shards", build.shard(FILE))) == "stored"
    assert serving.blobs() == {FILE.sha256.hex(): DATA}


@pytest.mark.parametrize(
    ("body", "name"),
    [
        pytest.param(XORB.body[:5000] + b"!" + XORB.body[5001:], XORB.hash, id="a flipped byte"),
        pytest.param(XORB.body, OTHER.hash, id="another's name"),
        pytest.param(XORB.body[:-1], XORB.hash, id="cut short"),
        pytest.param(XORB.body + b"XETBLOB", XORB.hash, id="more at its end"),
        pytest.param(b"", XORB.hash, id="nothing"),
        pytest.param(bytes(100_000), XORB.hash, id="zeros"),
        pytest.param(random.Random(3).randbytes(100_000), XORB.hash, id="noise"),
    ],
)
def test_a_xorb_that_lies(serving: Serving, body: bytes, name: bytes) -> None:
    """Its bytes are hashed as they arrive."""
    answer = send(serving, f"/v1/xorbs/default/{build.spelled(name)}", body)
    assert answer.status_code == 400
    assert "expected" in answer.json()["error"]
    assert nothing_is_stored(serving)


def test_a_xorb_that_explodes(serving: Serving) -> None:
    """Sixty megabytes that would be sixteen gigabytes: the first chunk that holds more than 128 KiB ends it."""
    bomb = lz4.frame.compress(bytes(30_000_000))
    packed = bytes([0]) + len(bomb).to_bytes(3, "little") + bytes([1]) + (131072).to_bytes(3, "little") + bomb
    answer = send(serving, f"/v1/xorbs/default/{build.spelled(XORB.hash)}", packed * (60_000_000 // len(packed)))
    assert answer.status_code == 400
    assert "LZ4" in answer.json()["error"]
    assert nothing_is_stored(serving)


def test_names_and_lengths(serving: Serving) -> None:
    """What is no name is none, and a body says how long it is before it is read."""
    for name in ("x", "0" * 63, "A" * 64, "..%2F..%2Fetc", "0" * 64 + "%00"):
        assert send(serving, f"/v1/xorbs/default/{name}", XORB.body).status_code == 400
    headers = {"Authorization": f"Bearer {serving.token}"}
    url = f"{serving.cas}/v1/xorbs/default/{build.spelled(XORB.hash)}"
    assert httpx.post(url, content=iter([XORB.body]), headers=headers).status_code == 411
    xorb = f"/xet/v1/xorbs/default/{build.spelled(XORB.hash)}"
    for path, length in ((xorb, 2**26 + 2**16 + 1), ("/xet/v1/shards", 2**26 + 1), ("/xet/v2/shards", 10**12)):
        with closing(http.client.HTTPConnection(serving.url.removeprefix("http://"), timeout=60)) as connection:
            connection.request("POST", path, headers=headers | {"Content-Length": str(length)})
            assert connection.getresponse().status == 413
    assert nothing_is_stored(serving)


def test_who_may(serving: Serving) -> None:
    """Every address wants a token that may write; one of another server is told so."""
    reader = create_token(serving.folder / "tokens.json", "reader", role="read")
    paths = (f"/v1/xorbs/default/{build.spelled(XORB.hash)}", "/v1/shards", "/v2/shards", "/v1/xorb-grants/default/0")
    for path in paths:
        for token, status in (("", 401), ("hf_" + "x" * 34, 401), ("rw_guess", 401), (reader, 403)):
            assert send(serving, path, XORB.body, token).status_code == status
    assert nothing_is_stored(serving)


LIES = {
    "a xorb that was never sent": FILE.lying(xorb=OTHER.hash),
    "no xorb at all": FILE.lying(xorb=bytes(32)),
    "a range beyond the xorb": FILE.lying(end=13),
    "a range far beyond": FILE.lying(end=2**32 - 1),
    "an empty range": FILE.lying(begin=3, end=3),
    "a range from right to left": FILE.lying(begin=5, end=3),
    "a size too large": FILE.lying(size=FILE.terms[0].size + 1),
    "a size of nothing": FILE.lying(size=0),
    "a proof that is none": FILE.lying(proof=bytes(32)),
    "terms out of order": replace(FILE, terms=FILE.terms[::-1]),
    "a term too few": replace(FILE, terms=FILE.terms[:1]),
    "another file's hash": replace(FILE, hash=OTHER.hash),
    "another SHA-256": replace(FILE, sha256=bytes(32)),
    "no proofs": replace(FILE, flags=0x40000000),
    "no SHA-256": replace(FILE, flags=0x80000000),
    "more terms than there are": replace(FILE, count=2**32 - 1),
}


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_shard_that_lies(serving: Serving, version: str) -> None:
    """Held against what was sent. A shard with one lie stores none of its files, unless only a SHA-256 differs."""
    send_xorb(serving)
    for what, lie in LIES.items():
        answer = send(serving, f"/{version}/shards", build.shard(lie))
        assert answer.status_code == (400 if version == "v1" else 200), what
        assert said(answer) != "stored", what
        assert not serving.blobs(), what
    for data in (b"", b"x" * 5000, build.shard(FILE)[:-1], build.shard(FILE) + b"\0"):
        assert said(send(serving, f"/{version}/shards", data)) != "stored"
    assert said(send(serving, f"/{version}/shards", build.shard(FILE, replace(FILE, hash=bytes(32))))) != "stored"
    assert not serving.blobs()


def test_a_sender_that_goes_away(serving: Serving) -> None:
    """In the middle of a xorb: nothing of it stays, and the next one is taken in."""
    with closing(http.client.HTTPConnection(serving.url.removeprefix("http://"), timeout=60)) as connection:
        connection.putrequest("POST", f"/xet/v1/xorbs/default/{build.spelled(XORB.hash)}")
        connection.putheader("Authorization", f"Bearer {serving.token}")
        connection.putheader("Content-Length", str(len(XORB.body)))
        connection.endheaders(XORB.body[:50_000])
    assert send_xorb(serving, OTHER).json() == {"was_inserted": True}
    assert len(serving.xorbs()) == 1


def test_it_tells_how_far_it_is(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a file is put together, so that neither a proxy nor the client takes it for stuck."""
    create = MemoryStore.create

    def slowly(store: MemoryStore, key: str, source: Source | bytes) -> None:
        create(store, key, source)
        time.sleep(0.3)

    send_xorb(serving)
    monkeypatch.setattr(MemoryStore, "create", slowly)
    monkeypatch.setattr(cas, "_PULSE", 0.05)
    *before, last = map(json.loads, send(serving, "/v2/shards", build.shard(FILE)).text.splitlines())
    assert last == {"type": "result", "result": 1}
    assert before[-1] == {"type": "validating", "verified": len(DATA), "total": len(DATA)}


def test_a_digest_is_not_enough(serving: Serving) -> None:
    """Who names the SHA-256 of a file that is there, and has another, has not got it by that."""
    send_xorb(serving)
    send(serving, "/v1/shards", build.shard(FILE))
    other = build.File.of(XORB, (0, 1))
    assert "SHA-256" in said(send(serving, "/v1/shards", build.shard(replace(other, sha256=FILE.sha256))))


def test_too_many_chunks(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard of some megabytes cannot ask for the work of days: 60,000 terms of 8,192 chunks each."""
    monkeypatch.setattr(rebuild, "_MOST_CHUNKS", 100_000)  # of millions, so that the test is done in a second
    tiny = build.Xorb(chunks=(b"x",) * 8192, scheme=0)
    assert send_xorb(serving, tiny).status_code == 200
    term = build.Term.of(tiny, 0, 8192)
    many = build.File(terms=(term,) * 60_000, hash=bytes(32), sha256=bytes(32))
    assert "chunks in one shard" in said(send(serving, "/v1/shards", build.shard(many)))


def test_a_xorb_that_rots(serving: Serving) -> None:
    """It is told from a lie, is removed, and can be sent again."""
    send_xorb(serving)
    (key,) = serving.xorbs()
    with serving.registry.store.open(key) as stream:
        rotten = bytearray(stream.read())
    rotten[5000] ^= 1
    serving.registry.store.delete(key)
    serving.registry.store.create(key, bytes(rotten))
    answer = send(serving, "/v1/shards", build.shard(FILE))
    assert answer.status_code == 503
    assert "was removed" in answer.json()["error"]
    assert nothing_is_stored(serving)
    assert send_xorb(serving).json() == {"was_inserted": True}
    assert said(send(serving, "/v1/shards", build.shard(FILE))) == "stored"
    assert layout.blob_key(FILE.sha256.hex()) in serving.registry.store.list("blobs/")
