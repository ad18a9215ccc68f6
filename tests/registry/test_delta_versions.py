"""Versions whose weights are kept as a delta: published, pulled, audited, bundled and served as any other."""

import errno
import hashlib
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import httpx
import pytest

from roadworthy.model_cards.certificate import Start
from roadworthy.model_cards.snapshot import list_files
from roadworthy.registry import (
    Manifest,
    Registry,
    audit_log,
    audit_version,
    import_draft,
    open_bundle,
    open_registry,
    publish,
    pull,
    replicate,
    write_bundle,
)

from .server.conftest import Serve, serve

__all__ = ["serve"]
SIZE = 300_000


@pytest.fixture
def tuned(registry: Registry, candidate: Any, weights_of: Any, tmp_path: Path) -> Path:
    """A candidate, trained from the draft demo/base: every hundredth byte of its weights is another."""
    base, child = bytearray(weights_of(SIZE)), bytearray(weights_of(SIZE))
    child[-SIZE::100] = bytes(SIZE // 100)
    for name, data in (("base", base), ("child", child)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text('{"architecture": "none"}')
        (tmp_path / name / "model.safetensors").write_bytes(data)
    import_draft(registry, tmp_path / "base", "demo/base")
    start = Start(kind="checkpoint", weights_sha256=hashlib.sha256(base).hexdigest())
    return candidate("child", start=start)  # type: ignore[no-any-return]


@pytest.fixture
def child(registry: Registry, tuned: Path, keys: Any) -> Manifest:
    """It, as demo/x@1.0.0."""
    made = publish(registry, tuned, "demo/x@1.0.0", keys=keys).manifest
    (weights,) = (file for file in made.files if file.path == "model.safetensors")
    where = Path(registry.location)
    assert not (where / "blobs/sha256" / weights.sha256[:2] / weights.sha256).exists()
    assert (where / "deltas/sha256" / weights.sha256[:2] / weights.sha256).stat().st_size < SIZE // 5
    return made


def test_no_room_for_temporary_files_stops_no_publication(
    registry: Registry, tuned: Path, keys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version is there already, and whole."""
    full = Mock(side_effect=OSError(errno.ENOSPC, "No space left on device"))
    monkeypatch.setattr("roadworthy.registry.squeeze.tempfile.TemporaryFile", full)
    made = publish(registry, tuned, "demo/x@1.0.0", keys=keys).manifest
    assert full.called
    assert list_files(pull(registry, "demo/x", keys=keys, to=tmp_path / "plain")) == made.files


def test_it_is_pulled_and_audited(registry: Registry, child: Manifest, keys: Any, tmp_path: Path) -> None:
    """Into the cache and as plain files; with its log; and published again, it is told to be there."""
    assert list_files(pull(registry, "demo/x", keys=keys, to=tmp_path / "plain")) == child.files
    cached = pull(registry, "demo/x", keys=keys, cache=tmp_path / "cache")
    assert (cached / "model.safetensors").read_bytes() == (tmp_path / "child/model.safetensors").read_bytes()
    assert audit_version(registry, "demo/x@1.0.0", keys=keys).ok
    assert audit_log(registry, keys).ok


def test_the_same_weights_again_are_there(registry: Registry, child: Manifest, keys: Any, tmp_path: Path) -> None:
    """Under another name: no second copy is made."""
    before = {path for path in Path(registry.location).rglob("*/sha256/*/*")}
    import_draft(registry, tmp_path / "child", "demo/again")
    assert {path for path in Path(registry.location).rglob("*/sha256/*/*")} == before
    assert list_files(pull(registry, "demo/again@main", keys=(), to=tmp_path / "again")) == child.files


def test_a_bundle_carries_the_files(registry: Registry, child: Manifest, keys: Any, tmp_path: Path) -> None:
    """To where nobody has the base."""
    write_bundle(registry, "demo/x@1.0.0", tmp_path / "x.tar", keys=keys)
    there = open_registry(tmp_path / "there")
    replicate(open_bundle(tmp_path / "x.tar"), "demo/x@1.0.0", there, keys=keys)
    assert list_files(pull(there, "demo/x", keys=keys, to=tmp_path / "plain")) == child.files


def test_it_is_served(registry: Registry, child: Manifest, keys: Any, tmp_path: Path, serve: Serve) -> None:
    """To our own client, and to any that speaks the Hub's protocol, from the middle too."""
    url = serve().url
    assert list_files(pull(open_registry(url), "demo/x", keys=keys, to=tmp_path / "plain")) == child.files
    data = (tmp_path / "child/model.safetensors").read_bytes()
    place = f"{url}/demo/x/resolve/v1.0.0/model.safetensors"
    assert httpx.get(place).content == data
    assert httpx.get(place, headers={"Range": "bytes=200000-200099"}).content == data[200_000:200_100]
