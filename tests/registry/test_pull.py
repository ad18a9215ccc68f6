"""Pulling: every byte is checked, nothing damaged is ever visible, and a killed pull goes on."""

import hashlib
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from roadworthy.model_cards import audit
from roadworthy.model_cards.errors import CheckError, DamagedError
from roadworthy.registry import Manifest, Registry, layout, manifest, publish, pull, signing_key, trusted_keys


def _blob(registry: Registry, made: Manifest, path: str) -> Path:
    file = next(file for file in made.files if file.path == path)
    return Path(registry.location) / layout.blob_key(file.sha256)


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)


def _tree(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _expected(made: Manifest) -> dict[str, str]:
    return {file.path: file.sha256 for file in made.files}


def test_a_pull_lands_in_the_hub_cache(registry: Registry, version: Manifest, keys: Any, tmp_path: Path) -> None:
    """Links to blobs by digest, and refs by tag, alias and default branch; nothing else is left."""
    seen: list[tuple[int, int]] = []
    snapshot = pull(registry, "demo/x", keys=keys, cache=tmp_path / "hub", progress=lambda *b: seen.append(b))
    room = tmp_path / "hub/models--demo--x"
    assert snapshot == room / "snapshots" / version.commit
    assert _tree(snapshot) == _expected(version)
    assert audit(snapshot, keys).ok
    assert os.readlink(snapshot / "log/events.log").startswith("../../../blobs/")
    assert {ref.name: ref.read_text() for ref in (room / "refs").iterdir()} == dict.fromkeys(
        ("v1.0.0", "latest", "main"), version.commit
    )
    assert sorted(path.name for path in room.iterdir()) == ["blobs", "refs", "snapshots"]
    assert seen[-1] == (version.total, version.total)


def test_the_standard_cache_is_the_default(
    registry: Registry, version: Manifest, keys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that Hub clients use on this machine."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "standard"))
    assert pull(registry, "demo/x@1.0.0", keys=keys).is_relative_to(tmp_path / "standard")
    assert [ref.name for ref in (tmp_path / "standard/models--demo--x/refs").iterdir()] == ["v1.0.0"]


def test_a_flipped_bit_in_each_stored_file_in_turn_is_caught(
    registry: Registry, version: Manifest, keys: Any, tmp_path: Path
) -> None:
    """First, last and middle bit of every blob and of the manifest; nothing is visible, in either layout."""
    root = Path(registry.location)
    damaged = [_blob(registry, version, file.path) for file in version.files]
    damaged.append(root / layout.key("versions", "demo", "x", "1.0.0"))
    assert len(damaged) > 8
    for path in damaged:
        size = path.stat().st_size
        for at in {0, size // 2, size - 1}:
            _flip(path, at)
            with pytest.raises(DamagedError, match=r"demo/x@1\.0\.0"):
                pull(registry, "demo/x@1.0.0", keys=keys, cache=tmp_path / "hub")
            with pytest.raises(DamagedError, match=r"demo/x@1\.0\.0"):
                pull(registry, "demo/x@1.0.0", keys=keys, to=tmp_path / "plain")
            _flip(path, at)
            assert not (tmp_path / "hub/models--demo--x/snapshots").exists()
            assert not (tmp_path / "hub/models--demo--x/refs").exists()
            assert [path.name for path in tmp_path.iterdir() if "plain" in path.name] == []
            assert list((tmp_path / "hub").rglob("*.incomplete")) == []
            # Files that were right are kept, and would be taken from there.
            shutil.rmtree(tmp_path / "hub", ignore_errors=True)
    assert _tree(pull(registry, "demo/x@1.0.0", keys=keys, to=tmp_path / "plain")) == _expected(version)


def test_damage_is_told_with_both_digests(registry: Registry, version: Manifest, keys: Any, tmp_path: Path) -> None:
    """And the file and the reference."""
    blob = _blob(registry, version, "model.safetensors")
    _flip(blob, -1)
    found = hashlib.sha256(blob.read_bytes()).hexdigest()
    message = rf"model\.safetensors of demo/x@1\.0\.0 is damaged: expected sha256 {blob.name}, found {found}"
    with pytest.raises(DamagedError, match=message):
        pull(registry, "demo/x", keys=keys, cache=tmp_path)


@pytest.mark.parametrize("change", ["cut", "grown", "gone", "empty"])
def test_a_blob_of_another_length_is_caught(
    registry: Registry, version: Manifest, keys: Any, tmp_path: Path, change: str
) -> None:
    """Cut short, grown, removed or emptied."""
    blob = _blob(registry, version, "model.safetensors")
    data = blob.read_bytes()
    blob.unlink()
    if change != "gone":
        blob.write_bytes({"cut": data[:-1], "grown": data + b"x", "empty": b""}[change])
    with pytest.raises(DamagedError, match=r"model\.safetensors of demo/x@1\.0\.0 is (damaged|missing)"):
        pull(registry, "demo/x", keys=keys, to=tmp_path / "plain")


def test_a_manifest_that_points_elsewhere_is_not_what_was_signed(
    registry: Registry, version: Manifest, candidate: Any, keys: Any, tmp_path: Path
) -> None:
    """Somebody who can write the registry cannot exchange weights under a certificate."""
    other = publish(registry, candidate("other", seed=9), "demo/y@1.0.0", keys=keys).manifest
    weights = next(file for file in other.files if file.path == "model.safetensors")
    files = tuple(weights if file.path == weights.path else file for file in version.files)
    path = Path(registry.location) / layout.key("versions", "demo", "x", "1.0.0")
    path.unlink()
    forged = Manifest(
        namespace="demo",
        name="x",
        version="1.0.0",
        files=files,
        created=version.created,
        certificate_sha256=version.certificate_sha256,
    )
    path.write_bytes(manifest.dump(forged))
    with pytest.raises(CheckError, match=r"does not cover these files as they are stored: model\.safetensors"):
        pull(registry, "demo/x", keys=keys, cache=tmp_path)
    assert list(tmp_path.glob("models--*")) == []


def test_a_version_of_a_stranger_is_not_pulled(registry: Registry, version: Manifest, tmp_path: Path) -> None:
    """Until its key is trusted."""
    signing_key(tmp_path / "other")
    with pytest.raises(CheckError, match="not trusted"):
        pull(registry, "demo/x", keys=trusted_keys(tmp_path / "other"), cache=tmp_path / "hub")
    assert not (tmp_path / "hub").exists()


def test_a_killed_pull_resumes_with_its_prefix_checked(
    registry: Registry, version: Manifest, keys: Any, tmp_path: Path
) -> None:
    """What is there already is not copied again; its bytes are hashed all the same."""
    blob = _blob(registry, version, "model.safetensors")
    blobs = tmp_path / "models--demo--x/blobs"
    blobs.mkdir(parents=True)
    partial = blobs / f"{blob.name}.incomplete"
    partial.write_bytes(blob.read_bytes()[:1_500_000])
    inode = partial.stat().st_ino
    snapshot = pull(registry, "demo/x", keys=keys, cache=tmp_path)
    assert (blobs / blob.name).stat().st_ino == inode
    assert _tree(snapshot) == _expected(version)


@pytest.mark.parametrize("length", [1_500_000, 3_000_000])
def test_a_damaged_prefix_is_fetched_anew(
    registry: Registry, version: Manifest, keys: Any, tmp_path: Path, length: int
) -> None:
    """Wrong bytes, fewer or more than the whole file, as a power cut may leave them."""
    blobs = tmp_path / "models--demo--x/blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{_blob(registry, version, 'model.safetensors').name}.incomplete").write_bytes(b"\0" * length)
    seen: list[tuple[int, int]] = []
    snapshot = pull(registry, "demo/x", keys=keys, cache=tmp_path, progress=lambda *b: seen.append(b))
    assert _tree(snapshot) == _expected(version)
    assert seen[-1] == (version.total, version.total)


def test_what_is_damaged_in_the_cache_is_fetched_anew(
    registry: Registry, version: Manifest, keys: Any, tmp_path: Path
) -> None:
    """Each blob in turn, a link that leads elsewhere, and a file that is missing."""
    snapshot = pull(registry, "demo/x", keys=keys, cache=tmp_path)
    for file in version.files:
        _flip(tmp_path / "models--demo--x/blobs" / file.sha256, -1)
        assert pull(registry, "demo/x", keys=keys, cache=tmp_path) == snapshot
        assert _tree(snapshot) == _expected(version)
    (snapshot / "config.json").unlink()
    (snapshot / "README.md").unlink()
    (snapshot / "README.md").symlink_to("/etc/hostname")
    pull(registry, "demo/x", keys=keys, cache=tmp_path)
    assert _tree(snapshot) == _expected(version)


def test_a_foreign_file_in_a_cached_snapshot_is_told_and_kept(
    registry: Registry, version: Manifest, keys: Any, tmp_path: Path
) -> None:
    """It is not part of what was certified, and it may be somebody's work."""
    snapshot = pull(registry, "demo/x", keys=keys, cache=tmp_path)
    (snapshot / "modeling.py").write_text("mine")
    with pytest.raises(DamagedError, match=r"holds files that are not part of demo/x@1\.0\.0: modeling\.py"):
        pull(registry, "demo/x", keys=keys, cache=tmp_path)
    assert (snapshot / "modeling.py").read_text() == "mine"


def test_copies_take_the_place_of_links_where_there_are_none(
    registry: Registry, version: Manifest, keys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on file systems without them; a damaged copy is repaired."""

    def refuse(self: Path, target: object, target_is_directory: bool = False) -> None:
        raise OSError("links are not supported")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    snapshot = pull(registry, "demo/x", keys=keys, cache=tmp_path)
    assert not any(path.is_symlink() for path in snapshot.rglob("*"))
    _flip(snapshot / "README.md", 3)
    pull(registry, "demo/x", keys=keys, cache=tmp_path)
    assert _tree(snapshot) == _expected(version)


def test_pulls_of_one_version_at_once_all_succeed(
    registry: Registry, version: Manifest, keys: Any, tmp_path: Path
) -> None:
    """Into one cache and into one folder."""
    done: list[Path] = []
    threads = [
        threading.Thread(target=lambda where: done.append(pull(registry, "demo/x", keys=keys, **where)), args=(where,))
        for where in 3 * [{"cache": tmp_path / "hub"}, {"to": tmp_path / "plain"}]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 6
    for snapshot in set(done):
        assert _tree(snapshot) == _expected(version)
