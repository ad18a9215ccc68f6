"""`kill -9` at random moments of publish and pull: no part of a version is ever visible, and no temporary file grows.

A process is killed for certain while it works: it says when it begins, and it works without end.
Twelve kills by default; two hundred with ``-m slow``.
"""

import hashlib
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roadworthy.model_cards import audit
from roadworthy.registry import Registry, audit_log, import_draft, open_registry, publish, pull
from roadworthy.registry.fetch import FILES_AT_ONCE

SIZE = 1_500_000  # bytes of weights: large enough that many kills fall into their copying
LONGEST = 0.3  # seconds until the kill; some publishes and pulls fit into it

PUBLISH = """
import sys
from pathlib import Path
from roadworthy.registry import open_registry, publish, trusted_keys
registry, keys = open_registry(sys.argv[1]), trusted_keys()
first = len(registry.versions("demo", "x"))
print("ready", flush=True)
for number, folder in enumerate(sys.argv[2:]):
    publish(registry, Path(folder), f"demo/x@1.{first + number}.0", keys=keys)
while True:
    pass
"""

PULL = """
import itertools, sys
from pathlib import Path
from roadworthy.registry import open_registry, pull, trusted_keys
registry, keys = open_registry(sys.argv[1]), trusted_keys()
print("ready", flush=True)
for number in itertools.count():
    pull(registry, "demo/x", keys=keys, cache=Path(sys.argv[2], f"cache{number}"))
    pull(registry, "demo/x", keys=keys, to=Path(sys.argv[2], f"plain{number}"))
"""

rounds = pytest.mark.parametrize(
    "kills", [pytest.param(6, id="6 kills"), pytest.param(100, id="100 kills", marks=pytest.mark.slow)]
)


def _kill(dice: random.Random, code: str, *arguments: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(dice.uniform(0, LONGEST))
        assert process.poll() is None, "the process ended before it was killed"
        process.kill()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@rounds
def test_a_killed_publish_leaves_the_previous_state_or_the_new_one(
    kills: int, candidate: Any, keys: Any, tmp_path: Path
) -> None:
    """Every visible version pulls and audits; at most one temporary file is left, and none after the next write."""
    dice = random.Random(kills)
    folders = [candidate(f"candidate{number}", size=SIZE, seed=number) for number in range(6)]
    registry, published, left = open_registry(tmp_path / "registry0"), 0, 0
    for kill in range(kills):
        if len(registry.versions("demo", "x")) >= len(folders):
            registry = open_registry(tmp_path / f"registry{kill}")
        before = registry.versions("demo", "x")
        _kill(dice, PUBLISH, registry.location, *map(str, folders[len(before) :]))
        after = registry.versions("demo", "x")
        assert after[: len(before)] == before
        for version in after[len(before) :]:
            folder = pull(registry, f"demo/x@{version}", keys=keys, to=tmp_path / f"{kill}-{version}")
            assert audit(folder, keys).ok
        if after:
            assert registry.resolve("demo/x").version in [str(version) for version in after]
        assert (log := audit_log(registry, keys)).ok, log.reasons
        published += len(after) - len(before)
        temporary = Path(registry.location) / "tmp"
        leftovers = list(temporary.iterdir()) if temporary.exists() else []
        assert len(leftovers) <= 1
        left += len(leftovers)
        _write_something(registry, tmp_path)
        assert list(temporary.iterdir()) == []
        for blob in _files(Path(registry.location) / "blobs"):
            assert _sha256(blob) == blob.name
    assert published > 0
    assert left > 0 or kills < 50, "no kill fell into a write: the test looks away"


def _write_something(registry: Registry, tmp_path: Path) -> None:
    folder = tmp_path / "something"
    if not folder.exists():
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    import_draft(registry, folder, "demo/something")


@rounds
def test_a_killed_pull_leaves_only_whole_snapshots(
    kills: int, registry: Registry, candidate: Any, keys: Any, tmp_path: Path
) -> None:
    """What is visible is whole; the next pull ends what was begun and leaves nothing behind."""
    dice = random.Random(kills)
    made = publish(registry, candidate(size=SIZE), "demo/x@1.0.0", keys=keys).manifest
    expected = {file.path: file.sha256 for file in made.files}
    begun = whole = 0
    for kill in range(kills):
        where = tmp_path / f"kill{kill}"
        where.mkdir()
        _kill(dice, PULL, registry.location, str(where))
        for cache in where.glob("cache*"):
            room = cache / "models--demo--x"
            snapshots = list(room.glob("snapshots/*"))
            for folder in snapshots:
                assert {p.relative_to(folder).as_posix(): _sha256(p) for p in _files(folder)} == expected
            for ref in room.glob("refs/*"):
                assert (room / "snapshots" / ref.read_text()).is_dir()
            blobs = list(room.glob("blobs/*"))
            partial = [blob for blob in blobs if blob.suffix == ".incomplete"]
            assert len(partial) <= FILES_AT_ONCE
            assert all(_sha256(blob) == blob.name for blob in blobs if blob not in partial)
            begun, whole = begun + len(partial), whole + len(snapshots)
            pull(registry, "demo/x", keys=keys, cache=cache)
            assert not list(room.glob("blobs/*.incomplete"))
            assert sorted(path.name for path in room.iterdir()) == ["blobs", "refs", "snapshots"]
            assert len(list(room.glob("refs/*"))) == 3
        for folder in where.glob("plain*"):
            assert {p.relative_to(folder).as_posix(): _sha256(p) for p in _files(folder)} == expected
        staged = [path for path in where.iterdir() if path.name.endswith(".partial")]
        assert len(staged) <= 1
        for path in staged:
            begun += 1
            pull(registry, "demo/x", keys=keys, to=where / path.name.split(".")[1])
            assert not path.exists()
    assert whole > 0
    assert begun > 0 or kills < 50, "no kill fell into a copy: the test looks away"
