"""A registry in a bucket: what its servers guarantee, two publishers at once, kills, long files, refusals explained.

The conformance suite of every store is `test_store.py`.
"""

import hashlib
import http.server
import io
import random
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from roadworthy.model_cards import audit
from roadworthy.model_cards.errors import DamagedError, InputError, NotFoundError, StorageError
from roadworthy.registry import (
    ExistsError,
    ObjectStore,
    Presigns,
    Registry,
    audit_log,
    layout,
    object_store,
    open_registry,
    publish,
    pull,
)

from . import s3_servers
from .remote.conftest import Wire
from .s3_servers import Server
from .test_kill import PUBLISH as ENDLESS
from .test_store import Failing, Stream
from .two_publishers import at_once

# Creates a long file from zeros that nobody holds, reads it back, and says how much memory that took, in KiB.
LONG = """
import hashlib, sys
from roadworthy.registry import ObjectStore, layout
location, size = sys.argv[1], int(sys.argv[2])
class Zeros:
    def __init__(self): self.size, self._left = size, size
    def read(self, most):
        count = min(most, self._left); self._left -= count
        return bytes(count)
digest = hashlib.sha256()
for chunk in iter(lambda z=Zeros(): z.read(1 << 20), b""): digest.update(chunk)
store, key = ObjectStore(location, single_writer=True), layout.blob_key(digest.hexdigest())
store.create(key, Zeros())
again = hashlib.sha256()
with store.open(key) as stream:
    while chunk := stream.read(1 << 20): again.update(chunk)
assert again.digest() == digest.digest() and store.size(key) == size
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.fixture
def bucket(moto: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty one, where conditions are honoured."""
    return moto.bucket(monkeypatch)


