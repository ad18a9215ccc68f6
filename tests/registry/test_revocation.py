"""Revoking: signed, logged, beside the version; who is heard, what is refused, and how it is taken back."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards import canonical
from roadworthy.model_cards.certificate import Parent
from roadworthy.model_cards.envelope import payload_of
from roadworthy.model_cards.errors import CheckError, InputError, NotFoundError
from roadworthy.registry import (
    Manifest,
    Policy,
    Registry,
    RevokedWarning,
    Rule,
    add_revocation,
    audit_log,
    audit_registry,
    audit_version,
    import_draft,
    layout,
    open_bundle,
    open_registry,
    promote,
    publish,
    pull,
    replicate,
    revocation,
    revocations,
    revoke,
    rotate_key,
    signing_key,
    trust_key,
    trusted_keys,
    write_bundle,
)
from roadworthy.registry.revocation import LARGEST, Revocation, write

Keys = tuple[Key, ...]
FIRST, SECOND = "demo/x@1.0.0", "demo/x@1.0.1"


@pytest.fixture
def two(registry: Registry, candidate: Any, keys: Keys) -> Registry:
    """demo/x at 1.0.0 and 1.0.1, where latest points."""
    publish(registry, candidate("a", right=92), FIRST, keys=keys)
    publish(registry, candidate("b", right=97), SECOND, keys=keys)
    return registry


@pytest.fixture
def own(keys: Keys) -> dict[str, Any]:
    """Who signs, and whom this home trusts: itself."""
    return {"signer": signing_key(), "keys": keys}


@pytest.fixture
def bob(tmp_path: Path) -> CryptoSigner:
    """Somebody whose key nobody here trusts yet."""
    return signing_key(tmp_path / "bob")


def trust_bob(tmp_path: Path) -> Keys:
    """What this home trusts when it trusts bob."""
    trust_key(tmp_path / "bob/keys/ed25519.pub", name="bob")
    return trusted_keys()


def said_by(signer: CryptoSigner, found: Manifest, **changes: Any) -> bytes:
    """A statement about a version, written by hand."""
    facts: dict[str, Any] = {
        "reference": str(found.reference),
        "word": "revoked",
        "reason": "because",
        "superseded_by": None,
        "number": 1,
        "when": "2026-03-01T00:00:00Z",
        "who": "somebody",
        "keyid": signer.public_key.keyid,
    }
    assert found.certificate is not None
    return write(found.certificate, Revocation(**facts | changes), signer)


def put(registry: Registry, data: bytes, slot: int = 1) -> None:
    """Lays bytes where revocations lie, past every check."""
    registry.store.create(layout.key("revocations", "demo", "x", "1.0.0", slot), data)


def test_a_revoked_version_is_not_pulled(two: Registry, own: dict[str, Any], keys: Keys, tmp_path: Path) -> None:
    """By version or by an alias; it says by whom, when, why, what to take instead; with the flag it only warns."""
    promote(two, "demo/x@production", "1.0.0", keys=keys)
    said = revoke(two, FIRST, reason="a patient withdrew", superseded_by="1.0.1", **own)
    assert (said.superseded_by, said.number) == (SECOND, 1)
    for asked in (FIRST, "demo/x@production"):
        with pytest.raises(CheckError) as refused:
            pull(two, asked, keys=keys, to=tmp_path / "no")
        assert str(refused.value) == (
            f"{FIRST} was not pulled: it was revoked at {said.when} by {said.who} (key {said.keyid[:16]}): a patient "
            f"withdrew. Take {SECOND}, or insist: pull and finetune take --allow-revoked."
        )
    assert not (tmp_path / "no").exists()
    with pytest.warns(RevokedWarning, match=f"{FIRST} was revoked at .*: a patient withdrew; take {SECOND} instead"):
        assert pull(two, FIRST, keys=keys, to=tmp_path / "yes", allow_revoked=True).is_dir()
    assert pull(two, "demo/x", keys=keys, to=tmp_path / "latest").is_dir()
    assert two.resolve("demo/x").version == "1.0.1"
    assert revocation(two, SECOND, keys) is None


def test_no_alias_moves_by_itself_or_to_what_is_revoked(two: Registry, own: dict[str, Any], keys: Keys) -> None:
    """Whoever asks for latest is told; nobody points production there."""
    revoke(two, SECOND, reason="wrong labels", **own)
    assert two.resolve("demo/x").version == "1.0.1"
    with pytest.raises(CheckError, match="was not pulled: it was revoked"):
        pull(two, "demo/x", keys=keys)
    with pytest.raises(CheckError, match=r"demo/x@1\.0\.1 was not made demo/x@production: it was revoked"):
        promote(two, "demo/x@production", "1.0.1", keys=keys)


def test_it_is_announced_and_its_removal_is_noticed(two: Registry, own: dict[str, Any], keys: Keys) -> None:
    """By whoever has seen it there; the version's own bytes and commit do not change."""
    commit = two.resolve(FIRST).commit
    revoke(two, FIRST, reason="x", **own)
    key = layout.key("revocations", "demo", "x", "1.0.0", 1)
    link = audit_log(two, keys).chain.links[-1]
    assert (link.entry.what, link.entry.reference, [d.path for d in link.documents]) == ("yank", FIRST, [key])
    assert two.resolve(FIRST).commit == commit
    (Path(two.location) / key).unlink()
    (reason,) = audit_log(two, keys).reasons
    assert "(yank of demo/x@1.0.0) was there when this machine looked last, and is gone" in reason


