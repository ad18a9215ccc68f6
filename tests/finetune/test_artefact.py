"""Exports of a small model, opened by onnxruntime and torch.export, measured on real photographs."""

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import onnxruntime
import pytest
import torch
from securesystemslib.signer import CryptoSigner
from sklearn.metrics import accuracy_score

from roadworthy.finetune import Exported, artefact, export, load
from roadworthy.model_cards import InputError
from roadworthy.model_cards.artefact import Format, check
from roadworthy.model_cards.snapshot import sha256_of

SIGNER = CryptoSigner.generate_ed25519()
FORMATS: tuple[Format, ...] = ("onnx", "torch-export")


@pytest.fixture(scope="module")
def exports(certified: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Exported]:
    """The candidate in both formats."""
    root = tmp_path_factory.mktemp("exported")
    data, snapshot = certified
    return {to: export(snapshot, to=to, out=root / to, data=data, signer=SIGNER) for to in FORMATS}


def _run(exported: Exported, images: torch.Tensor) -> torch.Tensor:
    """What plain onnxruntime, or plain torch, answers, without any of our code."""
    if exported.record.artefact.format == "onnx":
        session = onnxruntime.InferenceSession(exported.folder / "model.onnx", providers=["CPUExecutionProvider"])
        return torch.from_numpy(session.run(["logits"], {"images": images.numpy()})[0])
    answer: torch.Tensor = torch.export.load(exported.folder / "model.pt2").module()(images)
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("to", FORMATS)
@pytest.mark.parametrize("batch", [1, 2, 7])
def test_a_stranger_gets_the_same_logits(
    certified: tuple[Path, Path], exports: dict[str, Exported], to: str, batch: int
) -> None:
    """At any batch size, within 1e-4 of the packaged model."""
    images = torch.randn(batch, 3, 48, 48, generator=torch.Generator().manual_seed(batch))
    with torch.inference_mode():
        expected = load(certified[1]).model(images)
    assert torch.allclose(_run(exports[to], images).detach(), expected, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("to", FORMATS)
def test_the_metric_is_that_of_the_artefact(
    certified: tuple[Path, Path], exports: dict[str, Exported], to: str
) -> None:
    """scikit-learn's accuracy of the packaged model, whose answers the artefact gives."""
    data, snapshot = certified
    files = sorted((data / "test").rglob("*.jpeg"))
    answers = [label for label, _ in load(snapshot).classify(files)]
    found = exports[to].record.artefact
    assert found.metric.value == pytest.approx(accuracy_score([f.parent.name for f in files], answers))
    assert found.metric.n == found.test.n == 24
    assert found.agreement is not None
    assert found.agreement.same == 1.0
    assert found.agreement.largest_difference < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("to", FORMATS)
def test_the_record_binds_files_and_source(certified: tuple[Path, Path], exports: dict[str, Exported], to: str) -> None:
    """Signed over every file of the export; the weights and the certificate it came from; what ran it."""
    _, snapshot = certified
    exported = exports[to]
    assert check(exported.folder, [SIGNER.public_key]) == exported.record
    name = {"onnx": "model.onnx", "torch-export": "model.pt2"}[to]
    assert {file.path for file in exported.record.files} == {"config.json", "evidence.jsonl", name}
    assert {p.name for p in exported.folder.iterdir()} == {"config.json", "evidence.jsonl", "verification.json", name}
    found = exported.record.artefact
    assert {file.path: file.sha256 for file in found.source} == {
        name: sha256_of(snapshot / name) for name in ("certificate.json", "model.safetensors")
    }
    runtime = f"onnxruntime {onnxruntime.__version__}" if to == "onnx" else f"torch {torch.__version__}"
    assert runtime in found.opened_by


@pytest.mark.slow
@pytest.mark.parametrize("to", FORMATS)
def test_nothing_of_this_machine_is_in_an_export(exports: dict[str, Exported], to: str, tmp_path: Path) -> None:
    """Tracers write where the model's source lies; the path of this installation is in none of the files."""
    here = str(Path(torch.__file__).parent.parent).encode()
    for path in exports[to].folder.iterdir():
        files = [path]
        if path.suffix == ".pt2":
            shutil.unpack_archive(path, tmp_path / "unpacked", "zip")
            files = [p for p in (tmp_path / "unpacked").rglob("*") if p.is_file()]
        for file in files:
            assert here not in file.read_bytes(), file


def test_what_cannot_be_exported(certified: tuple[Path, Path], snapshot: Path, tmp_path: Path) -> None:
    """Refused before anything is written, each with what was expected."""
    data, good = certified
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/notes.txt").write_text("mine")
    wishes: tuple[tuple[dict[str, Any], str], ...] = (
        ({"out": tmp_path / "taken"}, "is not an empty folder; nothing in it was touched"),
        ({"to": "tflite"}, "format 'tflite' is not known. Expected one of: onnx, torch-export"),
        ({"snapshot": tmp_path / "nothing"}, "no snapshot at"),
        ({"snapshot": snapshot}, "no target to verify the export against"),
        ({"target": "f1>=0.5"}, "the target is on 'f1'; protocol .* gives 'top1'"),
    )
    usual: dict[str, Any] = {"snapshot": good, "to": "torch-export", "out": tmp_path / "o", "data": data}
    for wish, said in wishes:
        with pytest.raises(InputError, match=said):
            export(**usual | wish, signer=SIGNER)
    assert [p.name for p in (tmp_path / "taken").iterdir()] == ["notes.txt"]
    assert not (tmp_path / "o").exists()


def test_a_missing_package_is_named(
    certified: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that installs it."""
    monkeypatch.setattr(artefact, "find_spec", lambda name: None if name == "onnxscript" else find_spec(name))
    with pytest.raises(InputError, match=r"needs onnxscript, not installed\. Run: pip install 'roadworthy\[export\]'"):
        export(certified[1], to="onnx", out=tmp_path / "out", data=certified[0], signer=SIGNER)