@pytest.fixture
def careless(rclone: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty one, where they are not."""
    return rclone.bucket(monkeypatch)


def test_a_server_that_overwrites_is_found_out_and_not_written_to(careless: str, candidate: Any, keys: Any) -> None:
    """It is read all the same; and written to where the user says that nobody else does."""
    registry = open_registry(f"{careless}/models")
    folder = candidate()
    with pytest.raises(StorageError, match=r"its server overwrites .* ROADWORTHY_SINGLE_WRITER=1"):
        publish(registry, folder, "demo/x@1.0.0", keys=keys)
    assert list(registry.store.list("")) == []
    alone = Registry(ObjectStore(f"{careless}/models", single_writer=True), registry.location)
    publish(alone, folder, "demo/x@1.0.0", keys=keys)
    assert registry.resolve("demo/x").version == "1.0.0"


def test_the_variable_says_that_nobody_else_writes(careless: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken keys are refused then too."""
    monkeypatch.setenv("ROADWORTHY_SINGLE_WRITER", "1")
    ObjectStore(careless).create("a", b"first")
    with pytest.raises(ExistsError, match="a exists in s3://"):
        ObjectStore(careless).create("a", b"second")
    with ObjectStore(careless).open("a") as stream:
        assert stream.read() == b"first"


@pytest.mark.parametrize("kind", ["bucket", "careless"])
def test_of_two_processes_that_publish_one_version_exactly_one_wins(
    kind: str,
    request: pytest.FixtureRequest,
    candidate: Any,
    keys: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each has a registry of its own on one bucket, as two servers have. The loser is told why; the log is whole."""
    monkeypatch.setenv("ROADWORTHY_SINGLE_WRITER", "1")  # of no effect where conditions are honoured
    location = request.getfixturevalue(kind) + "/models"
    folders = [candidate(f"candidate{number}", seed=number, size=500_000) for number in range(2)]
    registry = open_registry(location)
    for version in ("1.0.0", "1.0.1"):
        said = at_once(location, folders, f"demo/x@{version}")
        assert said[0].startswith(f"lost demo/x@{version} exists")
        assert said[1] == f"won {registry.resolve(f'demo/x@{version}').commit}\n"
        assert audit(pull(registry, f"demo/x@{version}", keys=keys, to=tmp_path / version), keys).ok
    assert (log := audit_log(registry, keys)).ok, log.reasons
    assert [str(move.new) for move in registry.history("demo/x@latest")] == ["1.0.0", "1.0.1"]


@pytest.mark.slow
def test_a_killed_publisher_leaves_nothing_that_is_seen(bucket: str, candidate: Any, keys: Any, tmp_path: Path) -> None:
    """At three moments; whatever is seen is whole, and the next publish works."""
    dice = random.Random(3)
    folders = [candidate(f"candidate{number}", size=34_000_000 + number, seed=number) for number in range(2)]
    killed_within = 0
    for kill in range(3):
        registry = open_registry(f"{bucket}/{kill}")
        command = [sys.executable, "-c", ENDLESS, registry.location, *map(str, folders)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(dice.uniform(0, 1.2))
            process.kill()
        seen = registry.versions("demo", "x")
        for version in seen:
            assert audit(pull(registry, f"demo/x@{version}", keys=keys, to=tmp_path / f"{kill}-{version}"), keys).ok
        killed_within += len(seen) < 2
        publish(registry, folders[0], "demo/x@2.0.0", keys=keys)
        assert str(registry.resolve("demo/x").version) == "2.0.0"
        assert (log := audit_log(registry, keys)).ok, log.reasons
        for key in registry.store.list("blobs/"):
            with registry.store.open(key) as stream:
                assert layout.blob_key(hashlib.file_digest(stream, "sha256").hexdigest()) == key  # type: ignore[arg-type]
    assert killed_within > 0


def test_a_write_whose_answer_is_lost_is_known_again(
    moto: Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is repeated, and finds its own bytes there. Where somebody else's are, it is refused as ever."""
    state = "before"  # "sent", once a write has passed, and "cut", once its answer was thrown away

    def up(at: int, data: bytes) -> bytes:
        nonlocal state
        if state == "before" and data.startswith(b"PUT") and b"/key-" in data.partition(b"\n")[0]:
            state = "sent"
        return data

    def down(at: int, data: bytes) -> bytes:
        nonlocal state
        if state == "sent":
            state = "cut"
            return b""
        return data

    wire = Wire(int(moto.url.rpartition(":")[2]), up=up, down=down)
    threading.Thread(target=wire.run, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", wire.url)
    store = ObjectStore(bucket)
    store.create("before", b"")  # the server is tried out
    store.create("key-1", b"ours")
    assert state == "cut"
    with pytest.raises(ExistsError):
        store.create("key-1", b"ours")  # not repeated, so it is another's
    state = "before"
    with pytest.raises(ExistsError):
        store.create("key-1", b"another's")
    assert state == "cut"
    wire.listener.close()


def test_a_server_that_asks_for_patience_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of a second of "503 SlowDown", as Amazon answers to too many requests; one that never ends is told of."""
    began: list[float] = []
    busy = 0.7  # seconds: eight pauses last longer, of three hardly any

    class Busy(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            began.append(time.monotonic())
            taken = self.path.endswith("/probe")  # what is there already is refused, as S3 does
            self.send_response(503 if time.monotonic() - began[0] < busy else 412 if taken else 200)
            self.send_header("ETag", '"x"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *what: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Busy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for variable, value in s3_servers.variables(f"http://127.0.0.1:{server.server_port}").items():
            monkeypatch.setenv(variable, value)
        ObjectStore("s3://bucket").create("a", b"x")
        assert len(began) > 2
        began.clear()
        busy = 1000
        with pytest.raises(StorageError, match="503"):
            ObjectStore("s3://bucket").create("a", b"x")
        assert began[-1] - began[0] < 15
        server.shutdown()


@pytest.mark.parametrize("kind", ["bucket", "careless"])
def test_a_long_blob_is_held_against_its_key(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here too, since whoever else writes it meanwhile must write the same bytes. Nothing is left of a wrong one."""
    monkeypatch.setattr(object_store, "_WHOLE", 1_000_000)
    store = ObjectStore(request.getfixturevalue(kind), single_writer=True)
    data = random.Random(0).randbytes(20_000_000)  # of two parts
    key = layout.blob_key(hashlib.sha256(data).hexdigest())
    with pytest.raises(DamagedError, match="expected the bytes of that sha256"):
        store.create(key, Stream(data[:-1] + b"?"))
    with pytest.raises(StorageError, match="digest is wrong"):
        store.create(key, Failing(data))
    assert list(store.list("")) == []
    store.create(key, Stream(data))
    with pytest.raises(ExistsError):
        store.create(key, Stream(data))
    with store.open(key) as stream:
        assert stream.read() == data


@pytest.mark.parametrize("kind", ["bucket", "careless"])
def test_any_part_is_read_as_from_a_file(kind: str, request: pytest.FixtureRequest) -> None:
    """Jumps and reads at random, against the same ones in memory."""
    store = ObjectStore(request.getfixturevalue(kind), single_writer=True)
    dice = random.Random(1)
    data = dice.randbytes(21_000_001)
    store.create("a", data)
    expected = io.BytesIO(data)
    with store.open("a") as stream:
        assert stream.seekable()
        for _ in range(60):
            if dice.random() < 0.4:
                at = dice.choice([0, 1, len(data) - 1, len(data), len(data) + 7, dice.randrange(len(data))])
                assert stream.seek(at) == expected.seek(at)
            count = dice.choice([0, 1, 8, 4096, 1 << 20, 3_000_000])
            assert stream.read(count) == expected.read(count)
            assert stream.tell() == expected.tell()
        assert stream.seek(-5, io.SEEK_END) == len(data) - 5
        assert stream.read() == data[-5:]


def test_a_long_file_takes_little_memory(careless: str) -> None:
    """Less than itself: 250 MB. Ten gigabytes take as much: see benchmarks/object_store.py."""
    done = subprocess.run(
        [sys.executable, "-c", LONG, careless, "250000000"], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 200 * 1024


def test_a_signed_url_brings_one_key_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """rclone's server checks signatures; moto's does not."""
    with s3_servers.rclone(tmp_path, "--auth-key", "someone,secret") as server:
        (tmp_path / "bucket").mkdir()
        for variable, value in s3_servers.variables(server.url).items():
            monkeypatch.setenv(variable, value)
        store = ObjectStore("s3://bucket/x", single_writer=True)
        assert isinstance(store, Presigns)
        store.create("a", b"hello")
        url = store.presign("a", 60)
        with urllib.request.urlopen(url) as answer:
            assert answer.read() == b"hello"
        for wrong in (urllib.request.Request(url, data=b"x", method="PUT"), url.replace("/a?", "/b?")):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(wrong)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
        for ask in (lambda it: it.size("a"), lambda it: it.open("a"), lambda it: list(it.list(""))):
            with pytest.raises(StorageError, match=r"refuses these credentials.*AWS_ACCESS_KEY_ID") as refused:
                ask(ObjectStore("s3://bucket/x"))
            assert not isinstance(refused.value, NotFoundError)


def test_refusals_say_what_to_do_within_seconds(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No bucket, no answer, no TLS, no credentials, no name."""
    began = time.monotonic()
    with pytest.raises(StorageError, match=r"there is no bucket s3://not-there. Make it first"):
        ObjectStore("s3://not-there/x").open("a")
    with pytest.raises(StorageError, match=r"there is no bucket s3://not-there. Make it first"):
        list(ObjectStore("s3://not-there/x").list(""))
    with pytest.raises(StorageError, match=r"there is no bucket s3://not-there. Make it first"):
        ObjectStore("s3://not-there/x").create("a", b"")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "false")
    with pytest.raises(StorageError, match="set AWS_ALLOW_HTTP=true"):
        ObjectStore(bucket).open("a")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StorageError, match=r"does not answer.*AWS_ENDPOINT_URL"):
        ObjectStore(bucket).open("a")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(StorageError, match=r"no credentials for s3://.*AWS_ACCESS_KEY_ID"):
        ObjectStore(bucket).open("a")
    for location in ("s3://", "s3:///x", "s3://bucket/../x", "s3://bucket/a//b", "az://container"):
        with pytest.raises(InputError, match="cannot open"):
            open_registry(location)
    assert time.monotonic() - began < 15
