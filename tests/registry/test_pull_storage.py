"""Pulling to a disk that cannot take it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from roadworthy.model_cards.errors import StorageError
from roadworthy.registry import Manifest, Registry, pull

PULL = """
import resource, sys
from pathlib import Path
from roadworthy.model_cards.errors import StorageError
from roadworthy.registry import open_registry, pull, trusted_keys
keys = trusted_keys()
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
for where in ({"cache": Path(sys.argv[2])}, {"to": Path(sys.argv[2], "plain")}):
    try:
        pull(open_registry(sys.argv[1]), "demo/x", keys=keys, **where)
    except StorageError as error:
        print(error)
"""


def test_a_full_disk_leaves_nothing_visible(registry: Registry, version: Manifest, tmp_path: Path) -> None:
    """A limit on the size of files stands for it; the message says what was needed."""
    where = tmp_path / "full"
    done = subprocess.run(
        [sys.executable, "-c", PULL, registry.location, str(where)], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("no space left for 2,500,0") == 2
    assert not (where / "plain").exists()
    assert not (where / "models--demo--x/snapshots").exists()
    assert [path for path in where.rglob("*") if "incomplete" in path.name or "partial" in path.name] == []


def test_a_cache_that_cannot_be_made_is_an_error(
    registry: Registry, version: Manifest, keys: Any, tmp_path: Path
) -> None:
    """A file where a folder is needed."""
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match="cannot write"):
        pull(registry, "demo/x", keys=keys, cache=tmp_path / "file")
    with pytest.raises(StorageError, match="cannot write"):
        pull(registry, "demo/x", keys=keys, to=tmp_path / "file/plain")
    assert (tmp_path / "file").read_text() == "mine"
