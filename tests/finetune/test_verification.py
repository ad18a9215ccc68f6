"""The clean process, end to end on a small model and real photographs."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from securesystemslib.signer import CryptoSigner
from sklearn.metrics import accuracy_score

from roadworthy.finetune import Verified, finetune, load, verify
from roadworthy.model_cards import CheckError, InputError, attestation, audit, evidence
from roadworthy.model_cards.attestation import Attestable
from roadworthy.model_cards.certificate import from_statement
from roadworthy.model_cards.envelope import open_envelope, payload_of
from roadworthy.model_cards.gate import Gate
from roadworthy.model_cards.snapshot import entry_of
from roadworthy.model_cards.waiver import Waiver

from .conftest import Lay

SIGNER = CryptoSigner.generate_ed25519()
SECOND = CryptoSigner.generate_ed25519()


@pytest.fixture(scope="module")
def road(
    snapshot: Path, photographs: dict[tuple[str, str], list[Path]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, Verified]:
    """One run, verified: (data, run, what verification said)."""
    root = tmp_path_factory.mktemp("road")
    for part, count in (("train", 60), ("test", 20)):
        for label in ("NORMAL", "PNEUMONIA"):
            folder = root / "xrays" / part / label
            folder.mkdir(parents=True)
            for path in photographs[part, label][:count]:
                shutil.copyfile(path, folder / path.name)
    finetune(snapshot, data=root / "xrays", out=root / "run", target="top1>=0.3", epochs=2, image_size=48)
    return root / "xrays", root / "run", verify(root / "run", data=root / "xrays", signer=SIGNER)


def test_a_verified_run_passes_its_audit(road: tuple[Path, Path, Verified]) -> None:
    """Evidence, certificate and card hold together without torch or data."""
    result = audit(road[2].snapshot, [SIGNER.public_key])
    assert result.reasons == ()
    assert result.ok


def test_the_metric_is_what_the_opened_model_answers(road: tuple[Path, Path, Verified]) -> None:
    """scikit-learn's accuracy of the opened model's own answers, file by file."""
    data, _, verified = road
    files = sorted((data / "test").rglob("*.jpeg"))
    answers = [label for label, _ in load(verified.snapshot).classify(files)]
    assert verified.metric.value == pytest.approx(accuracy_score([f.parent.name for f in files], answers))
    assert verified.metric.n == len(files) == 40


def test_what_the_certificate_says(road: tuple[Path, Path, Verified]) -> None:
    """The claim names data, start, clocks and environment as they were."""
    claim = road[2].claim
    assert claim is not None
    assert claim.data.name == "xrays"
    assert claim.data.labels == ("NORMAL", "PNEUMONIA")
    assert claim.data.test.n == 40
    assert claim.data.train is not None
    assert claim.data.validation is not None
    assert claim.data.train.n + claim.data.validation.n == 120
    assert claim.data.exact_duplicates == 0
    assert claim.data.near_duplicates is None
    assert claim.start.kind == "checkpoint"
    assert claim.training is not None
    assert 0 <= claim.training.clocks.train_only < claim.training.clocks.run <= claim.training.clocks.total
    assert claim.training.clocks.samples > 0
    assert claim.protocol.name == "image-top1-bilinear-54-48@1"
    assert claim.parent is not None
    assert claim.parent.not_compared == "it is an uncertified draft"


def test_nothing_of_this_machine_is_published(road: tuple[Path, Path, Verified]) -> None:
    """No path of this machine stands in any text of the candidate."""
    for path in road[2].snapshot.rglob("*"):
        if path.is_file() and path.suffix != ".safetensors":
            text = path.read_text()
            assert str(road[0].parent) not in text, path
            assert str(Path(__file__).resolve().parent.parent.parent) not in text, path


def test_a_second_measurement_agrees(road: tuple[Path, Path, Verified]) -> None:
    """Measuring a certified folder again changes nothing in it and finds the same answers."""
    data, _, verified = road
    before = {p: p.stat().st_mtime_ns for p in verified.snapshot.rglob("*")}
    again = verify(verified.snapshot, data=data, signer=SECOND, attest_as="bob")
    assert again.ok, again.reasons
    assert (again.agreement, again.within) == (1.0, True)
    assert again.metric == verified.metric
    assert not again.certified
    assert {p: p.stat().st_mtime_ns for p in verified.snapshot.rglob("*")} == before
    # What the second party has signed speaks of the certificate, and follows from its own evidence.
    assert again.attestation is not None
    assert again.evidence is not None
    path = verified.snapshot / "certificate.json"
    version = Attestable(
        subject=entry_of(path, path.name),
        certificate=from_statement(payload_of(path.read_bytes())),
        first=evidence.load((verified.snapshot / "evidence/test.jsonl").read_bytes()),
    )
    opened = open_envelope(again.attestation, [SECOND.public_key])
    record = attestation.from_statement(opened.payload)
    assert list(attestation.problems(record, version, again.evidence, opened.signers)) == []
    assert record.attestation.metric == verified.metric
    assert record.attestation.verifier == attestation.Verifier(name="bob", keyid=SECOND.public_key.keyid)


def test_other_weights_lie_beyond_the_tolerance(road: tuple[Path, Path, Verified], tmp_path: Path) -> None:
    """Weights that were exchanged after they were certified: measured, told, and not attested."""
    data, _, verified = road
    folder = tmp_path / "copy"
    shutil.copytree(verified.snapshot, folder)
    tensors = load_file(folder / "model.safetensors")
    save_file({name: -t if "classifier" in name else t for name, t in tensors.items()}, folder / "model.safetensors")
    again = verify(folder, data=data, signer=SECOND)
    assert (again.within, again.ok) == (False, False)
    assert "predictions differ from the certificate's" in again.reasons[0]
    assert again.answers is not None
    assert again.answers.differing > 0


def test_what_cannot_be_attested(road: tuple[Path, Path, Verified], lay: Lay) -> None:
    """Other data than the certificate's, and a run, which nobody has published."""
    data, run, verified = road
    with pytest.raises(CheckError, match=r"not the certificate's test data: expected 40 examples"):
        verify(verified.snapshot, data=lay(), signer=SECOND, attest_as="bob")
    with pytest.raises(InputError, match="no certificate that could be attested"):
        verify(run, data=data, signer=SECOND, attest_as="bob")


