"""A version in one file: the same bytes there and back, whatever happens to the file on its way."""

import dataclasses
import io
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from roadworthy.model_cards.errors import CheckError, DamagedError, InputError, NotFoundError, StorageError
from roadworthy.registry import (
    Manifest,
    Registry,
    attest,
    attestations,
    distrust_key,
    home,
    import_draft,
    open_bundle,
    open_registry,
    publish,
    pull,
    replicate,
    signing_key,
    trust_key,
    trusted_keys,
    write_bundle,
)
from roadworthy.registry.manifest import dump

from .second_party import measured


@pytest.fixture
def file(registry: Registry, version: Manifest, keys: Any, tmp_path: Path) -> Path:
    """The version demo/x@1.0.0 in a bundle."""
    write_bundle(registry, "demo/x", tmp_path / "x.tar", keys=keys)
    return tmp_path / "x.tar"


@pytest.fixture
def island(tmp_path: Path) -> Registry:
    """A registry that no network reaches."""
    return open_registry(tmp_path / "island")


def rewritten(file: Path, change: Callable[[tarfile.TarInfo, bytes], tuple[tarfile.TarInfo, bytes] | None]) -> Path:
    """A bundle with members changed or left out by somebody on the way."""
    to = file.with_name("changed.tar")
    with tarfile.open(file) as old, tarfile.open(to, "w", format=tarfile.GNU_FORMAT) as new:
        for member in old:
            opened = old.extractfile(member)
            assert opened is not None
            if (made := change(member, opened.read())) is not None:
                info, data = made
                info.size = len(data)
                new.addfile(info, io.BytesIO(data))
    return to


def test_there_and_back(registry: Registry, version: Manifest, file: Path, island: Registry, keys: Any) -> None:
    """The same manifest, commit and files; a second import changes nothing."""
    assert open_bundle(file).resolve("demo/x@1.0.0") == version
    done = replicate(open_bundle(file), "demo/x@1.0.0", island, keys=keys)
    assert (done.manifest, done.was_there, done.left_out) == (version, False, ())
    assert island.resolve("demo/x").commit == version.commit
    for entry in version.files:
        assert island.read(entry, version.reference) == registry.read(entry, version.reference)
    before = list(island.store.list(""))
    assert replicate(open_bundle(file), "demo/x@1.0.0", island, keys=keys).was_there
    assert list(island.store.list("")) == before


def test_equal_versions_give_equal_bytes(registry: Registry, file: Path, keys: Any, tmp_path: Path) -> None:
    """And any tar lists them: plain files, by their keys."""
    write_bundle(registry, "demo/x@1.0.0", tmp_path / "again.tar", keys=keys)
    assert (tmp_path / "again.tar").read_bytes() == file.read_bytes()
    listed = subprocess.run(["tar", "-tf", file], capture_output=True, text=True, check=True).stdout.split()
    assert listed == sorted(listed[:-1]) + listed[-1:] or listed[-1] == "versions/demo/x/1.0.0.json"
    assert set(listed) == set(open_bundle(file).store.list(""))


@pytest.mark.slow
def test_a_flipped_byte_is_found(file: Path, island: Registry, keys: Any) -> None:
    """Wherever it is; nothing of the version is visible then."""
    content = file.read_bytes()
    for at in range(0, len(content), 6007):
        file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        try:
            source = open_bundle(file)
            replicate(source, "demo/x@1.0.0", island, keys=keys)
        except (DamagedError, CheckError, NotFoundError, InputError):
            assert island.models() == ()
        else:  # in the padding between two members, which is nobody's
            assert island.resolve("demo/x@1.0.0").commit
            island = open_registry(file.parent / f"island-{at}")


@pytest.mark.parametrize("left", [0.0, 0.3, 0.9])
def test_a_truncated_file_is_found(file: Path, left: float) -> None:
    """Before anything is read of it."""
    content = file.read_bytes()
    file.write_bytes(content[: int(left * len(content))])
    with pytest.raises(DamagedError, match="is not a whole bundle"):
        open_bundle(file)


