"""A true signature on bytes that it is not of: another model's, another kind of statement's, another version's."""

import json
import shutil
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

import pytest
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards import audit, canonical
from roadworthy.model_cards.envelope import payload_of, seal
from roadworthy.model_cards.errors import CheckError
from roadworthy.model_cards.performance import Performance, PerformanceRecord, subjects_of, to_statement
from roadworthy.registry import Manifest, Policy, Registry, Rule, add_performance, layout, performance, publish
from roadworthy.registry.rotation import endorse

from .conftest import Candidate, Road
from .forgery import certified, refused

Keys = tuple[Key, ...]


def test_a_certificate_of_another_model(candidate: Candidate, registry: Registry, keys: Keys) -> None:
    """The parent's certificate on its child: every file that differs is named, and nothing is published."""
    folder = candidate()
    shutil.copyfile(candidate("first", first=True) / "certificate.json", folder / "certificate.json")
    with pytest.raises(CheckError) as caught:
        publish(registry, folder, "team/xrays@1.2.0", keys=keys)
    said = "\n".join(caught.value.reasons)
    assert "model.safetensors was changed after it was certified" in said
    assert "evidence/parent.jsonl is not covered by the certificate" in said


def test_a_signature_moved_to_another_text(candidate: Candidate, keys: Keys) -> None:
    """The signature of a modest claim under a better one."""
    folder = candidate()
    first = json.loads((candidate("first", first=True) / "certificate.json").read_bytes())
    second = json.loads((folder / "certificate.json").read_bytes())
    (folder / "certificate.json").write_bytes(canonical.dump(second | {"signatures": first["signatures"]}))
    assert any("edited after it was signed" in reason for reason in audit(folder, keys).reasons)


def test_a_trusted_key_s_signature_beside_a_text_it_did_not_sign(candidate: Candidate, road: Road, keys: Keys) -> None:
    """Mallory signs her text, and puts the publisher's key id on her own signature."""
    folder, mallory = candidate(), CryptoSigner.generate_ed25519()
    forged = json.loads(seal(payload_of((folder / "certificate.json").read_bytes()), mallory))
    forged["signatures"][0]["keyid"] = road.publisher.public_key.keyid
    (folder / "certificate.json").write_bytes(canonical.dump(forged))
    assert any("edited after it was signed" in reason for reason in audit(folder, keys).reasons)


def _record(road: Road, version: Manifest) -> bytes:
    claim = certified(road.child / "candidate").claim
    record = PerformanceRecord(
        files=subjects_of(version.files),
        performance=Performance(
            system=claim.system,
            protocol=claim.protocol,
            example="48 x 48 pixels",
            latencies=(),
            accuracies=(),
            test=None,
            environment=claim.environment,
            measured_at=claim.measured_at,
        ),
    )
    return seal(to_statement(record), road.publisher)


def test_a_true_statement_of_another_kind(candidate: Candidate, road: Road, version: Manifest, keys: Keys) -> None:
    """A performance record and a rotation, signed by the trusted key, in the place of the certificate."""
    folder = candidate()
    for envelope in (_record(road, version), endorse(road.publisher, CryptoSigner.generate_ed25519())):
        (folder / "certificate.json").write_bytes(envelope)
        (reason,) = audit(folder, keys).reasons
        assert "expected 'urn:roadworthy:certificate:v1'" in reason


def test_a_certificate_in_the_place_of_a_performance_record(registry: Registry, road: Road, keys: Keys) -> None:
    """And the other way round."""
    envelope = (road.child / "candidate/certificate.json").read_bytes()
    with pytest.raises(Exception, match="expected 'urn:roadworthy:performance:v1'"):
        add_performance(registry, "team/xrays@1.1.0", envelope, keys)


def test_a_performance_record_of_another_version(registry: Registry, road: Road, version: Manifest, keys: Keys) -> None:
    """Refused where it is added, and told where it was put by hand; the version's own record still counts."""
    envelope = _record(road, version)
    assert add_performance(registry, "team/xrays@1.1.0", envelope, keys) == 1
    with pytest.raises(CheckError, match=r"is of other files than team/xrays@1\.0\.0's"):
        add_performance(registry, "team/xrays@1.0.0", envelope, keys)
    put = Path(registry.location) / layout.key("performance", "team", "xrays", "1.0.0", 1)
    put.parent.mkdir(parents=True)
    put.write_bytes(envelope)
    (found,) = performance(registry, "team/xrays@1.0.0", keys)
    assert found.record is None
    assert "of other files" in str(found.problem)
    (own,) = performance(registry, "team/xrays@1.1.0", keys)
    assert own.problem is None


def test_another_payload_type(candidate: Candidate, road: Road, keys: Keys) -> None:
    """DSSE signs the type with the text: the same signature under another type does not hold."""
    folder = candidate()
    document = json.loads((folder / "certificate.json").read_bytes())
    (folder / "certificate.json").write_bytes(canonical.dump(document | {"payloadType": "text/plain"}))
    assert not audit(folder, keys).ok


def test_an_old_model_under_a_new_number_is_bounded_by_its_age(
    candidate: Candidate, registry: Registry, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate does not name its version (decision 14). What bounds that is a policy's ``max_age_days``."""
    folder = candidate()
    assert not refused(folder, keys)

    class Later(datetime):
        """400 days from now."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + timedelta(days=400)

    monkeypatch.setattr("roadworthy.registry.policy_file.datetime", Later)
    policy = Policy(rules=(Rule(namespace="team", max_age_days=365),), source="the policy of the test")
    with pytest.raises(CheckError, match="measured 400 days ago"):
        publish(registry, folder, "team/xrays@9.0.0", keys=keys, policy=policy)