def test_a_child_is_compared_with_its_parent(road: tuple[Path, Path, Verified], tmp_path: Path) -> None:
    """Fine-tuned again, measured beside its parent on the same examples, pair by pair."""
    data, _, verified = road
    finetune(
        verified.snapshot, data=data, out=tmp_path / "child", target="top1>=0.3", epochs=1, reference="team/x@1.0.0"
    )
    child = verify(tmp_path / "child", data=data, signer=SIGNER, gate="non-inferior=0.9", parent_data=data)
    assert child.ok, child.reasons
    assert child.claim is not None
    assert child.claim.gate == Gate(kind="non-inferior", margin=0.9)
    parent = child.claim.parent
    assert parent is not None
    assert parent.reference == "team/x@1.0.0"
    assert parent.non_inferior is not None
    assert (parent.non_inferior.margin, parent.non_inferior.holds) == (0.9, True)
    # The parent's own test data are the same here, so both comparisons must be.
    own = parent.own_test
    assert own is not None
    assert (own.parent_metric, own.metric, own.comparison) == (parent.metric, child.metric, parent.comparison)
    assert parent.metric == verified.metric
    comparison = parent.comparison
    assert comparison is not None
    assert comparison.difference == pytest.approx(child.metric.value - verified.metric.value)
    assert audit(child.snapshot, [SIGNER.public_key]).ok