def test_a_file_that_was_exchanged_is_found(file: Path, island: Registry, keys: Any) -> None:
    """Other weights under the key of the certified ones."""

    def exchange(info: tarfile.TarInfo, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
        return info, data[:-1] + b"!" if len(data) > 4096 and info.name.startswith("blobs/") else data

    changed = rewritten(file, exchange)
    with pytest.raises(DamagedError, match="expected sha256"):
        replicate(open_bundle(changed), "demo/x@1.0.0", island, keys=keys)
    assert island.models() == ()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../outside", tarfile.REGTYPE),
        ("/etc/outside", tarfile.REGTYPE),
        ("blobs/../../outside", tarfile.REGTYPE),
        ("a\\b", tarfile.REGTYPE),
        ("link", tarfile.SYMTYPE),
        ("link", tarfile.LNKTYPE),
        ("device", tarfile.CHRTYPE),
        ("folder", tarfile.DIRTYPE),
        ("sparse", tarfile.GNUTYPE_SPARSE),
        ("header", tarfile.XHDTYPE),
    ],
)
def test_members_that_are_no_plain_files_are_refused(file: Path, name: str, kind: bytes) -> None:
    """Names that lead out of a folder, links, devices, sparse files, and headers that say what others are."""
    content = file.read_bytes()
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
    file.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + content)
    with pytest.raises(DamagedError, match="is not a whole bundle"):
        open_bundle(file)


def test_a_name_twice_is_refused(file: Path) -> None:
    """Readers differ in which of two they take."""
    info = tarfile.TarInfo("versions/demo/x/1.0.0.json")
    file.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + file.read_bytes())
    with pytest.raises(DamagedError, match="each name once"):
        open_bundle(file)


def test_a_size_that_the_file_does_not_have_is_refused(file: Path) -> None:
    """No memory is asked for on the word of a header."""
    info = tarfile.TarInfo("blobs/large")
    info.size = 1 << 62
    file.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + file.read_bytes())
    with pytest.raises(DamagedError, match="is not a whole bundle"):
        open_bundle(file)


def test_the_gate_and_the_policy_are_asked(file: Path, island: Registry, keys: Any, tmp_path: Path) -> None:
    """An import is a publication: a stranger's signature, or a policy that is not met, refuses it."""
    stranger = signing_key(tmp_path / "stranger").public_key
    with pytest.raises(CheckError):
        replicate(open_bundle(file), "demo/x@1.0.0", island, keys=[stranger])
    (home() / "policy.toml").write_text('schema = "roadworthy/policy/1"\n[[rule]]\nnamespace = "demo"\nmin_n = 101\n')
    with pytest.raises(CheckError, match="measured on 100 examples"):
        replicate(open_bundle(file), "demo/x@1.0.0", island, keys=keys)
    assert island.models() == ()


def test_another_version_of_that_name_stays(file: Path, island: Registry, candidate: Any, keys: Any) -> None:
    """Versions never change."""
    kept = publish(island, candidate("other", seed=5), "demo/x@1.0.0", keys=keys).manifest
    with pytest.raises(CheckError, match=r"is in .* already, and it is another"):
        replicate(open_bundle(file), "demo/x@1.0.0", island, keys=keys)
    assert island.resolve("demo/x@1.0.0") == kept


def test_latest_moves_to_the_highest_only(registry: Registry, file: Path, candidate: Any, keys: Any) -> None:
    """An older version that is imported late does not take its place."""
    island = open_registry(file.parent / "newer")
    publish(island, candidate("newer", seed=6), "demo/x@2.0.0", keys=keys)
    replicate(open_bundle(file), "demo/x@1.0.0", island, keys=keys)
    assert str(island.resolve("demo/x").version) == "2.0.0"


def test_drafts_existing_files_and_bundles_are_not_written(
    registry: Registry, file: Path, candidate: Any, keys: Any, tmp_path: Path
) -> None:
    """Each with its reason; what was there is as it was."""
    content = file.read_bytes()
    with pytest.raises(InputError, match="is there already and is not overwritten"):
        write_bundle(registry, "demo/x@1.0.0", file, keys=keys)
    assert file.read_bytes() == content
    folder = candidate("draft")
    (folder / "certificate.json").unlink()
    import_draft(registry, folder, "demo/base")
    with pytest.raises(InputError, match="is an uncertified draft"):
        write_bundle(registry, "demo/base@main", tmp_path / "base.tar", keys=keys)
    with pytest.raises(InputError, match="only read"):
        import_draft(open_bundle(file), folder, "demo/base")
    with pytest.raises(StorageError, match="cannot write"):
        write_bundle(registry, "demo/x@1.0.0", tmp_path / "nowhere" / "x.tar", keys=keys)
    assert sorted(path.name for path in tmp_path.glob("*.tar*")) == ["x.tar"]