def test_a_strangers_word_blocks_nothing(two: Registry, keys: Keys, bob: CryptoSigner, tmp_path: Path) -> None:
    """Foreign-signed, unsigned, garbage, huge, forged in a trusted name: shown as not believed, and no more."""
    found = two.resolve(FIRST)
    unsigned = json.loads(said_by(bob, found)) | {"signatures": []}
    forged = json.loads(said_by(bob, found, keyid=signing_key().public_key.keyid))
    forged["signatures"][0]["keyid"] = signing_key().public_key.keyid
    for slot, data in enumerate(
        [said_by(bob, found), canonical.dump(unsigned), b"{}", b"x" * (LARGEST + 1), canonical.dump(forged)], start=1
    ):
        put(two, data, slot)
    words = revocations(two, FIRST, keys)
    assert [word.said for word in words] == [None] * 5
    problems = [word.problem or "" for word in words]
    assert "is not a signed envelope" in problems[2]
    assert problems[3].startswith("revocation 4 of demo/x@1.0.0 has more than 65,536 bytes")
    assert "a key you have not trusted" in problems[0]
    assert "is signed by nobody" in problems[1]
    assert "does not match its text" in problems[4]
    assert words[0].stated == (bob.public_key.keyid,)
    assert pull(two, FIRST, keys=keys, to=tmp_path / "x").is_dir()
    # Nor does it keep anybody from speaking, not even from the last number there is.
    put(two, b"{}", 99_999_999)
    revoke(two, FIRST, reason="mine", signer=signing_key(), keys=keys)
    assert revocations(two, FIRST, keys)[5].said is not None


def test_the_same_word_counts_where_its_key_is_trusted(
    two: Registry, keys: Keys, bob: CryptoSigner, tmp_path: Path
) -> None:
    """Not only the publisher may revoke: whoever the reader trusts, unless the policy names who."""
    put(two, said_by(bob, two.resolve(FIRST)))
    assert revocation(two, FIRST, keys) is None
    both = trust_bob(tmp_path)
    assert revocation(two, FIRST, both) is not None
    for revokers, heard in ((("bob",), True), ((bob.public_key.keyid,), True), (("own",), False)):
        policy = Policy(rules=(Rule(namespace="demo", revokers=revokers),), source="x")
        assert (revocation(two, FIRST, both, policy) is not None) == heard, revokers
    (word,) = revocations(two, FIRST, both, Policy(rules=(Rule(namespace="*", revokers=("own",)),), source="x"))
    assert word.problem is not None
    assert "the policy hears own alone, and it is signed by" in word.problem