def test_a_leak_is_counted_and_refused(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """A test photograph among the training ones: certified as it is, and not ok."""
    data = lay()
    shutil.copyfile(next((data / "test/NORMAL").iterdir()), data / "train/NORMAL/copied.jpeg")
    finetune(snapshot, data=data, out=tmp_path / "run", target="top1>=0.0", epochs=1)
    result = verify(tmp_path / "run", data=data, signer=SIGNER)
    assert not result.ok
    assert result.reasons == (
        "1 of 16 test examples were also trained on, with the same content: expected 0. Remove them and measure again",
    )


def test_a_missed_target_can_be_waived_and_the_rest_is_left_out(
    road: tuple[Path, Path, Verified], tmp_path: Path
) -> None:
    """Nothing leaked, so of two waivers one is kept; the verdict stays no, and the audit passes."""
    folder = tmp_path / "run"
    shutil.copytree(road[1], folder)
    waivers = [
        Waiver(kind=kind, reason="a pilot", by="ana", keyid=SIGNER.public_key.keyid) for kind in ("target", "leak")
    ]
    result = verify(folder, data=road[0], signer=SIGNER, target="top1>=1.0", waivers=waivers)
    assert result.ok, result.reasons
    assert result.claim is not None
    assert result.claim.waivers == (waivers[0],)
    assert not result.claim.verdicts.reproduced
    assert audit(result.snapshot, [SIGNER.public_key]).ok
    assert "passed by waiver" in (result.snapshot / "README.md").read_text()


def test_other_data_than_the_parents_is_refused(road: tuple[Path, Path, Verified], lay: Lay, tmp_path: Path) -> None:
    """Its fingerprint is on the parent's certificate; nothing is certified."""
    data, _, verified = road
    finetune(verified.snapshot, data=data, out=tmp_path / "child", target="top1>=0.0", epochs=1)
    with pytest.raises(InputError, match=r"--parent-data is not the parent's test data: expected 40 examples"):
        verify(tmp_path / "child", data=data, signer=SIGNER, parent_data=lay())
    assert not (tmp_path / "child/candidate/certificate.json").exists()


@pytest.mark.parametrize(
    ("asked", "message"),
    [({"gate": "non-inferior=0.01"}, "compares with a certified parent"), ({"parent_data": "x"}, "no such parent")],
)
def test_without_a_parent_nothing_is_compared(
    road: tuple[Path, Path, Verified], asked: dict[str, Any], message: str
) -> None:
    """This run began with an uncertified checkpoint; it is told before anything is measured."""
    with pytest.raises(InputError, match=message):
        verify(road[1], data=road[0], signer=SIGNER, **asked)


def test_no_target(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """Without a target there is nothing to verify against; nothing is written."""
    folder = tmp_path / "mine"
    shutil.copytree(snapshot, folder)
    with pytest.raises(InputError, match="no target to verify against"):
        verify(folder, data=lay(), signer=SIGNER)
    assert sorted(p.name for p in folder.iterdir()) == ["config.json", "model.safetensors"]


def test_data_of_other_classes(snapshot: Path, lay: Lay) -> None:
    """The clean process's refusal arrives as the error it was, not as a stack trace."""
    with pytest.raises(InputError, match="has a class the model was not trained on: 'NORMAL'"):
        verify(snapshot, data=lay(), signer=SIGNER, target="top1>=0.5")


def test_evidence_has_no_more_than_it_needs(road: tuple[Path, Path, Verified]) -> None:
    """Rows name pictures by digest, never by the user's file names."""
    rows = evidence.load((road[2].snapshot / "evidence/test.jsonl").read_bytes())
    assert all(len(row.id) == 64 and set(row.id) <= set("0123456789abcdef") for row in rows)
    assert {row.truth for row in rows} == {0, 1}


def test_the_claim_survives_its_statement(road: tuple[Path, Path, Verified]) -> None:
    """What was signed is what verification returned."""
    signed = from_statement(payload_of((road[2].snapshot / "certificate.json").read_bytes()))
    assert signed.claim == road[2].claim
    assert {f.path for f in signed.files} == {
        p.relative_to(road[2].snapshot).as_posix()
        for p in road[2].snapshot.rglob("*")
        if p.is_file() and p.name != "certificate.json"
    }
