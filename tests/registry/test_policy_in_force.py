"""A policy in force: nothing that does not meet it is published, and not a byte of it is pulled."""

import json
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards import canonical
from roadworthy.model_cards.envelope import payload_of, seal
from roadworthy.model_cards.errors import CheckError, InputError
from roadworthy.registry import (
    Manifest,
    Policy,
    Registry,
    Rule,
    home,
    import_draft,
    publish,
    pull,
    rotate_key,
    signing_key,
    trust_key,
    trusted_keys,
)


def write(text: str) -> None:
    """Gives this home a policy of one rule for ``demo``."""
    (home() / "policy.toml").write_text(f'schema = "roadworthy/policy/1"\n[[rule]]\nnamespace = "demo"\n{text}\n')


def test_the_homes_policy_is_in_force_without_being_named(
    registry: Registry, version: Manifest, keys: Any, tmp_path: Path
) -> None:
    """Nothing is written, in either layout, until it is met."""
    write("min_n = 101")
    places: tuple[dict[str, Any], ...] = ({"cache": tmp_path / "hub"}, {"to": tmp_path / "plain"})
    for where in places:
        with pytest.raises(CheckError, match=r"demo/x@1\.0\.0 was not pulled: the policy .*policy\.toml is not met: "):
            pull(registry, "demo/x", keys=keys, **where)
    assert not (tmp_path / "hub").exists()
    assert not (tmp_path / "plain").exists()
    write("min_n = 100")
    assert (pull(registry, "demo/x", keys=keys, to=tmp_path / "plain") / "model.safetensors").is_file()


def test_what_is_cached_already_is_asked_too(registry: Registry, version: Manifest, keys: Any, tmp_path: Path) -> None:
    """It may have been pulled before there was a policy."""
    pull(registry, "demo/x", keys=keys, cache=tmp_path / "hub")
    write('verdicts = ["generalises"]\nprotocols = ["text-*"]')
    with pytest.raises(CheckError, match="measured under image-top1") as caught:
        pull(registry, "demo/x", keys=keys, cache=tmp_path / "hub")
    assert all("expected" in reason for reason in caught.value.reasons)


def test_a_policy_can_be_given(registry: Registry, version: Manifest, keys: Any, tmp_path: Path) -> None:
    """It takes the place of the home's, as does none."""
    write("min_n = 101")
    given = Policy(rules=(Rule(namespace="*", max_age_days=1),), source="given")
    with pytest.raises(CheckError, match=r"the policy given is not met: measured [0-9]+ days ago"):
        pull(registry, "demo/x", keys=keys, to=tmp_path / "plain", policy=given)
    pull(registry, "demo/x", keys=keys, to=tmp_path / "plain", policy=None)


def test_a_policy_that_is_not_understood_stops_a_pull(
    registry: Registry, version: Manifest, candidate: Any, keys: Any, tmp_path: Path
) -> None:
    """And a publication; it is never taken for none."""
    (home() / "policy.toml").write_text('schema = "roadworthy/policy/2"\n')
    with pytest.raises(InputError, match="upgrade roadworthy"):
        pull(registry, "demo/x", keys=keys, to=tmp_path / "plain")
    with pytest.raises(InputError, match="upgrade roadworthy"):
        publish(registry, candidate("other"), "demo/x@1.0.1", keys=keys)
    assert [str(v) for v in registry.versions("demo", "x")] == ["1.0.0"]


def test_publishing_tells_the_gates_reasons_and_the_policys(registry: Registry, candidate: Any, keys: Any) -> None:
    """All at once; nothing of the version is visible."""
    write('min_n = 101\ncertifiers = ["alice"]')
    with pytest.raises(CheckError) as caught:
        publish(registry, candidate(exact_duplicates=2), "demo/x@1.0.0", keys=keys)
    gate, signed, few = caught.value.reasons
    assert gate.startswith("2 of 100 test examples were also trained on, with the same content")
    assert "signed by" in signed
    assert "(own): expected one of alice" in signed
    assert "measured on 100 examples: expected at least 101" in few
    assert registry.versions("demo", "x") == ()


def test_a_namespace_without_a_rule_is_closed(registry: Registry, candidate: Any, keys: Any) -> None:
    """A policy names whom it admits; demo2 is not demo."""
    write("")
    folder = candidate()
    publish(registry, folder, "demo/x@1.0.0", keys=keys)
    with pytest.raises(CheckError, match="is for the namespace 'demo2': expected one of demo"):
        publish(registry, folder, "demo2/x@1.0.0", keys=keys)


