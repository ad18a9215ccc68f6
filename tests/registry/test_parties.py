"""Who measured a version, who of them is independent, and what a policy that demands them says."""

import json
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner

from roadworthy.model_cards.errors import CheckError, InputError
from roadworthy.registry import (
    Manifest,
    Registry,
    agreeing,
    attest,
    distrust_key,
    home,
    import_draft,
    parties,
    promote,
    publish,
    pull,
    rotate_key,
    signing_key,
    spread,
    trust_key,
    trusted_keys,
)

from .second_party import measured

VERSION = "demo/x@1.0.0"


@pytest.fixture
def bob(tmp_path: Path) -> CryptoSigner:
    """A second party, not trusted yet."""
    return signing_key(tmp_path / "bob")


def write(text: str) -> None:
    """Gives this home a policy of one rule for ``demo``."""
    (home() / "policy.toml").write_text(f'schema = "roadworthy/policy/1"\n[[rule]]\nnamespace = "demo"\n{text}\n')


def add(registry: Registry, folder: Path, signer: CryptoSigner, **how: Any) -> None:
    """Attests, as its own party would: a registry takes what its writer trusts."""
    attest(registry, VERSION, *measured(folder, signer, **how), (signer.public_key,))


def test_who_measured_and_how_far_apart(
    registry: Registry, version: Manifest, tmp_path: Path, bob: CryptoSigner
) -> None:
    """The publisher, a trusted party that disagrees, and a stranger, whose figures are not shown."""
    folder = tmp_path / "candidate"
    trust_key(tmp_path / "bob/keys/ed25519.pub", name="bob")
    stranger = CryptoSigner.generate_ed25519()
    add(registry, folder, bob, wrong=20)
    add(registry, folder, stranger)
    publisher, unknown, second = parties(registry, VERSION, trusted_keys())
    assert (publisher.role, publisher.name, publisher.trusted) == ("publisher", "own", True)
    assert (second.name, second.said, second.trusted, second.independent) == ("bob", "bob", True, True)
    assert (unknown.keyid, unknown.trusted, unknown.metric) == (stranger.public_key.keyid, False, None)
    assert "a key you have not trusted" in str(unknown.problem)
    found = (publisher, unknown, second)
    assert spread(found) == (0.75, 0.95)
    assert agreeing(found) == ()


def test_verifiers_are_demanded_where_a_version_is_pulled(
    registry: Registry, version: Manifest, tmp_path: Path, bob: CryptoSigner
) -> None:
    """Not by the publisher, not by a stranger, not by one that disagrees; by one that is trusted and agrees."""
    folder = tmp_path / "candidate"
    write("verifiers = 1")

    def attempt() -> Path:
        return pull(registry, "demo/x", keys=trusted_keys(), to=tmp_path / "plain")

    with pytest.raises(CheckError, match=r"measured again by 0 independent parties that agree: expected at least 1\. "):
        attempt()
    add(registry, folder, signing_key())
    with pytest.raises(CheckError, match=r"Not counted: own, the publisher's own party\. Have one whose key you trust"):
        attempt()
    add(registry, folder, bob)
    with pytest.raises(CheckError, match="a key you have not trusted"):
        attempt()
    trust_key(tmp_path / "bob/keys/ed25519.pub", name="bob")
    assert attempt().is_dir()
    write("verifiers = 2")
    with pytest.raises(CheckError, match=r"by 1 independent party that agrees \(bob\): expected at least 2") as caught:
        attempt()
    assert f"roadworthy verify {VERSION} --data DIR --attest" in str(caught.value)


def test_the_last_word_of_a_party_counts(
    registry: Registry, version: Manifest, tmp_path: Path, bob: CryptoSigner
) -> None:
    """Who measured twice is one party, and who found something else later no longer agrees."""
    folder = tmp_path / "candidate"
    trust_key(tmp_path / "bob/keys/ed25519.pub", name="bob")
    for day, wrong, count in ((1, 20, 0), (2, 0, 1), (3, 0, 1), (4, 20, 0)):
        add(registry, folder, bob, wrong=wrong, at=f"2026-02-{day:02}T00:00:00Z")
        assert len(agreeing(parties(registry, VERSION, trusted_keys()))) == count


def test_a_rotated_key_is_the_same_party(
    registry: Registry, version: Manifest, tmp_path: Path, bob: CryptoSigner
) -> None:
    """The publisher's new key is not independent; bob's old and new one are one party, under one name."""
    folder = tmp_path / "candidate"
    rotate_key()
    add(registry, folder, signing_key())
    (_, own) = parties(registry, VERSION, trusted_keys())
    assert (own.name, own.trusted, own.independent) == ("own", True, False)
    trust_key(tmp_path / "bob/keys/ed25519.pub", name="bob")
    add(registry, folder, bob)
    rotated = rotate_key(tmp_path / "bob")
    assert rotated.statement is not None
    trust_key(rotated.statement)
    add(registry, folder, signing_key(tmp_path / "bob"), at="2026-02-02T00:00:00Z")
    assert [party.name for party in agreeing(parties(registry, VERSION, trusted_keys()))] == ["bob"]


