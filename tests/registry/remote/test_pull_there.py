"""Pulling from a server: resumed after it was killed, checked after the wire was tampered with, and nothing twice."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from roadworthy.model_cards.errors import DamagedError
from roadworthy.model_cards.snapshot import list_files
from roadworthy.registry import Manifest, Registry, open_registry, publish, pull
from roadworthy.registry.errors import UnreachableError

SERVER = """
import sys, uvicorn
from roadworthy.registry import open_registry
from roadworthy.registry.server.access import Access
from roadworthy.registry.server.app import app
served = app(open_registry(sys.argv[1]), Access(anonymous_read=True))
uvicorn.run(served, port=int(sys.argv[2]), log_config=None, ws="none", lifespan="off")
"""


def _serve(registry: Registry, port: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", SERVER, registry.location, str(port)])
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return process
        except OSError:
            assert process.poll() is None
            time.sleep(0.05)
    raise AssertionError("the server did not start")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.mark.parametrize("layout", ["cache", "to"])
def test_a_pull_whose_server_is_killed_goes_on_with_the_next_one(
    registry: Registry, candidate: Any, keys: Any, tmp_path: Path, impatient: None, wire: Any, layout: str
) -> None:
    """What came stays, is hashed again, and is not sent a second time."""
    size = 60_000_000
    made = publish(registry, candidate(size=size), "demo/x@1.0.0", keys=keys).manifest
    wire.port = _free_port()
    where: Any = {layout: tmp_path / "out"}
    first = _serve(registry, wire.port)

    def kill(done: int, _: int) -> None:
        if done > 20_000_000 and first.poll() is None:
            os.kill(first.pid, signal.SIGKILL)
            first.wait()

    with pytest.raises(UnreachableError, match="cannot reach"):
        pull(open_registry(wire.url), "demo/x", keys=keys, progress=kill, **where)
    visible = [path for path in tmp_path.glob("out/models--demo--x/snapshots/*")]
    assert visible == []
    assert layout == "cache" or not (tmp_path / "out").exists()
    left = max(path.stat().st_size for path in tmp_path.rglob("*") if "incomplete" in str(path) and path.is_file())
    assert 15_000_000 < left < size

    second = _serve(registry, wire.port)
    wire.came = 0
    try:
        folder = pull(open_registry(wire.url), "demo/x", keys=keys, **where)
    finally:
        second.kill()
        second.wait()
    assert list_files(folder) == made.files
    assert wire.came < made.total - left + 1_000_000
    assert [path for path in tmp_path.rglob("*") if "incomplete" in path.name or "partial" in path.name] == []


def test_a_flipped_byte_on_the_way_down_is_refused(
    served: Any, wire: Any, registry: Registry, candidate: Any, keys: Any, tmp_path: Path
) -> None:
    """In a range of a large file; nothing is visible, and nothing is kept."""
    publish(registry, candidate(size=20_000_000), "demo/x@1.0.0", keys=keys)

    def flip(at: int, data: bytes) -> bytes:
        if at <= 3_000_000 < at + len(data):
            spot = 3_000_000 - at
            return data[:spot] + bytes([data[spot] ^ 1]) + data[spot + 1 :]
        return data

    wire.down = flip
    places: tuple[Any, ...] = ({"cache": tmp_path / "hub"}, {"to": tmp_path / "plain"})
    for where in places:
        there = served.remote("read", url=wire.url)  # with connections of its own, each of which is tampered with once
        with pytest.raises(DamagedError, match=r"model\.safetensors of demo/x@1\.0\.0 is damaged: expected sha256"):
            pull(there, "demo/x", keys=keys, **where)
    assert not (tmp_path / "plain").exists()
    assert list(tmp_path.glob("hub/models--demo--x/snapshots/*")) == []
    assert [path for path in tmp_path.rglob("*") if "incomplete" in str(path) and path.is_file()] == []


def test_a_wire_that_breaks_again_and_again_only_costs_time(
    served: Any, wire: Any, registry: Registry, candidate: Any, keys: Any, tmp_path: Path, impatient: None
) -> None:
    """Every connection is cut after three megabytes."""
    made = publish(registry, candidate(size=20_000_000), "demo/x@1.0.0", keys=keys).manifest
    wire.down = lambda at, data: data if at < 3_000_000 else b""
    folder = pull(served.remote("read", url=wire.url), "demo/x", keys=keys, to=tmp_path / "plain")
    assert list_files(folder) == made.files


def test_who_reads_one_namespace_pulls_from_it(served: Any, version: Manifest, keys: Any, tmp_path: Path) -> None:
    """With everything that a pull looks at: alias, manifest, certificate, log."""
    seen: list[tuple[int, int]] = []
    there = served.remote("read", "demo")
    folder = pull(there, "demo/x", keys=keys, cache=tmp_path / "hub", progress=lambda *b: seen.append(b))
    assert list_files(folder) == version.files
    assert seen[-1] == (version.total, version.total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
