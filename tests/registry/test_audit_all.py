"""Auditing versions where they lie, one by one and all at once: nothing is fetched, and damage hides nothing."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards.errors import NotFoundError
from roadworthy.registry import (
    MemoryStore,
    Policy,
    Registry,
    Rule,
    audit_registry,
    audit_version,
    home,
    import_draft,
    layout,
    publish,
)

Keys = tuple[Key, ...]


@pytest.fixture
def two_models(registry: Registry, candidate: Any, keys: Keys) -> Registry:
    """demo/x at 1.0.0 and 1.1.0, demo/y at 1.0.0, and a draft."""
    one, other = candidate("one", seed=1), candidate("other", seed=2)
    for folder, reference in ((one, "demo/x@1.0.0"), (one, "demo/x@1.1.0"), (other, "demo/y@1.0.0")):
        publish(registry, folder, reference, keys=keys)
    draft = home() / "draft"
    draft.mkdir()
    (draft / "config.json").write_text('{"architecture": "none"}')
    (draft / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    import_draft(registry, draft, "demo/z")
    return registry


def damage(registry: Registry, reference: str, path: str) -> None:
    """Flips a byte of a stored file."""
    sha256 = next(file.sha256 for file in registry.resolve(reference).files if file.path == path)
    blob = Path(registry.location) / layout.blob_key(sha256)
    data = bytearray(blob.read_bytes())
    data[-1] ^= 1
    blob.chmod(0o644)
    blob.write_bytes(data)


def test_a_version_is_audited_where_it_lies(two_models: Registry, keys: Keys) -> None:
    """All that a folder's audit checks, and its entry in the log; by alias too."""
    done = audit_version(two_models, "demo/x", keys=keys)
    assert done.ok, done.reasons
    assert done.reference == "demo/x@1.1.0"
    assert done.audit is not None
    assert set(done.audit.checks) < set(done.checks)
    signer = keys[0].keyid[:16]
    assert f"announced in log entry 3 of 7, signed by {signer}" in done.checks


def test_nothing_is_left_and_nothing_is_fetched(
    two_models: Registry, keys: Keys, tmp_path: Path, monkeypatch: Any
) -> None:
    """Not the weights, not a folder."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = sorted(tmp_path.iterdir())
    assert audit_version(two_models, "demo/x@1.0.0", keys=keys).ok
    assert sorted(tmp_path.iterdir()) == before


def test_a_registry_in_memory_is_audited_the_same(candidate: Any, keys: Keys) -> None:
    """There are no files to link to."""
    registry = Registry(MemoryStore(), "memory:")
    publish(registry, candidate(), "demo/x@1.0.0", keys=keys)
    done = audit_version(registry, "demo/x@1.0.0", keys=keys)
    assert done.ok, done.reasons
    assert any("recomputed from 100 rows of evidence" in check for check in done.checks)


@pytest.mark.parametrize("path", ["model.safetensors", "evidence/test.jsonl", "certificate.json", "README.md"])
def test_a_damaged_blob_is_told_by_name(two_models: Registry, keys: Keys, path: str) -> None:
    """Expected digest, found digest."""
    damage(two_models, "demo/x@1.0.0", path)
    done = audit_version(two_models, "demo/x@1.0.0", keys=keys)
    (reason,) = done.reasons
    assert reason.startswith(f"{path} of demo/x@1.0.0 is damaged: ")
    assert "expected sha256" in done.reasons[0]


def test_who_is_not_there_is_an_error(two_models: Registry, keys: Keys) -> None:
    """Not a no."""
    with pytest.raises(NotFoundError):
        audit_version(two_models, "demo/x@9.0.0", keys=keys)


def test_a_draft_proves_nothing(two_models: Registry, keys: Keys) -> None:
    """And says how to change that."""
    assert "this snapshot is a draft" in audit_version(two_models, "demo/z@main", keys=keys).reasons[0]


def test_a_stranger_is_not_believed(two_models: Registry, candidate: Any) -> None:
    """Whoever trusts another key."""
    stranger = CryptoSigner.generate_ed25519().public_key
    done = audit_version(two_models, "demo/x@1.0.0", keys=(stranger,))
    assert "a key you have not trusted" in done.reasons[0]


@pytest.mark.parametrize(("least", "ok"), [(100, True), (101, False)])
def test_the_policy_in_force_is_asked(two_models: Registry, keys: Keys, least: int, ok: bool) -> None:
    """The home's, without being named; or another."""
    text = f'schema = "roadworthy/policy/1"\n[[rule]]\nnamespace = "demo"\nmin_n = {least}\n'
    (home() / "policy.toml").write_text(text)
    done = audit_version(two_models, "demo/x@1.0.0", keys=keys)
    assert done.ok is ok
    told = done.checks if ok else done.reasons
    assert any("the policy" in line and "met" in line for line in told)
    rules = Policy(rules=(Rule(namespace="*"),), source="given")
    assert audit_version(two_models, "demo/x@1.0.0", keys=keys, policy=rules).ok


