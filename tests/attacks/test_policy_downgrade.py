"""A policy made to demand less: taken away, replaced, misspelt, led around, or waived."""

import dataclasses
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards.errors import CheckError, InputError, StorageError
from roadworthy.model_cards.gate import Gate
from roadworthy.model_cards.waiver import Waiver
from roadworthy.registry import Reference, Registry, home_policy, load_policy, publish, pull, trust_key, trusted_keys
from roadworthy.registry.key_files import public_pem
from roadworthy.registry.policy import fits

from .conftest import Candidate, Road
from .forgery import certified, publish_lie, refused

Keys = tuple[Key, ...]
_STRICT = 'schema = "roadworthy/policy/1"\n[[rule]]\nnamespace = "team"\nmin_n = 1000\n'


def test_a_policy_that_vanished(
    registry: Registry, keys: Keys, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named and not there, or a link that leads nowhere: nothing is done without it."""
    monkeypatch.setenv("ROADWORTHY_POLICY", str(tmp_path / "gone.toml"))
    with pytest.raises(StorageError, match="Nothing is done without it"):
        pull(registry, "team/xrays", keys=keys, to=tmp_path / "x")
    monkeypatch.delenv("ROADWORTHY_POLICY")
    (home / "policy.toml").symlink_to(tmp_path / "gone.toml")
    with pytest.raises(StorageError, match="Nothing is done without it"):
        pull(registry, "team/xrays", keys=keys, to=tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        _STRICT.replace("policy/1", "policy/0"),
        _STRICT.replace("policy/1", "policy/2"),
        _STRICT.replace("min_n = 1000", "min_N = 1000"),
        _STRICT.replace("min_n = 1000", "min_n = 0"),
        _STRICT.replace("min_n = 1000", "min_n = -1"),
        _STRICT.replace("min_n = 1000", "min_n = true"),
        _STRICT.replace("min_n = 1000", "min_n = 1000.0"),
        _STRICT + "min_n = 1\n",
        _STRICT.replace("min_n = 1000", "certifiers = []"),
        _STRICT.replace("min_n = 1000", 'certifiers = ["*"]'),
        _STRICT.replace('"team"', '"te\u0430m"'),
        '[[rule]]\nnamespace = "team"\n',
        _STRICT.replace("[[rule]]", '[[rule]]\nnamespace = "*"\ndrafts = true\n[[rule]]'),
        'schema = "roadworthy/policy/1"\n[rule]\nnamespace = "team"\n',
    ],
)
def test_a_policy_that_is_not_understood(registry: Registry, keys: Keys, home: Path, tmp_path: Path, text: str) -> None:
    """An older or a newer schema, a field misspelt or twice, a rule in front of the strict one: no less is asked."""
    (home / "policy.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError):
        pull(registry, "team/xrays", keys=keys, to=tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_namespace_that_looks_like_another(home: Path) -> None:
    """Case does not lead around a rule; letters that only look alike are no namespace."""
    (home / "policy.toml").write_text(_STRICT)
    policy = home_policy()
    assert policy is not None
    assert policy.rule_for("TEAM") is policy.rules[0]
    assert policy.rule_for("team2") is None
    for look_alike in ("te\u0430m/xrays", "team\u200b/xrays", "\uff54eam/xrays", "team/../x", "team%2Fx/y"):
        with pytest.raises(InputError):
            Reference.parse(look_alike)
    assert not fits("kelvin", "\u212aelvin")


def test_a_certifier_s_name_on_another_key(
    registry: Registry, road: Road, keys: Keys, home: Path, tmp_path: Path
) -> None:
    """A key that is given with --key has no name, and nobody's key can take a name that is taken."""
    text = 'schema = "roadworthy/policy/1"\n[[rule]]\nnamespace = "team"\ncertifiers = ["alice"]\n'
    (home / "policy.toml").write_text(text)
    alice = tmp_path / "alice.pub"
    alice.write_bytes(public_pem(road.publisher.public_key))
    ring = trusted_keys(extra=[alice])
    with pytest.raises(CheckError, match="without a name here"):
        pull(registry, "team/xrays", keys=ring, to=tmp_path / "x")
    other = CryptoSigner.generate_ed25519()
    trust_key(public_pem(other.public_key).decode(), name="alice")
    with pytest.raises(InputError, match="another key is called 'alice'"):
        trust_key(alice, name="alice")
    with pytest.raises(CheckError, match="expected one of alice"):
        pull(registry, "team/xrays", keys=(*trusted_keys(), *keys), to=tmp_path / "x")


def test_a_weaker_gate_in_the_certificate(registry: Registry, candidate: Candidate, road: Road, keys: Keys) -> None:
    """The liar states an easier gate; whoever asks for another at publication gets that one asked besides."""
    folder = candidate()
    claim = certified(folder).claim
    target = dataclasses.replace(claim.target, threshold=claim.metric.value)
    verdicts = dataclasses.replace(claim.verdicts, reproduced=True, generalises=False)
    assert claim.training is not None
    lie = dataclasses.replace(claim, target=target, verdicts=verdicts)
    publish_lie(folder, lie, road.publisher)
    with pytest.raises(CheckError, match="the interval does not meet the target"):
        publish(registry, folder, "team/xrays@2.0.0", keys=keys, policy=None, gate=Gate.parse("lower-bound"))


def test_a_waiver_in_somebody_elses_name(candidate: Candidate, road: Road, keys: Keys) -> None:
    """It names the key of who waived, and that key must have signed."""
    folder = candidate()
    claim = certified(folder).claim
    waiver = Waiver(kind="target", reason="never mind", by="the owner", keyid="ab" * 32)
    publish_lie(folder, dataclasses.replace(claim, waivers=(waiver,)), road.publisher)
    assert any("did not sign the certificate" in reason for reason in refused(folder, keys))


def test_a_waiver_where_none_is_taken(
    registry: Registry, candidate: Candidate, road: Road, keys: Keys, home: Path
) -> None:
    """``without_waivers``: the signer's own waiver does not help either."""
    (home / "policy.toml").write_text(_STRICT.replace("min_n = 1000", "without_waivers = true"))
    folder = candidate()
    waiver = Waiver(kind="target", reason="never mind", by="me", keyid=road.publisher.public_key.keyid)
    publish_lie(folder, dataclasses.replace(certified(folder).claim, waivers=(waiver,)), road.publisher)
    with pytest.raises(CheckError, match="expected no waiver"):
        publish(registry, folder, "team/xrays@2.0.0", keys=keys)


def test_a_draft_in_the_place_of_a_version(
    registry: Registry, candidate: Candidate, keys: Keys, home: Path, tmp_path: Path
) -> None:
    """A policy closes drafts unless it opens them."""
    from roadworthy.registry import import_draft

    (home / "policy.toml").write_text(_STRICT.replace("min_n = 1000\n", ""))
    folder = candidate()
    (folder / "certificate.json").unlink()
    import_draft(registry, folder, "team/xrays")
    with pytest.raises(CheckError, match="is an uncertified draft: expected a certificate"):
        pull(registry, "team/xrays@main", keys=keys, to=tmp_path / "x")


def test_a_pattern_that_never_ends(home: Path, tmp_path: Path) -> None:
    """Stars in a pattern cost no more than the text is long, whatever stands in a certificate or in a policy."""
    pattern = "*a" * 40 + "b"
    assert not fits(pattern, "a" * 90)
    assert not fits("image-*-*-*-*-end", "image-" + "x-" * 20_000)
    assert fits("image-*-*-*-*-end", "image-" + "x-" * 20_000 + "end")
    (tmp_path / "p.toml").write_text(
        f'schema = "roadworthy/policy/1"\n[[rule]]\nnamespace = "{pattern}"\n[[rule]]\nnamespace = "{"*a" * 40}c"\n'
    )
    assert len(load_policy(tmp_path / "p.toml").rules) == 2