def test_each_party_takes_back_its_own_word_alone(two: Registry, keys: Keys, bob: CryptoSigner, tmp_path: Path) -> None:
    """A stolen publisher's key cannot lift what somebody else has said of it."""
    mine: dict[str, Any] = {"signer": signing_key(), "keys": trust_bob(tmp_path)}
    bobs = mine | {"signer": bob}
    revoke(two, FIRST, reason="a leak", **bobs)
    with pytest.raises(InputError, match="is not revoked by the key"):
        revoke(two, FIRST, reason="no leak", reinstate=True, **mine)
    revoke(two, FIRST, reason="a leak indeed", **mine)
    revoke(two, FIRST, reason="no leak", reinstate=True, **mine)
    assert (standing := revocation(two, FIRST, mine["keys"])) is not None
    assert standing.reason == "a leak"
    revoke(two, FIRST, reason="looked again", reinstate=True, **bobs)
    assert revocation(two, FIRST, mine["keys"]) is None
    assert [w.said.word for w in revocations(two, FIRST, mine["keys"]) if w.said] == ["revoked", "revoked"] + [
        "reinstated"
    ] * 2


def test_an_old_word_laid_down_again_changes_nothing(two: Registry, own: dict[str, Any], keys: Keys) -> None:
    """The number that counts is signed; that of the file is nobody's word."""
    revoke(two, FIRST, reason="one", **own)
    revoke(two, FIRST, reason="two", reinstate=True, **own)
    revoke(two, FIRST, reason="three", **own)
    with two.store.open(layout.key("revocations", "demo", "x", "1.0.0", 2)) as file:
        put(two, file.read(), 4)
    assert (said := revocation(two, FIRST, keys)) is not None
    assert said.reason == "three"


def test_a_rotated_key_is_the_same_party(two: Registry, own: dict[str, Any]) -> None:
    """Its new key takes back what its old one said."""
    revoke(two, FIRST, reason="one", **own)
    rotate_key()
    assert revocation(two, FIRST, trusted_keys()) is not None
    revoke(two, FIRST, reason="two", reinstate=True, signer=signing_key(), keys=trusted_keys())
    assert revocation(two, FIRST, trusted_keys()) is None


def test_a_word_of_another_version_is_none_of_this_one(two: Registry, own: dict[str, Any], keys: Keys) -> None:
    """It names the certificate by its digest, and the reference."""
    revoke(two, SECOND, reason="x", **own)
    with two.store.open(layout.key("revocations", "demo", "x", "1.0.1", 1)) as file:
        data = file.read()
    put(two, data)
    put(two, said_by(signing_key(), dataclasses.replace(two.resolve(SECOND), version="1.0.0")), 2)
    first, second = revocations(two, FIRST, keys)
    assert "it speaks of 'demo/x@1.0.1'" in (first.problem or "")
    assert "another certificate than this version's" in (second.problem or "")
    assert revocation(two, FIRST, keys) is None


def test_bad_requests_store_nothing(
    two: Registry, candidate: Any, own: dict[str, Any], keys: Keys, bob: CryptoSigner
) -> None:
    """An alias, a draft, no reason, an untrusted key, nothing to take instead, nothing to take back."""
    import_draft(two, candidate("draft"), "demo/x")
    before = list(two.store.list(""))
    bad: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (InputError, "an alias moves", {"reference": "demo/x@latest"}),
        (InputError, "an alias moves", {"reference": "demo/x@main"}),
        (NotFoundError, "Expected one of: 1.0.1, 1.0.0", {"reference": "demo/x@2.0.0"}),
        (InputError, "its reason cannot be read", {"reason": " "}),
        (InputError, "its reason cannot be read", {"reason": "a\nb"}),
        (InputError, "its reason cannot be read", {"reason": "x" * 501}),
        (CheckError, "a key you have not trusted", {"signer": bob}),
        (NotFoundError, "is not in", {"superseded_by": "3.0.0"}),
        (InputError, "in its own place", {"superseded_by": "1.0.0"}),
        (InputError, "nothing that it could take back", {"reinstate": True}),
    ]
    for error, message, changes in bad:
        with pytest.raises(error, match=message):
            revoke(**{"registry": two, "reference": FIRST, "reason": "x", **own} | changes)
    assert list(two.store.list("")) == before
    assert revocations(two, "demo/x@main", keys) == ()