def test_drafts_are_pulled_only_where_they_are_allowed(
    registry: Registry, candidate: Any, keys: Any, tmp_path: Path
) -> None:
    """They have no certificate."""
    folder = candidate()
    (folder / "certificate.json").unlink()
    import_draft(registry, folder, "demo/base")
    write("")
    with pytest.raises(CheckError, match="demo/base@main is an uncertified draft"):
        pull(registry, "demo/base@main", keys=keys, to=tmp_path / "plain")
    write("drafts = true\nmin_n = 1000")
    assert pull(registry, "demo/base@main", keys=keys, to=tmp_path / "plain").is_dir()


def test_only_a_certifiers_signature_that_holds_counts(
    registry: Registry, build_candidate: Any, keys: tuple[Key, ...], tmp_path: Path
) -> None:
    """Alice may certify demo; Bob is trusted and may not, neither under her id nor beside a signature of hers that
    does not hold, but beside one that holds."""
    alice, bob = signing_key(tmp_path / "alice"), signing_key(tmp_path / "bob")
    for name in ("alice", "bob"):
        trust_key(tmp_path / name / "keys/ed25519.pub", name=name)
    folder = build_candidate(tmp_path / "candidate", bob)
    signed = folder / "certificate.json"
    payload = payload_of(signed.read_bytes())
    write('certifiers = ["alice"]')

    def attempt(*signers: CryptoSigner, forged: bool = False) -> None:
        document = json.loads(seal(payload, *signers))
        if forged:
            document["signatures"] += json.loads(seal(payload + b" ", alice))["signatures"]
        signed.write_bytes(canonical.dump(document))
        publish(registry, folder, "demo/x@1.0.0", keys=trusted_keys())

    with pytest.raises(CheckError, match=r"signed by [0-9a-f]{16} \(bob\): expected one of alice"):
        attempt(bob)
    with pytest.raises(CheckError, match=r"signed by [0-9a-f]{16} \(bob\): expected one of alice"):
        attempt(bob, forged=True)
    attempt(bob, alice)
    assert pull(registry, "demo/x", keys=trusted_keys(), to=tmp_path / "plain").is_dir()


def test_a_key_for_this_once_has_no_name(registry: Registry, build_candidate: Any, keys: Any, tmp_path: Path) -> None:
    """--key FILE makes a signature count, and makes nobody a certifier that a policy means by name."""
    signer = signing_key(tmp_path / "alice")
    file = tmp_path / "alice/keys/ed25519.pub"
    folder = build_candidate(tmp_path / "candidate", signer)
    write('certifiers = ["alice", "own"]')
    with pytest.raises(CheckError, match="without a name here"):
        publish(registry, folder, "demo/x@1.0.0", keys=trusted_keys(extra=[file]))
    write(f'certifiers = ["{signer.public_key.keyid}"]')
    publish(registry, folder, "demo/x@1.0.0", keys=trusted_keys(extra=[file]))


def test_what_was_signed_before_a_rotation_is_still_ones_own(registry: Registry, candidate: Any) -> None:
    """A policy means the person, not the file."""
    folder = candidate()
    rotate_key()
    write('certifiers = ["own"]')
    publish(registry, folder, "demo/x@1.0.0", keys=trusted_keys())


def test_an_audit_tells_whether_a_policy_is_met(
    registry: Registry, version: Manifest, candidate: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a folder as the version that it is to be, and of a version by its name."""
    from roadworthy.cli.main import run

    folder = candidate("other")
    strict, mild = tmp_path / "strict.toml", tmp_path / "mild.toml"
    for path, n in ((strict, 101), (mild, 100)):
        path.write_text(f'schema = "roadworthy/policy/1"\n[[rule]]\nnamespace = "demo"\nmin_n = {n}\n')
    assert run(["audit", str(folder), "--policy", str(mild), "--as", "demo/y@1.0.0"]) == 0
    assert f"✓ the policy {mild} is met by demo/y@1.0.0" in capsys.readouterr().out
    assert run(["audit", str(folder), "--policy", str(strict), "--as", "demo/y@1.0.0", "--json"]) == 1
    (reason,) = json.loads(capsys.readouterr().out)["reasons"]
    assert reason.startswith(f"the policy {strict} is not met: measured on 100 examples: expected at least 101")
    assert run(["audit", "demo/x", "--registry", registry.location, "--policy", str(strict)]) == 1
    told = capsys.readouterr().out
    assert f"✗ the policy {strict} is not met: measured on 100 examples: expected at least 101" in told
    assert "✓ signature of key " in told
