"""Attestations lie beside a version: signed by a second party, replayed from its evidence, all of them kept."""

import dataclasses
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards import canonical
from roadworthy.model_cards.attestation import AttestationRecord, to_statement
from roadworthy.model_cards.envelope import seal
from roadworthy.model_cards.errors import CheckError, DamagedError, InputError, NotFoundError
from roadworthy.registry import (
    FolderStore,
    MemoryStore,
    Registry,
    attest,
    attestations,
    import_draft,
    publish,
    pull,
    signing_key,
    trust_key,
    trusted_keys,
)

from .second_party import measured, record_of

VERSION = "demo/x@1.0.0"
PLACE = "attestations/demo/x/1.0.0/"


@pytest.fixture(params=["folder", "memory"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Registry:
    """A registry over each backend in turn."""
    if request.param == "memory":
        return Registry(MemoryStore(), "memory:")
    return Registry(FolderStore(tmp_path / "registry"), str(tmp_path / "registry"))


@pytest.fixture
def published(registry: Registry, candidate: Any, keys: tuple[Key, ...]) -> Path:
    """demo/x@1.0.0, and the folder that it was published from."""
    folder: Path = candidate()
    publish(registry, folder, VERSION, keys=keys)
    return folder


@pytest.fixture
def bob(tmp_path: Path) -> CryptoSigner:
    """A second party, whose key counts here."""
    signer = signing_key(tmp_path / "bob")
    trust_key(tmp_path / "bob/keys/ed25519.pub", name="bob")
    return signer


def stored(registry: Registry) -> dict[str, bytes]:
    """Every byte of a registry."""
    found = {}
    for key in registry.store.list(""):
        with registry.store.open(key) as file:
            found[key] = file.read()
    return found


def changed(registry: Registry, key: str, change: Callable[[bytes], bytes]) -> None:
    """Changes what is stored behind the registry's back, as only a disk or an intruder can."""
    data = stored(registry)[key]
    registry.store.delete(key)
    registry.store.create(key, change(data))


def test_a_second_partys_measurement_is_listed_and_the_version_stays(
    registry: Registry, published: Path, bob: CryptoSigner, tmp_path: Path
) -> None:
    """Two keys more in the store; manifest, commit and what is pulled are what they were."""
    keys = trusted_keys()
    before, commit = stored(registry), registry.resolve(VERSION).commit
    assert attestations(registry, VERSION, keys) == ()
    envelope, proof = measured(published, bob)
    name = attest(registry, "demo/x@latest", envelope, proof, keys)
    assert name == f"{bob.public_key.keyid[:16]}-00000001"
    after = stored(registry)
    assert after == before | {f"{PLACE}{name}.json": envelope, f"{PLACE}{name}.jsonl": proof}
    assert registry.resolve(VERSION).commit == commit
    (found,) = attestations(registry, VERSION, keys)
    assert (found.name, found.signers, found.problem, found.agrees) == (name, (bob.public_key.keyid,), None, True)
    assert found.attestation is not None
    # 95 of the 100 rows are right: the fixture counts them out.
    assert (found.attestation.metric.value, found.attestation.answers.same) == (0.95, 1.0)
    pulled = pull(registry, VERSION, keys=keys, to=tmp_path / "again")
    assert {p.name for p in pulled.rglob("*")} == {p.name for p in published.rglob("*")}


def test_one_that_disagrees_is_kept_and_shown_as_such(registry: Registry, published: Path, bob: CryptoSigner) -> None:
    """20 answers that were right are wrong here, each given with 90 %: both say so, in words."""
    keys = trusted_keys()
    attest(registry, VERSION, *measured(published, bob, wrong=20), keys)
    (found,) = attestations(registry, VERSION, keys)
    assert found.attestation is not None
    assert (found.attestation.metric.value, found.attestation.within) == (0.75, False)
    assert (found.attestation.answers.lost, found.attestation.answers.gained) == (20, 0)
    assert not found.agrees
    assert found.apart is not None
    assert found.apart[0].startswith("20 of 100 predictions differ from the certificate's: expected ")
    assert "an answer given with probability 0.9000 is another now" in found.apart[1]


Edit = Callable[[AttestationRecord], AttestationRecord]


def _metric(record: AttestationRecord) -> AttestationRecord:
    return _said(record, metric=dataclasses.replace(record.attestation.metric, value=0.99))


def _agreement(record: AttestationRecord) -> AttestationRecord:
    return _said(record, answers=dataclasses.replace(record.attestation.answers, differing=0, lost=0))


def _within(record: AttestationRecord) -> AttestationRecord:
    return _said(record, within=True)


def _other_key(record: AttestationRecord) -> AttestationRecord:
    return _said(record, verifier=dataclasses.replace(record.attestation.verifier, keyid="0" * 64))


def _other_subject(record: AttestationRecord) -> AttestationRecord:
    return dataclasses.replace(record, subject=dataclasses.replace(record.subject, sha256="0" * 64))


def _other_protocol(record: AttestationRecord) -> AttestationRecord:
    return _said(record, protocol=dataclasses.replace(record.attestation.protocol, id="image-top1-bilinear-256-192"))


def _said(record: AttestationRecord, **changes: Any) -> AttestationRecord:
    return dataclasses.replace(record, attestation=dataclasses.replace(record.attestation, **changes))


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (_metric, r"it says top1 0\.990000 .*; the evidence gives top1 0\.750000"),
        (_agreement, "its agreement with the certificate does not follow"),
        (_within, "whether it keeps its tolerance does not follow"),
        (_other_key, "it names the key 0000000000000000 as the verifier's, which did not sign it"),
        (_other_subject, "it is of another certificate"),
        (_other_protocol, "it was measured under image-top1-bilinear-256-192@1"),
    ],
)
def test_what_does_not_follow_from_its_evidence_is_refused(
    registry: Registry, published: Path, bob: CryptoSigner, edit: Edit, reason: str
) -> None:
    """Signed by a key that counts, and still: on the way in, and where it was put into the store past the door."""
    keys = trusted_keys()
    record, proof = record_of(published, bob.public_key.keyid, wrong=20)
    envelope = seal(to_statement(edit(record)), bob)
    before = stored(registry)
    with pytest.raises(CheckError, match=rf"the attestation of demo/x@1\.0\.0 does not hold: {reason}"):
        attest(registry, VERSION, envelope, proof, keys)
    assert stored(registry) == before
    registry.store.create(f"{PLACE}{'0' * 16}-00000001.jsonl", proof)
    registry.store.create(f"{PLACE}{'0' * 16}-00000001.json", envelope)
    attest(registry, VERSION, *measured(published, bob), keys)
    bad, good = attestations(registry, VERSION, keys)
    assert (bad.attestation, bad.agrees, bad.contradicts, good.agrees) == (None, False, True, True)
    assert bad.problem is not None
    assert "does not hold" in bad.problem


