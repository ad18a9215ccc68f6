"""Publishing: the gate, exclusive versions, and bytes that must not change under way."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from roadworthy.model_cards import audit
from roadworthy.model_cards.certificate import Parent
from roadworthy.model_cards.errors import CheckError, DamagedError, InputError
from roadworthy.registry import (
    MemoryStore,
    Registry,
    layout,
    publish,
    pull,
    signing_key,
    trusted_keys,
)

from .two_publishers import at_once

# Publishes a folder at the moment its standard input is closed; prints who won.


def test_a_certified_candidate_becomes_a_version(registry: Registry, candidate: Any, keys: Any) -> None:
    """Every file, the certificate included, and ``latest``."""
    folder = candidate(size=3_000_000)
    seen: list[tuple[int, int]] = []
    done = publish(registry, folder, "demo/x@1.0.0", keys=keys, progress=lambda *bytes_: seen.append(bytes_))
    assert str(done.reference) == "demo/x@1.0.0"
    assert done.moved == ("latest",)
    assert done.checks
    assert registry.resolve("demo/x") == registry.resolve("demo/x@v1.0.0") == done.manifest
    on_disk = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert {file.path: file.sha256 for file in done.manifest.files} == {
        path: hashlib.sha256(data).hexdigest() for path, data in on_disk.items()
    }
    assert seen[-1] == (done.manifest.total, sum(map(len, on_disk.values())))
    assert seen == sorted(seen)


def test_the_memory_store_is_a_real_backend(candidate: Any, keys: Any, tmp_path: Path) -> None:
    """The same road, without a disk."""
    registry = Registry(MemoryStore(), "memory:")
    publish(registry, candidate(), "demo/x@1.0.0", keys=keys)
    pulled = pull(registry, "demo/x", keys=keys, to=tmp_path / "pulled")
    assert audit(pulled, keys).ok


def test_a_version_never_changes(registry: Registry, candidate: Any, keys: Any) -> None:
    """A second publisher is told the next number, and the first one's bytes stay."""
    first = publish(registry, candidate("a"), "demo/x@1.0.0", keys=keys)
    with pytest.raises(CheckError, match=r"demo/x@1\.0\.0 exists; versions never change; publish demo/x@1\.0\.1"):
        publish(registry, candidate("b", seed=1), "demo/x@1.0.0", keys=keys)
    assert registry.resolve("demo/x@1.0.0") == first.manifest


def test_of_two_processes_that_publish_one_version_exactly_one_wins(
    registry: Registry, candidate: Any, keys: Any, tmp_path: Path
) -> None:
    """The loser is told why, and what was published is the winner's as a whole."""
    folders = [candidate(f"candidate{number}", seed=number, size=500_000) for number in range(2)]
    for version in ("1.0.0", "1.0.1", "1.0.2"):
        said = at_once(registry.location, folders, f"demo/x@{version}")
        assert said[0].startswith(f"lost demo/x@{version} exists")
        assert said[1] == f"won {registry.resolve(f'demo/x@{version}').commit}\n"
        assert audit(pull(registry, f"demo/x@{version}", keys=keys, to=tmp_path / version), keys).ok
    assert [str(move.new) for move in registry.history("demo/x@latest")] == ["1.0.0", "1.0.1", "1.0.2"]


def test_latest_is_the_highest_version_not_the_last_one(registry: Registry, candidate: Any, keys: Any) -> None:
    """A fix of an older line does not move it; another alias moves where it is told."""
    folder = candidate()
    publish(registry, folder, "demo/x@1.0.0", keys=keys)
    publish(registry, folder, "demo/x@2.0.0", keys=keys)
    done = publish(registry, folder, "demo/x@1.0.1", keys=keys, alias="production")
    assert done.moved == ("production",)
    assert registry.resolve("demo/x").version == "2.0.0"
    assert registry.resolve("demo/x@production").version == "1.0.1"


def test_one_flipped_byte_in_any_file_is_refused(registry: Registry, candidate: Any, keys: Any) -> None:
    """Each file of the candidate in turn; nothing is stored."""
    folder = candidate()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        data = path.read_bytes()
        middle = len(data) // 2
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :])
        with pytest.raises(CheckError, match="was not published") as caught:
            publish(registry, folder, "demo/x@1.0.0", keys=keys)
        assert caught.value.reasons
        path.write_bytes(data)
    assert list(registry.store.list("")) == []
    publish(registry, folder, "demo/x@1.0.0", keys=keys)


def test_an_edited_card_is_refused_with_its_reason(registry: Registry, candidate: Any, keys: Any) -> None:
    """The accuracy on it is not what was certified."""
    folder = candidate()
    card = folder / "README.md"
    card.write_text(card.read_text().replace("95.00 %", "99.00 %"))
    with pytest.raises(CheckError, match=r"README\.md was edited by hand in line \d+: the certificate says .*95\.00"):
        publish(registry, folder, "demo/x@1.0.0", keys=keys)


def test_a_missed_target_and_code_are_refused_together(registry: Registry, candidate: Any, keys: Any) -> None:
    """All reasons are given at once."""
    folder = candidate(right=10)
    (folder / "run.py").write_text("")
    with pytest.raises(CheckError, match=r"\(\d more below\)") as caught:
        publish(registry, folder, "demo/x@1.0.0", keys=keys)
    assert "run.py: expected" in caught.value.reasons[0]
    assert any("target was not met" in reason for reason in caught.value.reasons)
    assert registry.models() == ()


