"""Performance records lie beside a version: appended, checked, and never in each other's way."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards import Performance, PerformanceRecord
from roadworthy.model_cards.certificate import from_statement
from roadworthy.model_cards.envelope import payload_of, seal
from roadworthy.model_cards.errors import CheckError, DamagedError, InputError, NotFoundError
from roadworthy.model_cards.performance import subjects_of, to_statement
from roadworthy.model_cards.snapshot import list_files
from roadworthy.registry import (
    FolderStore,
    MemoryStore,
    Registry,
    add_performance,
    import_draft,
    layout,
    performance,
    publish,
    signing_key,
)

VERSION = "demo/x@1.0.0"


@pytest.fixture(params=["folder", "folder without hard links", "memory"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Registry:
    """A registry over each backend in turn."""
    if request.param == "memory":
        return Registry(MemoryStore(), "memory:")
    root = tmp_path / "registry"
    return Registry(FolderStore(root, hard_links=request.param == "folder"), str(root))


@pytest.fixture
def published(registry: Registry, candidate: Any, keys: tuple[Key, ...]) -> Path:
    """demo/x@1.0.0, and the folder that it was published from."""
    folder: Path = candidate()
    publish(registry, folder, VERSION, keys=keys)
    return folder


def measured(folder: Path, at: int = 0) -> bytes:
    """The statement of a record of ``folder``, as a benchmark would have made it."""
    claim = from_statement(payload_of((folder / "certificate.json").read_bytes())).claim
    found = Performance(
        system=claim.system,
        protocol=claim.protocol,
        example="224 x 224 pixels",
        latencies=(),
        accuracies=(),
        test=None,
        environment=claim.environment,
        measured_at=f"2026-01-02T03:04:{at:02}Z",
    )
    return to_statement(PerformanceRecord(files=subjects_of(list_files(folder)), performance=found))


def test_records_are_appended_and_listed_in_order(registry: Registry, published: Path, keys: tuple[Key, ...]) -> None:
    """By version or alias, numbered from 1, with who signed."""
    assert performance(registry, VERSION, keys) == ()
    for at in range(3):
        assert add_performance(registry, "demo/x@latest", seal(measured(published, at), signing_key()), keys) == at + 1
    records = performance(registry, "demo/x", keys)
    assert [recorded.number for recorded in records] == [1, 2, 3]
    assert [r.record.performance.measured_at[-3:-1] for r in records if r.record] == ["00", "01", "02"]
    assert {recorded.signers for recorded in records} == {(signing_key().public_key.keyid,)}
    assert {recorded.problem for recorded in records} == {None}


def test_the_version_stays_as_it_was(registry: Registry, published: Path, keys: tuple[Key, ...]) -> None:
    """Same commit, same stored bytes; one key more."""
    before = registry.resolve(VERSION), list(registry.store.list(""))
    add_performance(registry, VERSION, seal(measured(published), signing_key()), keys)
    after = list(registry.store.list(""))
    assert registry.resolve(VERSION) == before[0]
    assert set(after) - set(before[1]) == {"performance/demo/x/1.0.0/00000001.json"}


def test_many_who_add_at_once_all_land(registry: Registry, published: Path, keys: tuple[Key, ...]) -> None:
    """On different numbers, without a gap."""
    ready, numbers = threading.Barrier(8), []

    def add(at: int) -> None:
        envelope = seal(measured(published, at), signing_key())
        ready.wait()
        numbers.append(add_performance(registry, VERSION, envelope, keys))

    threads = [threading.Thread(target=add, args=(at,)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == [*range(1, 9)]
    records = performance(registry, VERSION, keys)
    assert len({r.record.performance.measured_at for r in records if r.record}) == 8


def test_what_does_not_count_is_not_added(registry: Registry, published: Path, candidate: Any, keys: Any) -> None:
    """A stranger's signature; a record of other weights; a certificate instead of a record."""
    stranger = seal(measured(published), CryptoSigner.generate_ed25519())
    other = seal(measured(candidate("other", seed=1)), signing_key())
    for envelope, error, said in (
        (stranger, CheckError, "the performance record is signed by .* not trusted"),
        (other, CheckError, r"is of other files than demo/x@1\.0\.0's: .*certificate\.json, model\.safetensors"),
        ((published / "certificate.json").read_bytes(), DamagedError, "expected 'urn:roadworthy:performance:v1'"),
    ):
        with pytest.raises(error, match=said):
            add_performance(registry, VERSION, envelope, keys)
    assert performance(registry, VERSION, keys) == ()