def test_a_whole_registry_holds(two_models: Registry, keys: Keys) -> None:
    """Every version once, in order; drafts are none."""
    said: list[tuple[str, int, int]] = []
    log, outcomes = audit_registry(two_models, keys=keys, progress=lambda *what: said.append(what))
    assert log.ok
    done = list(outcomes)
    assert [(one.reference, one.ok) for one in done] == [
        ("demo/x@1.0.0", True),
        ("demo/x@1.1.0", True),
        ("demo/y@1.0.0", True),
    ]
    assert said[-1] == ("versions audited", 3, 3)
    assert ("versions audited", 1, 3) in said


def test_one_damaged_version_hides_no_other(two_models: Registry, keys: Keys) -> None:
    """A blob that two share is told for both; a manifest that is none, for itself."""
    damage(two_models, "demo/x@1.0.0", "model.safetensors")
    path = Path(two_models.location) / "versions/demo/y/1.0.0.json"
    path.chmod(0o644)
    path.write_bytes(b"nonsense")
    log, outcomes = audit_registry(two_models, keys=keys)
    assert not log.ok
    found = {one.reference: one.reasons[0] for one in outcomes}
    assert found["demo/x@1.0.0"].startswith("model.safetensors of demo/x@1.")
    assert found["demo/x@1.1.0"].startswith("model.safetensors of demo/x@1.")
    assert found["demo/y@1.0.0"].startswith("the manifest of demo/y@1.0.0 is not readable")


def test_what_is_no_version_is_told(two_models: Registry, keys: Keys) -> None:
    """A name that no version has, where versions lie: it fails, and the others are audited."""
    (Path(two_models.location) / "versions/demo/x/01.0.0.json").write_bytes(b"{}")
    outcomes = {one.reference: one.ok for one in audit_registry(two_models, keys=keys)[1]}
    assert outcomes == {
        "demo/x@01.0.0": False,
        "demo/x@1.0.0": True,
        "demo/x@1.1.0": True,
        "demo/y@1.0.0": True,
    }


def test_a_shared_blob_is_read_once(two_models: Registry, keys: Keys) -> None:
    """demo/x has the same bytes in both versions."""
    opened: list[str] = []

    class Counting(type(two_models.store)):  # type: ignore[misc]  # the folder store, with a counter
        def open(self, key: str) -> Any:
            opened.append(key)
            return super().open(key)

    counting = Counting(two_models.store.root)  # type: ignore[attr-defined]
    _, outcomes = audit_registry(dataclasses.replace(two_models, store=counting), keys=keys)
    assert all(one.ok for one in outcomes)
    blobs = [key for key in opened if key.startswith("blobs/")]
    assert len(blobs) == len(set(blobs)) > 10


def test_who_stops_half_way_keeps_what_was_found(two_models: Registry, keys: Keys) -> None:
    """Outcomes come one by one."""
    outcomes: Iterator[Any] = audit_registry(two_models, keys=keys)[1]
    assert next(outcomes).reference == "demo/x@1.0.0"


def test_processes_find_the_same(two_models: Registry, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the same order, damage included."""
    monkeypatch.setattr("roadworthy.registry.audit_all._WORTH_A_PROCESS", 1)
    damage(two_models, "demo/y@1.0.0", "README.md")
    alone = list(audit_registry(two_models, keys=keys)[1])
    assert list(audit_registry(two_models, keys=keys, processes=2)[1]) == alone
    assert [one.ok for one in alone] == [True, True, False]
