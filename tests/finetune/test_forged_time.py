"""A real run passes the replay; the same one ten thousand times as fast, logged and signed anew, does not."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from securesystemslib.signer import CryptoSigner

from roadworthy.finetune import finetune, verify
from roadworthy.finetune.architectures import build
from roadworthy.finetune.model_config import ModelConfig
from roadworthy.finetune.timm_snapshot import save
from roadworthy.model_cards import Claim, audit, card, clocks, evidence, image_top1, list_files
from roadworthy.model_cards.audit import Audit
from roadworthy.model_cards.certificate import Certificate, from_statement, to_statement
from roadworthy.model_cards.envelope import payload_of, seal

SIGNER = CryptoSigner.generate_ed25519()
Events = list[dict[str, Any]]


@pytest.fixture(scope="module")
def real(certified: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certified run of a network that is worth a computer's while: ResNet-18 at 64 pixels, on real photographs."""
    data, root = certified[0], tmp_path_factory.mktemp("real")
    torch.manual_seed(7)
    config = ModelConfig(
        task="image-classification",
        architecture="resnet18",
        system="resnet18",
        labels=("a", "b", "c"),
        protocol=image_top1(resize=72, crop=64, interpolation="bilinear", mean=(0.5,) * 3, std=(0.5,) * 3),
    )
    save(root / "start", build("resnet18", num_classes=3), config)
    finetune(root / "start", data=data, out=root / "run", target="top1>=0.0", epochs=1)
    return verify(root / "run", data=data, signer=SIGNER).snapshot


def signed_anew(snapshot: Path, folder: Path, change: Callable[[Events], None] = lambda events: None) -> Audit:
    """The audit of a copy whose log was changed, and whose clocks, card and signature follow from the changed log."""
    shutil.copytree(snapshot, folder)
    lines = (folder / "log/events.log").read_text().splitlines()
    events: Events = [json.loads(line.removeprefix(clocks.PREFIX)) for line in lines]
    change(events)
    (folder / "log/events.log").write_text("".join(clocks.PREFIX + json.dumps(event) + "\n" for event in events))
    road = clocks.read(clocks.parse((folder / "log/events.log").read_text()))
    claim: Claim = from_statement(payload_of((folder / "certificate.json").read_bytes())).claim
    assert claim.training is not None
    assert road.clocks is not None
    # Two cores, so that what is refused does not depend on the machine that tests it.
    machine = dataclasses.replace(claim.training.environment, cores=2, accelerators=())
    training = dataclasses.replace(claim.training, clocks=road.clocks, environment=machine)
    claim = dataclasses.replace(claim, training=training)
    rows = evidence.load((folder / "evidence/test.jsonl").read_bytes())
    for path, data in card.render(card.Proof(claim=claim, rows=rows, curve=road.curve)).items():
        (folder / path).write_bytes(data)
    (folder / "certificate.json").unlink()
    certificate = Certificate(files=list_files(folder), claim=claim)
    (folder / "certificate.json").write_bytes(seal(to_statement(certificate), SIGNER))
    return audit(folder, (SIGNER.public_key,))


def faster(events: Events, times: float) -> None:
    """Every duration of the log divided, from the moment that its process began."""
    began = 1000 * float(events[0]["metadata"]["process_started"])
    for event in events:
        event["time_ms"] = began + (event["time_ms"] - began) / times
        if "train_seconds" in event["metadata"]:
            event["metadata"]["train_seconds"] /= times


def test_a_real_run_passes(real: Path, tmp_path: Path) -> None:
    """With its arithmetic counted, its stopping rule in its log, and every check made."""
    outcome = signed_anew(real, tmp_path / "true")
    assert outcome.ok, outcome.reasons
    assert outcome.certificate is not None
    assert outcome.certificate.claim.flops is not None
    assert any(check.startswith("no faster than its hardware: ") for check in outcome.checks)
    assert "target met and held at the end, by the evaluations" in outcome.checks
    assert '"key": "target", "value": "top1>=0.0"' in (real / "log/events.log").read_text()


def test_ten_thousand_times_as_fast_is_implausible(real: Path, tmp_path: Path) -> None:
    """Consistent in itself, with clocks and card that follow from it."""
    outcome = signed_anew(real, tmp_path / "fast", lambda events: faster(events, 10_000))
    assert [reason.split(":")[0] for reason in outcome.reasons] == ["the time is implausible"], outcome.reasons


def _raise_last(events: Events) -> None:
    last = [event for event in events if event["key"] == "eval_accuracy"][-1]
    last["value"] = min(1.0, last["value"] + 0.01) if last["value"] < 1 else 0.99


def _miss(events: Events) -> None:
    for event in events:
        if event["key"] == "target":
            event["value"] = "top1>=0.01"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_raise_last, "expected the last evaluation in the log"),
        (_miss, "the run was begun with the target top1>=0.01 held"),
    ],
)
def test_a_figure_of_the_log_that_was_changed_is_found(
    real: Path, tmp_path: Path, change: Callable[[Events], None], reason: str
) -> None:
    """The last evaluation; the target that the run was begun with."""
    outcome = signed_anew(real, tmp_path / "changed", change)
    assert any(reason in found for found in outcome.reasons), outcome.reasons
