"""Going back in time: an alias, a version, a whole registry, a cache, a trust that was taken back."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import Key

from roadworthy.model_cards import audit
from roadworthy.model_cards.envelope import payload_of
from roadworthy.model_cards.errors import CheckError, DamagedError
from roadworthy.registry import (
    Manifest,
    Policy,
    Registry,
    Rule,
    audit_log,
    distrust_key,
    import_draft,
    publish,
    pull,
    trust_key,
    trusted_keys,
)
from roadworthy.registry.key_files import public_pem

from .conftest import Candidate, Road
from .forgery import Fields, rewrite

Keys = tuple[Key, ...]


def _moves(registry: Registry, alias: str = "latest") -> Path:
    return Path(registry.location) / "aliases/team/xrays" / alias


def test_a_move_of_an_alias_edited_in_place(registry: Registry, keys: Keys, tmp_path: Path) -> None:
    """Without the digest that fits: damage."""
    entry = sorted(_moves(registry).iterdir())[-1]
    entry.write_bytes(entry.read_bytes().replace(b'"new":"1.1.0"', b'"new":"1.0.0"'))
    with pytest.raises(DamagedError, match="expected digest"):
        pull(registry, "team/xrays", keys=keys, to=tmp_path / "x")


def test_an_old_move_put_over_a_new_one(registry: Registry, keys: Keys, tmp_path: Path) -> None:
    """Each move holds its own number."""
    first, second = sorted(_moves(registry).iterdir())
    shutil.copyfile(first, second)
    with pytest.raises(DamagedError, match="it was moved"):
        pull(registry, "team/xrays", keys=keys, to=tmp_path / "x")


def test_a_move_of_another_alias(registry: Registry, keys: Keys, tmp_path: Path) -> None:
    """And its alias."""
    (tmp_path / "x").mkdir()
    shutil.copytree(_moves(registry), _moves(registry, "production"))
    with pytest.raises(DamagedError, match=r"is that of team/xrays@latest"):
        pull(registry, "team/xrays@production", keys=keys, to=tmp_path / "x")


def test_a_move_cut_out_of_the_middle(registry: Registry, candidate: Candidate, keys: Keys, tmp_path: Path) -> None:
    """Its number is missing: nobody follows the alias, and nobody waits for ever to move it."""
    sorted(_moves(registry).iterdir())[0].unlink()
    with pytest.raises(DamagedError, match="entry 1 of"):
        pull(registry, "team/xrays", keys=keys, to=tmp_path / "x")
    with pytest.raises(DamagedError, match="entry 1 of"):
        publish(registry, candidate(), "team/xrays@1.2.0", keys=keys, policy=None)


def test_a_draft_cut_out_of_the_middle(registry: Registry, candidate: Candidate) -> None:
    """The next one still finds a number."""
    folder = candidate()
    (folder / "certificate.json").unlink()
    for _ in range(2):
        import_draft(registry, folder, "team/base")
    drafts = Path(registry.location) / "drafts/team/base"
    (drafts / "00000001.json").unlink()
    import_draft(registry, folder, "team/base")
    assert sorted(path.name for path in drafts.iterdir()) == ["00000002.json", "00000003.json"]


def test_a_version_that_is_published_again_with_other_bytes(
    registry: Registry, candidate: Candidate, keys: Keys
) -> None:
    """Versions never change."""
    with pytest.raises(CheckError, match=r"team/xrays@1\.1\.0 exists; versions never change"):
        publish(registry, candidate(first=True), "team/xrays@1.1.0", keys=keys, policy=None)


def test_what_is_pinned_stays(registry: Registry, version: Manifest, keys: Keys, tmp_path: Path) -> None:
    """An alias that is led back leads to a version that is certified as well; whoever names a version gets that."""
    entry = sorted(_moves(registry).iterdir())[-1]

    def change(body: Fields) -> None:
        body["new"] = "1.0.0"

    rewrite(entry, change)
    assert registry.resolve("team/xrays").version == "1.0.0"
    pinned = pull(registry, "team/xrays@1.1.0", keys=keys, cache=tmp_path / "hub")
    assert pinned.name == version.commit


def test_an_alias_led_back_with_the_right_digest_is_in_no_log(registry: Registry, keys: Keys) -> None:
    """Every move is announced in the registry's chained log: one that is not was made by hand."""

    def change(body: Fields) -> None:
        body["new"] = "1.0.0"

    assert audit_log(registry, keys).ok
    rewrite(sorted(_moves(registry).iterdir())[-1], change)
    (reason, *_) = audit_log(registry, keys).reasons
    assert "aliases/team/xrays/latest/00000002.json" in reason


def test_the_newest_move_cut_off(registry: Registry, keys: Keys) -> None:
    """It was announced, and this machine has seen it there."""
    assert audit_log(registry, keys).ok
    sorted(_moves(registry).iterdir())[-1].unlink()
    assert not audit_log(registry, keys).ok


def test_an_earlier_state_of_a_registry_that_was_audited_here(registry: Registry, keys: Keys, tmp_path: Path) -> None:
    """Consistent in itself, its log cut off where the newest version was announced: a pull refuses it."""
    root = Path(registry.location)
    assert audit_log(registry, keys).ok
    entries = sorted((root / "log").iterdir())
    announced = next(n for n, path in enumerate(entries) if b"1.1.0.json" in payload_of(path.read_bytes()))
    for path in (*entries[announced:], sorted(_moves(registry).iterdir())[-1], root / "versions/team/xrays/1.1.0.json"):
        path.unlink()
    assert registry.resolve("team/xrays").version == "1.0.0"
    with pytest.raises(CheckError):
        pull(registry, "team/xrays", keys=keys, to=tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_registry_of_long_ago_is_bounded_by_its_age(registry: Registry, keys: Keys, tmp_path: Path) -> None:
    """A copy from before the newest version is consistent. A policy says how old a measurement may be."""
    import datetime

    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=40)
    policy = Policy(rules=(Rule(namespace="team", max_age_days=30),), source="x")
    from roadworthy.registry import signers_of, violations

    found = registry.resolve("team/xrays@1.0.0")
    from roadworthy.registry.certified import check

    proven = check(registry, found, keys)
    assert proven is not None
    who = signers_of(proven.signers, keys)
    assert not violations(policy, found.reference, proven.certificate, who, later - datetime.timedelta(days=20))
    (reason,) = violations(policy, found.reference, proven.certificate, who, later)
    assert reason.startswith("measured ")


def test_trust_that_was_taken_back_does_not_come_back(
    registry: Registry, road: Road, home: Path, tmp_path: Path, candidate: Candidate
) -> None:
    """The key's file is put back, under its name and under others, and given with --key: the tombstone outweighs it."""
    pem = tmp_path / "publisher.pub"
    pem.write_bytes(public_pem(road.publisher.public_key))
    trust_key(pem, name="publisher")
    pull(registry, "team/xrays", keys=trusted_keys(), to=tmp_path / "before")
    distrust_key("publisher", reason="stolen")
    for name in ("publisher.pub", "other.pub"):
        shutil.copyfile(pem, home / "keys/trusted" / name)
    places: tuple[dict[str, Any], ...] = ({}, {"extra": [pem]})
    for more in places:
        ring = trusted_keys(**more)
        with pytest.raises(CheckError, match=r"a key you distrusted on .*: stolen"):
            pull(registry, "team/xrays", keys=ring, to=tmp_path / "after")
        assert not audit(candidate(f"c{len(more)}"), ring).ok
    with pytest.raises(CheckError, match="was not trusted"):
        trust_key(pem, name="publisher")