def test_a_draft_has_no_records(registry: Registry, published: Path, keys: tuple[Key, ...]) -> None:
    """It changes with the next import; and what does not exist is not found."""
    (published / "certificate.json").unlink()
    import_draft(registry, published, "demo/draft")
    assert performance(registry, "demo/draft@main", keys) == ()
    with pytest.raises(InputError, match="demo/draft@main is an uncertified draft"):
        add_performance(registry, "demo/draft@main", b"", keys)
    for call in (
        lambda: performance(registry, "demo/x@2.0.0", keys),
        lambda: add_performance(registry, "a/b", b"", keys),
    ):
        with pytest.raises(NotFoundError):
            call()


def test_a_record_of_a_key_that_is_not_trusted_shows_as_such(
    registry: Registry, published: Path, keys: tuple[Key, ...]
) -> None:
    """Its figures are not shown; the others' are."""
    other = CryptoSigner.generate_ed25519()
    add_performance(registry, VERSION, seal(measured(published), other), (other.public_key,))
    add_performance(registry, VERSION, seal(measured(published), signing_key()), keys)
    first, second = performance(registry, VERSION, keys)
    assert first.record is None
    assert first.problem is not None
    assert "performance record 1 of demo/x@1.0.0 is signed by" in first.problem
    assert second.record is not None


def _stored(registry: Registry, number: int, change: Callable[[bytes], bytes]) -> None:
    """Replaces a stored record behind the registry's back, as only a disk or an intruder can."""
    key = layout.key("performance", "demo", "x", "1.0.0", number)
    with registry.store.open(key) as file:
        data = file.read()
    registry.store.delete(key)
    registry.store.create(key, change(data))


def test_any_flipped_byte_is_seen_and_hides_no_other(
    registry: Registry, published: Path, keys: tuple[Key, ...]
) -> None:
    """One bit at every 31st place in turn: that record has a problem, the others their figures."""
    for at in range(3):
        add_performance(registry, VERSION, seal(measured(published, at), signing_key()), keys)
    whole = b""

    def keep(data: bytes) -> bytes:
        nonlocal whole
        whole = data
        return data

    _stored(registry, 2, keep)
    for at in range(0, len(whole), 31):
        _stored(registry, 2, lambda _, at=at: whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])  # type: ignore[misc]
        first, second, third = performance(registry, VERSION, keys)
        assert first.record is not None
        assert third.record is not None
        assert second.record is None
        assert second.problem is not None
        assert "performance record 2 of demo/x@1.0.0" in second.problem or "the performance record" in second.problem


def test_a_record_of_another_version_does_not_count(
    registry: Registry, published: Path, candidate: Any, keys: tuple[Key, ...]
) -> None:
    """Moved from one version's log into another's."""
    faster: Path = candidate("faster", right=96)
    publish(registry, faster, "demo/x@1.1.0", keys=keys)
    registry.store.create(layout.key("performance", "demo", "x", "1.0.0", 1), seal(measured(faster), signing_key()))
    (only,) = performance(registry, VERSION, keys)
    assert only.record is None
    assert "is of other files than demo/x@1.0.0's" in str(only.problem)


def test_a_damaged_log_can_still_be_added_to(registry: Registry, published: Path, keys: tuple[Key, ...]) -> None:
    """And a gap is not filled: a number is never used twice."""
    for at in range(2):
        add_performance(registry, VERSION, seal(measured(published, at), signing_key()), keys)
    registry.store.delete(layout.key("performance", "demo", "x", "1.0.0", 1))
    _stored(registry, 2, lambda data: json.dumps(json.loads(data)).encode())
    registry.store.create("performance/demo/x/1.0.0/.DS_Store", b"")
    assert add_performance(registry, VERSION, seal(measured(published), signing_key()), keys) == 3
    assert [recorded.number for recorded in performance(registry, VERSION, keys)] == [2, 3]