def test_who_is_distrusted_counts_no_more(
    registry: Registry, version: Manifest, tmp_path: Path, bob: CryptoSigner
) -> None:
    """And the table says why."""
    trust_key(tmp_path / "bob/keys/ed25519.pub", name="bob")
    add(registry, tmp_path / "candidate", bob)
    distrust_key("bob", reason="laptop stolen")
    (_, gone) = parties(registry, VERSION, trusted_keys())
    assert (gone.trusted, gone.independent, gone.agrees) == (False, False, False)
    assert "laptop stolen" in str(gone.problem)


def test_a_fresh_version_is_published_and_not_yet_relied_on(
    registry: Registry, candidate: Any, keys: Any, tmp_path: Path, bob: CryptoSigner
) -> None:
    """Nobody else can have measured it: `latest` moves, `production` does when somebody has."""
    write("verifiers = 1")
    folder = candidate()
    with pytest.raises(
        CheckError, match=r"Publish it without --alias production, .*roadworthy alias demo/x@production"
    ):
        publish(registry, folder, VERSION, keys=keys, alias="production")
    assert registry.versions("demo", "x") == ()
    assert publish(registry, folder, VERSION, keys=keys).moved == ("latest",)
    trust_key(tmp_path / "bob/keys/ed25519.pub", name="bob")
    with pytest.raises(CheckError, match=r"demo/x@production was not moved to 1\.0\.0: the policy .* is not met"):
        promote(registry, "demo/x@production", "1.0.0", keys=trusted_keys())
    assert registry.history("demo/x@production") == ()
    add(registry, folder, bob)
    moved = promote(registry, "demo/x@production", "1.0.0", keys=trusted_keys())
    assert moved is not None
    assert (str(moved.old), str(moved.new)) == ("None", "1.0.0")
    assert promote(registry, "demo/x@production", "1.0.0", keys=trusted_keys()) is None


def test_nothing_but_a_version_is_promoted(registry: Registry, version: Manifest, keys: Any, tmp_path: Path) -> None:
    """And an alias has to be one."""
    import_draft(registry, pull(registry, VERSION, keys=keys, to=tmp_path / "plain"), "demo/x")
    with pytest.raises(InputError, match=r"cannot use '1\.0\.0' as an alias"):
        promote(registry, VERSION, "1.0.0", keys=keys)
    with pytest.raises(InputError, match="cannot read the version 'main'"):
        promote(registry, "demo/x@production", "main", keys=keys)
    assert parties(registry, "demo/x@main", keys) == ()


def test_what_cannot_be_attested_is_told(
    registry: Registry, version: Manifest, keys: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder, a draft, options that a certificate has settled, what does not exist: before anything is measured."""
    from roadworthy.cli.main import run

    import_draft(registry, pull(registry, VERSION, keys=keys, to=tmp_path / "plain"), "demo/draft")
    for words, said in (
        ((str(tmp_path / "plain"),), "is a folder. Give the version's reference"),
        (("demo/draft@main",), "demo/draft@main is an uncertified draft"),
        ((VERSION, "--target", "top1>=0.1"), "Leave out --target"),
        (("demo/nothing",), "no model is called demo/nothing"),
        ((VERSION, "--signer", "gpg"), "cannot sign by 'gpg'"),
    ):
        assert run(["verify", *words, "--data", str(tmp_path), "--attest", "--registry", registry.location]) == 2
        told = capsys.readouterr()
        assert said in told.err
        assert told.out == ""
    assert not list(registry.store.list("attestations/"))


def test_the_commands(
    registry: Registry,
    version: Manifest,
    tmp_path: Path,
    bob: CryptoSigner,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """show, audit and alias: who counts, who disagrees, and that a stranger changes nothing."""
    from roadworthy.cli.main import run

    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    where = ["--registry", registry.location]
    folder, stranger = tmp_path / "candidate", CryptoSigner.generate_ed25519()
    trust_key(tmp_path / "bob/keys/ed25519.pub", name="bob")
    add(registry, folder, bob)
    add(registry, folder, stranger)
    assert run(["show", VERSION, *where]) == 0
    told = capsys.readouterr().out
    assert "1 independent verifier agrees" in told
    assert f"{stranger.public_key.keyid[:16]} does not count: " in told
    assert "top1 95.00 % over all that count" in told
    assert run(["show", VERSION, *where, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["independent_verifiers"], document["spread"]) == (1, [0.95, 0.95])
    assert [party["name"] for party in document["parties"]] == ["own", None, "bob"]
    assert run(["audit", VERSION, *where]) == 0
    told = capsys.readouterr().out
    assert "✓ attestation " in told
    assert "· attestation " in told
    assert run(["alias", "demo/x@production", "1.0.0", *where]) == 0
    assert "demo/x@production points at 1.0.0" in capsys.readouterr().out
    add(registry, folder, bob, wrong=20, at="2026-03-01T00:00:00Z")
    assert run(["audit", VERSION, *where]) == 1
    assert "disagrees, with top1 75.00 %" in capsys.readouterr().out