def test_a_child_of_a_revoked_parent_is_refused(two: Registry, candidate: Any, own: dict[str, Any], keys: Keys) -> None:
    """Unless one insists."""
    parent = Parent(
        reference=FIRST,
        certificate_sha256=two.resolve(FIRST).certificate_sha256,
        metric=None,
        comparison=None,
        not_compared="other classes",
    )
    child = candidate("child", parent=parent)
    revoke(two, FIRST, reason="poisoned data", **own)
    with pytest.raises(CheckError, match=r"its parent is revoked: demo/x@1\.0\.0 was revoked at .*: poisoned data"):
        publish(two, child, "demo/y@1.0.0", keys=keys)
    assert publish(two, child, "demo/y@1.0.0", keys=keys, allow_revoked=True).manifest.parent == FIRST


def test_audits_say_so(two: Registry, own: dict[str, Any], keys: Keys, bob: CryptoSigner) -> None:
    """What was measured stays as true as it was; what is not believed is told apart."""
    put(two, said_by(bob, two.resolve(FIRST)), 7)
    revoke(two, FIRST, reason="x", **own)
    done = audit_version(two, FIRST, keys=keys)
    assert done.revoked is not None
    assert done.revoked.reason == "x"
    assert any("revocation 7 of demo/x@1.0.0" in line for line in done.not_counted)
    # What the stranger has written past the log is a finding of the log, as whatever is.
    assert [reason.split(" is in")[0] for reason in done.reasons] == ["revocations/demo/x/1.0.0/00000007.json"]
    _, versions = audit_registry(two, keys=keys)
    assert [(one.ok, one.revoked is not None) for one in versions] == [(True, True), (True, False)]


def test_a_bundle_carries_it(
    two: Registry, own: dict[str, Any], keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And an import keeps it, from the first moment on; a second import adds nothing."""
    revoke(two, FIRST, reason="x", **own)
    write_bundle(two, FIRST, tmp_path / "x.tar", keys=keys)
    source, other = open_bundle(tmp_path / "x.tar"), open_registry(tmp_path / "other")
    created: list[str] = []
    create = type(other.store).create

    def noted(store: Any, key: str, data: Any) -> None:
        created.append(key)
        create(store, key, data)

    monkeypatch.setattr(type(other.store), "create", noted)
    done = replicate(source, FIRST, other, keys=keys)
    assert (done.revocations, done.left_out) == (1, ())
    assert created.index("revocations/demo/x/1.0.0/00000001.json") < created.index("versions/demo/x/1.0.0.json")
    assert revocation(other, FIRST, keys) == revocation(two, FIRST, keys)
    assert replicate(source, FIRST, other, keys=keys).revocations == 0
    assert audit_log(other, keys).ok


def test_two_who_speak_at_once_are_both_heard(two: Registry, keys: Keys) -> None:
    """Each lands on a number of its own; of two words with one number the one that warns is the last."""
    found = two.resolve(FIRST)
    for word in ("revoked", "reinstated"):
        assert add_revocation(two, found, said_by(signing_key(), found, word=word), keys)
    assert not add_revocation(two, found, said_by(signing_key(), found, word="reinstated"), keys)
    assert [word.slot for word in revocations(two, FIRST, keys)] == [1, 2]
    assert revocation(two, FIRST, keys) is not None


def test_what_is_signed_is_an_in_toto_statement_about_the_certificate(
    two: Registry, own: dict[str, Any], keys: Keys
) -> None:
    """As any tool of that format reads it."""
    revoke(two, FIRST, reason="x", **own)
    with two.store.open(layout.key("revocations", "demo", "x", "1.0.0", 1)) as file:
        said = json.loads(payload_of(file.read()))
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["predicateType"] == "urn:roadworthy:revocation:v1"
    (subject,) = said["subject"]
    assert subject["name"] == "certificate.json"
    assert subject["digest"] == {"sha256": two.resolve(FIRST).certificate_sha256}
