"""`roadworthy export`: kept with its proof, or refused."""

from pathlib import Path

import onnxruntime
import pytest

from .conftest import Command, Place


@pytest.mark.slow
def test_export_answers_and_plain_onnxruntime_opens_it(roadworthy: Command, place: Place, tmp_path: Path) -> None:
    """Metric, target, agreement and files; any number of images at once; and its audit sees a changed file."""
    answer = roadworthy(
        "export", "team/xrays@1.0.0", "--to", "onnx", "--out", tmp_path / "out", "--data", place.data, "--json"
    )
    assert answer.code == 0, answer.err
    assert set(answer.json) == {
        "ok", "folder", "format", "opened_by", "metric", "target", "agreement", "files",
    }  # fmt: skip
    assert answer.json["metric"] == place.answers["verify"].json["metric"]
    assert answer.json["agreement"]["same"] == 1.0
    assert answer.json["target"] == "top1>=0.2"
    session = onnxruntime.InferenceSession(tmp_path / "out/model.onnx", providers=["CPUExecutionProvider"])
    (images,) = session.get_inputs()
    assert (images.name, images.shape) == ("images", ["batch", 3, 48, 48])
    audited = roadworthy("audit", tmp_path / "out", "--json")
    assert (audited.code, audited.json["metric"]) == (0, answer.json["metric"]), audited.err
    (tmp_path / "out/config.json").write_text("{}")
    audited = roadworthy("audit", tmp_path / "out")
    assert (audited.code, audited.out) == (1, "")
    assert "config.json in" in audited.err


@pytest.mark.slow
def test_a_missed_target_is_exit_code_1(roadworthy: Command, place: Place, tmp_path: Path) -> None:
    """The refusal names the figure and the target; nothing comes to be at --out, nor beside it."""
    answer = roadworthy(
        "export", place.run, "--to", "torch-export", "--out", tmp_path / "out", "--data", place.data,
        "--target", "top1>=1.01",
    )  # fmt: skip
    assert answer.code == 1, answer.err
    assert "target missed by the exported model: top1 0." in answer.err
    assert "expected top1>=1.01, n = 30" in answer.err
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_format_is_exit_code_2(roadworthy: Command, place: Place, tmp_path: Path) -> None:
    """The message lists the right ones."""
    answer = roadworthy("export", place.run, "--to", "tflite", "--out", tmp_path / "out", "--data", place.data)
    assert answer.code == 2
    assert "Expected one of: onnx, torch-export" in answer.err