def test_a_forged_one_does_not_count(registry: Registry, published: Path, bob: CryptoSigner) -> None:
    """Bob's statement with another metric, signed again by a stranger who says that he is bob."""
    stranger = CryptoSigner.generate_ed25519()
    record, proof = record_of(published, stranger.public_key.keyid, wrong=0)
    envelope = seal(to_statement(_metric(record)), stranger)
    with pytest.raises(CheckError, match="a key you have not trusted"):
        attest(registry, VERSION, envelope, proof, trusted_keys())
    registry.store.create(f"{PLACE}{bob.public_key.keyid[:16]}-00000001.jsonl", proof)
    registry.store.create(f"{PLACE}{bob.public_key.keyid[:16]}-00000001.json", envelope)
    (found,) = attestations(registry, VERSION, trusted_keys())
    assert (found.attestation, found.signers, found.contradicts) == (None, (), False)
    assert found.stated == (stranger.public_key.keyid,)
    assert "a key you have not trusted" in str(found.problem)


def test_what_a_stranger_wrote_commands_no_terminal(registry: Registry, published: Path, bob: CryptoSigner) -> None:
    """A key id that is none, with a command to the terminal in it."""
    envelope, proof = measured(published, bob)
    document = json.loads(envelope)
    document["signatures"][0]["keyid"] = "\x1b[2Jcleared"
    registry.store.create(f"{PLACE}{'0' * 16}-00000001.jsonl", proof)
    registry.store.create(f"{PLACE}{'0' * 16}-00000001.json", canonical.dump(document))
    (found,) = attestations(registry, VERSION, trusted_keys())
    assert (found.attestation, found.stated) == (None, ())
    assert found.problem is not None
    assert found.problem.isprintable()