def test_a_draft_has_no_certificate_and_is_refused(registry: Registry, candidate: Any, keys: Any) -> None:
    """The gate is the only way to a version."""
    folder = candidate()
    (folder / "certificate.json").unlink()
    with pytest.raises(CheckError, match=r"no certificate\.json"):
        publish(registry, folder, "demo/x@1.0.0", keys=keys)


def test_a_strangers_certificate_is_refused(registry: Registry, candidate: Any, tmp_path: Path) -> None:
    """Unless the stranger's key is trusted."""
    folder = candidate()
    signing_key(tmp_path / "other")
    with pytest.raises(CheckError, match="not trusted"):
        publish(registry, folder, "demo/x@1.0.0", keys=trusted_keys(tmp_path / "other"))


def test_a_file_that_changes_between_audit_and_copy_is_caught(registry: Registry, candidate: Any, keys: Any) -> None:
    """By the digest of the bytes that were copied; nothing of the version is visible."""
    folder = candidate()

    def change(done: int, total: int) -> None:
        with (folder / "model.safetensors").open("r+b") as file:
            file.seek(-2, 2)
            file.write(b"ab")

    with pytest.raises(CheckError, match=r"model\.safetensors changed while it was being published"):
        publish(registry, folder, "demo/x@1.0.0", keys=keys, progress=change)
    assert registry.models() == ()


def test_a_version_does_not_come_to_rest_on_a_damaged_blob(registry: Registry, candidate: Any, keys: Any) -> None:
    """What is stored already is hashed when another version shares it."""
    folder = candidate()
    done = publish(registry, folder, "demo/x@1.0.0", keys=keys)
    weights = next(file for file in done.manifest.files if file.path == "model.safetensors")
    blob = Path(registry.location) / layout.blob_key(weights.sha256)
    blob.chmod(0o644)
    blob.write_bytes(b"\0" * weights.size)
    with pytest.raises(DamagedError, match="delete that blob"):
        publish(registry, folder, "demo/x@1.0.1", keys=keys)
    assert [str(version) for version in registry.versions("demo", "x")] == ["1.0.0"]
    blob.unlink()
    publish(registry, folder, "demo/x@1.0.1", keys=keys)
    pull(registry, "demo/x@1.0.0", keys=keys, to=folder.parent / "repaired")


def test_equal_files_are_stored_once(registry: Registry, candidate: Any, keys: Any) -> None:
    """Content addressed: a second version of the same files adds its manifest and a move."""
    folder = candidate()
    publish(registry, folder, "demo/x@1.0.0", keys=keys)
    blobs = list(registry.store.list("blobs/"))
    publish(registry, folder, "demo/x@1.1.0", keys=keys)
    assert list(registry.store.list("blobs/")) == blobs


def test_the_parent_is_the_one_that_the_certificate_means(registry: Registry, candidate: Any, keys: Any) -> None:
    """A parent of this registry has the stated certificate; one from elsewhere is not known here."""
    first = publish(registry, candidate("a"), "demo/x@1.0.0", keys=keys).manifest

    def parent(reference: str, certificate: str | None) -> Parent:
        return Parent(
            reference=reference,
            certificate_sha256=certificate,
            metric=None,
            comparison=None,
            not_compared="other labels",
        )

    wrong = parent("demo/x@1.0.0", "0" * 64)
    with pytest.raises(CheckError, match=r"the parent demo/x@1\.0\.0 is another here"):
        publish(registry, candidate("b", parent=wrong), "demo/x@1.1.0", keys=keys)
    right = parent("demo/x@1.0.0", first.certificate_sha256)
    done = publish(registry, candidate("c", parent=right), "demo/x@1.1.0", keys=keys)
    assert done.manifest.parent == "demo/x@1.0.0"
    elsewhere = parent("far/away@1.0.0", "0" * 64)
    publish(registry, candidate("d", parent=elsewhere), "demo/x@1.2.0", keys=keys)


@pytest.mark.parametrize("reference", ["demo/x", "demo/x@main", "demo/x@production"])
def test_only_a_version_can_be_published(registry: Registry, candidate: Any, keys: Any, reference: str) -> None:
    """An alias is moved, and a draft imported."""
    with pytest.raises(InputError, match=r"expected a version, such as demo/x@1\.0\.0"):
        publish(registry, candidate(), reference, keys=keys)


def test_a_publisher_killed_before_the_alias_moved_is_healed(registry: Registry, candidate: Any, keys: Any) -> None:
    """``latest`` means the highest version, and the next attempt moves the pointer."""
    folder = candidate()
    publish(registry, folder, "demo/x@1.0.0", keys=keys)
    registry.store.delete(layout.key("aliases", "demo", "x", "latest", 1))
    assert registry.resolve("demo/x").version == "1.0.0"
    with pytest.raises(CheckError, match="exists"):
        publish(registry, folder, "demo/x@1.0.0", keys=keys)
    assert [str(move.new) for move in registry.history("demo/x@latest")] == ["1.0.0"]