def test_a_damaged_blob_makes_no_bundle(registry: Registry, version: Manifest, keys: Any, tmp_path: Path) -> None:
    """It is found while it is written, and nothing is left behind."""
    weights = next(entry for entry in version.files if entry.path == "model.safetensors")
    blob = Path(registry.location) / "blobs" / "sha256" / weights.sha256[:2] / weights.sha256
    content = bytearray(blob.read_bytes())
    content[-1] ^= 1
    blob.chmod(0o644)
    blob.write_bytes(content)
    with pytest.raises(DamagedError, match=r"model\.safetensors of demo/x@1\.0\.0 is damaged"):
        write_bundle(registry, "demo/x", tmp_path / "x.tar", keys=keys)
    assert not list(tmp_path.glob("*x.tar*"))


def test_a_kill_leaves_no_bundle(registry: Registry, version: Manifest, tmp_path: Path) -> None:
    """Only its partial file, which the next attempt overwrites."""
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom roadworthy.registry import *\n"
        "def kill(done, total): os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_bundle(open_registry(sys.argv[1]), 'demo/x', Path(sys.argv[2]), keys=trusted_keys(), progress=kill)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, registry.location, tmp_path / "x.tar"], env=os.environ, check=False
    )
    assert done.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.glob("*x.tar*")] == [".x.tar.partial"]


def test_what_second_parties_measured_comes_along(
    registry: Registry, version: Manifest, island: Registry, tmp_path: Path
) -> None:
    """Where their key counts; where it does not, it is told and left out, and the version comes all the same."""
    bob = signing_key(tmp_path / "bob")
    trust_key(tmp_path / "bob/keys/ed25519.pub", name="bob")
    folder = pull(registry, "demo/x", keys=trusted_keys(), to=tmp_path / "pulled")
    attest(registry, "demo/x", *measured(folder, bob), trusted_keys())
    write_bundle(registry, "demo/x", tmp_path / "x.tar", keys=trusted_keys())
    done = replicate(open_bundle(tmp_path / "x.tar"), "demo/x@1.0.0", island, keys=trusted_keys())
    assert (done.attestations, done.left_out) == (1, ())
    assert [one.attestation for one in attestations(island, "demo/x", trusted_keys())] == [
        one.attestation for one in attestations(registry, "demo/x", trusted_keys())
    ]
    assert replicate(open_bundle(tmp_path / "x.tar"), "demo/x@1.0.0", island, keys=trusted_keys()).attestations == 0
    distrust_key("bob", reason="left")
    elsewhere = open_registry(tmp_path / "elsewhere")
    done = replicate(open_bundle(tmp_path / "x.tar"), "demo/x@1.0.0", elsewhere, keys=trusted_keys())
    assert done.attestations == 0
    assert len(done.left_out) == 1


@pytest.mark.parametrize("change", [{"parent": "demo/famous@9.0.0"}, {"note": {"claim": "99.9 %"}}])
def test_a_manifest_that_says_more_than_the_certificate_is_refused(
    version: Manifest, file: Path, island: Registry, keys: Any, change: dict[str, Any]
) -> None:
    """With its digest right: a manifest is sealed, not signed, and what it says beside the files is shown."""
    forged = dump(dataclasses.replace(version, **change))

    def exchange(info: tarfile.TarInfo, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
        return info, forged if info.name.startswith("versions/") else data

    changed = rewritten(file, exchange)
    assert open_bundle(changed).resolve("demo/x@1.0.0").files == version.files
    with pytest.raises(CheckError, match="is not its publisher's: expected the parent None and no note"):
        replicate(open_bundle(changed), "demo/x@1.0.0", island, keys=keys)
    assert island.models() == ()