def test_damage_is_told_and_hides_no_other(registry: Registry, published: Path, bob: CryptoSigner) -> None:
    """One bit in turn at many places of a statement and of its evidence; then no evidence at all."""
    keys = trusted_keys()
    for at in ("2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z"):
        attest(registry, VERSION, *measured(published, bob, at=at), keys)
    keyid = bob.public_key.keyid[:16]
    for key, step in ((f"{PLACE}{keyid}-00000001.json", 97), (f"{PLACE}{keyid}-00000001.jsonl", 1009)):
        whole = stored(registry)[key]
        for place in range(0, len(whole), step):
            flipped = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
            changed(registry, key, lambda _, flipped=flipped: flipped)  # type: ignore[misc]
            first, second = attestations(registry, VERSION, keys)
            assert (first.attestation, second.agrees) == (None, True)
            assert first.problem
        changed(registry, key, lambda _, whole=whole: whole)  # type: ignore[misc]
    assert all(one.agrees for one in attestations(registry, VERSION, keys))
    registry.store.delete(f"{PLACE}{keyid}-00000001.jsonl")
    first, _ = attestations(registry, VERSION, keys)
    assert first.problem == f"the evidence of attestation {keyid}-00000001 of {VERSION} is missing"
    assert attest(registry, VERSION, *measured(published, bob), keys) == f"{keyid}-00000003"


def test_one_of_another_version_does_not_count(
    registry: Registry, published: Path, candidate: Any, bob: CryptoSigner
) -> None:
    """Moved from one version's folder into another's, with its evidence."""
    other: Path = candidate("other", seed=1)
    envelope, proof = measured(other, bob)
    with pytest.raises(CheckError, match="it is of another certificate"):
        attest(registry, VERSION, envelope, proof, trusted_keys())
    name = f"{PLACE}{bob.public_key.keyid[:16]}-00000001"
    registry.store.create(f"{name}.jsonl", proof)
    registry.store.create(f"{name}.json", envelope)
    (found,) = attestations(registry, VERSION, trusted_keys())
    assert found.attestation is None
    assert "it is of another certificate" in str(found.problem)


def test_other_evidence_does_not_count(registry: Registry, published: Path, bob: CryptoSigner) -> None:
    """The statement says which evidence it was made from."""
    envelope, _ = measured(published, bob)
    _, proof = measured(published, bob, wrong=1)
    with pytest.raises(CheckError, match="the evidence beside it is not the one that it was made from"):
        attest(registry, VERSION, envelope, proof, trusted_keys())


def test_many_who_attest_at_once_all_stay(registry: Registry, published: Path, bob: CryptoSigner) -> None:
    """Four times the same key and two others; each whole."""
    others = [CryptoSigner.generate_ed25519() for _ in range(2)]
    keys = (*trusted_keys(), *(other.public_key for other in others))
    ready, names = threading.Barrier(6), []

    def add(signer: CryptoSigner, at: int) -> None:
        envelope, proof = measured(published, signer, at=f"2026-02-01T00:00:{at:02}Z")
        ready.wait()
        names.append(attest(registry, VERSION, envelope, proof, keys))

    threads = [threading.Thread(target=add, args=(one, n)) for n, one in enumerate([bob] * 4 + others)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(names)) == 6
    assert sorted(names) == [one.name for one in attestations(registry, VERSION, keys) if one.agrees]


def test_a_kill_after_the_evidence_leaves_nothing_visible(
    registry: Registry, published: Path, bob: CryptoSigner
) -> None:
    """And the next one takes the next number."""
    keyid = bob.public_key.keyid[:16]
    registry.store.create(f"{PLACE}{keyid}-00000001.jsonl", b"half")
    assert attestations(registry, VERSION, trusted_keys()) == ()
    assert attest(registry, VERSION, *measured(published, bob), trusted_keys()) == f"{keyid}-00000002"


def test_what_cannot_be_attested(registry: Registry, published: Path, bob: CryptoSigner) -> None:
    """A draft, what does not exist, and what is no statement."""
    envelope, proof = measured(published, bob)
    with pytest.raises(DamagedError, match="expected 'urn:roadworthy:attestation:v1'"):
        attest(registry, VERSION, (published / "certificate.json").read_bytes(), proof, trusted_keys())
    (published / "certificate.json").unlink()
    import_draft(registry, published, "demo/draft")
    with pytest.raises(InputError, match="demo/draft@main is an uncertified draft"):
        attest(registry, "demo/draft@main", envelope, proof, trusted_keys())
    assert attestations(registry, "demo/draft@main", trusted_keys()) == ()
    with pytest.raises(NotFoundError):
        attest(registry, "demo/x@2.0.0", envelope, proof, trusted_keys())
