"""The fixed surface: JSON that scripts rely on, exit codes, messages."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from roadworthy.model_cards.snapshot import sha256_of

from .conftest import Command, Place

METRIC = {"name", "protocol", "value", "low", "high", "n"}
TTS = {"run", "total", "train_only"}
ENTRY = {"reference", "task", "system", "metric", "tts", "verdicts", "created"}


def test_finetune_answers(place: Place) -> None:
    """run, target_met, metric, tts; progress stays off stdout."""
    answer = place.answers["finetune"]
    assert answer.code == 0, answer.err
    assert set(answer.json) == {"run", "target_met", "metric", "tts"}
    assert set(answer.json["metric"]) == METRIC
    assert set(answer.json["tts"]) == TTS
    assert answer.json["target_met"] is True
    assert answer.json["tts"]["total"] >= answer.json["tts"]["run"] >= answer.json["tts"]["train_only"] >= 0


def test_import_verify_and_publish_answer(place: Place) -> None:
    """ok and reasons, as scripts read them."""
    assert place.answers["import"].json["reference"] == "team/base@main"
    assert place.answers["import"].json["layout"] == "timm"
    verified = place.answers["verify"]
    assert (verified.code, verified.json["ok"], verified.json["reasons"]) == (0, True, []), verified.err
    assert set(verified.json["metric"]) == METRIC
    published = place.answers["publish"].json
    assert (published["ok"], published["reasons"], published["reference"]) == (True, [], "team/xrays@1.0.0")


def test_models_lists_versions_and_drafts(roadworthy: Command) -> None:
    """Every entry has the promised fields; a draft's figures are null."""
    entries = roadworthy("models", "--json").json
    assert [e["reference"] for e in entries] == ["team/base@main", "team/xrays@1.0.0"]
    assert all(set(e) >= ENTRY for e in entries)
    assert entries[0]["metric"] is None
    assert set(entries[1]["metric"]) == METRIC
    assert set(entries[1]["tts"]) == TTS
    assert set(entries[1]["verdicts"]) == {"reproduced", "generalises"}


def test_models_can_be_searched(roadworthy: Command) -> None:
    """By text, task and measured figure; a wrong expression is bad input."""
    assert [e["reference"] for e in roadworthy("models", "xray", "--json").json] == ["team/xrays@1.0.0"]
    assert roadworthy("models", "--where", "top1>=1.01", "--json").json == []
    assert len(roadworthy("models", "--where", "top1>=0.2", "--task", "image-classification", "--json").json) == 1
    answer = roadworthy("models", "--where", "good")
    assert answer.code == 2
    assert "cannot read the target 'good'. Expected a metric, >= or <=, and a number" in answer.err


def test_models_table_names_what_was_not_measured(roadworthy: Command) -> None:
    """For people: one line each, a draft marked as such."""
    lines = roadworthy("models").out.splitlines()
    assert lines[1].startswith("team/base@main    not measured")
    assert "uncertified draft" in lines[1]
    assert "reproduced" in lines[2]


def test_show_has_files_parent_and_certificate(roadworthy: Command, place: Place) -> None:
    """The same as models, and what the version is made of."""
    shown = roadworthy("show", "team/xrays@latest", "--json").json
    assert set(shown) >= ENTRY | {"files", "parent", "certificate"}
    assert shown["parent"] == "team/base@main"
    files = {f["path"]: f for f in shown["files"]}
    weights = place.run / "candidate/model.safetensors"
    assert files["model.safetensors"]["size"] == weights.stat().st_size
    assert len(files["model.safetensors"]["sha256"]) == 64
    assert shown["certificate"]["metric"]["value"] == shown["metric"]["value"]
    assert "time-to-solution" in roadworthy("show", "team/xrays@1.0.0").out


def test_pull_prints_the_path(roadworthy: Command, tmp_path: Path) -> None:
    """Into the Hub cache, or into a folder of plain files."""
    cached = roadworthy("pull", "team/xrays@1.0.0", "--json").json
    assert cached["reference"] == "team/xrays@1.0.0"
    assert Path(cached["path"], "model.safetensors").is_file()
    plain = roadworthy("pull", "team/xrays@1.0.0", "--to", tmp_path / "here")
    assert plain.out.strip() == str(tmp_path / "here")
    assert not (tmp_path / "here/model.safetensors").is_symlink()


def test_audit_says_yes_to_folder_run_and_reference(roadworthy: Command, place: Place) -> None:
    """The same audit, whatever the word names."""
    for subject in (place.run, place.run / "candidate", "team/xrays@1.0.0"):
        answer = roadworthy("audit", subject, "--json")
        assert (answer.code, answer.json["ok"], answer.json["reasons"]) == (0, True, [])


@pytest.mark.slow
def test_a_published_version_can_be_measured_again(roadworthy: Command, place: Place) -> None:
    """verify REF runs the evaluation anew and agrees with the certificate."""
    answer = roadworthy("verify", "team/xrays@1.0.0", "--data", place.data, "--json")
    assert answer.code == 0, answer.err
    assert answer.json["agreement"] == 1.0
    assert answer.json["certified"] is False


@pytest.mark.slow
def test_stock_clients_open_what_was_pulled(roadworthy: Command, place: Place) -> None:
    """Plain timm and plain transformers, offline, by name, from the Hub cache; the same answers."""
    roadworthy("pull", "team/xrays@1.0.0")
    code = """
import timm, torch, transformers
from transformers import AutoModel, AutoModelForImageClassification
one = timm.create_model("hf-hub:team/xrays@v1.0.0", pretrained=True).eval()
two = AutoModelForImageClassification.from_pretrained("team/xrays", revision="v1.0.0").eval()
three = AutoModel.from_pretrained("team/xrays", revision="v1.0.0")
x = torch.randn(2, 3, 48, 48)
with torch.no_grad():
    assert torch.allclose(one(x), two(x).logits, atol=1e-5)
print(two.config.id2label)
"""
    environment = os.environ | {"HF_HUB_CACHE": str(place.root / "hub"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "{0: 'NORMAL', 1: 'PNEUMONIA'}"


def test_the_gate_refuses_with_exit_code_1(roadworthy: Command, place: Place, tmp_path: Path) -> None:
    """A version that exists; a candidate with one flipped byte; each with its reason, as JSON too."""
    answer = roadworthy("publish", place.run, "team/xrays@1.0.0")
    assert answer.code == 1
    assert "1.0.0" in answer.err
    assert "1.0.1" in answer.err
    roadworthy("pull", "team/xrays@1.0.0", "--to", tmp_path / "copy")
    weights = tmp_path / "copy/model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.chmod(0o644)
    weights.write_bytes(data)
    answer = roadworthy("publish", tmp_path / "copy", "team/xrays@1.0.1", "--json")
    assert answer.code == 1
    assert answer.json["ok"] is False
    assert answer.json["reasons"][0].startswith("model.safetensors was changed after it was certified")
    assert roadworthy("audit", tmp_path / "copy").code == 1


def test_a_draft_cannot_be_published_or_verified_in_place(roadworthy: Command, place: Place, tmp_path: Path) -> None:
    """A draft has no certificate; the message says how to get one."""
    answer = roadworthy("verify", "team/base@main", "--data", place.data, "--target", "top1>=0.1")
    assert answer.code == 2
    assert "roadworthy pull team/base@main --to DIR" in answer.err
    roadworthy("pull", "team/base@main", "--to", tmp_path / "draft")
    answer = roadworthy("publish", tmp_path / "draft", "team/base@1.0.0")
    assert answer.code == 1
    assert "no certificate.json" in answer.err


@pytest.mark.slow
def test_bad_input_is_exit_code_2(roadworthy: Command, place: Place, tmp_path: Path) -> None:
    """Usage, references, data: one or two lines, no stack trace."""
    out = tmp_path / "run"
    for words, said in (
        (("show", "team/xrays@9.9.9"), "team/xrays@9.9.9 is not in"),
        (("pull", "no-slash"), "cannot read"),
        (("finetune", "resnet51", "--data", place.data, "--out", out), "no system is called 'resnet51'"),
        (("finetune", "team/base@main", "--data", tmp_path / "nowhere", "--out", out), "no data folder at"),
        (("models", "--registry", "ftp://host"), "ftp://host"),
        (("nonsense",), "No such command"),
    ):
        answer = roadworthy(*words)
        assert answer.code == 2, (words, answer)
        assert said in answer.err, answer.err
        assert "Traceback" not in answer.err
        assert answer.out == ""


@pytest.mark.slow
def test_a_target_that_does_not_hold_is_exit_code_1(roadworthy: Command, place: Place, tmp_path: Path) -> None:
    """The JSON is whole, and the code says no."""
    answer = roadworthy(
        "finetune", "team/base@main", "--data", place.data, "--out", tmp_path / "run", "--target", "top1>=1.01",
        "--epochs", "1", "--image-size", "48", "--json",
    )  # fmt: skip
    assert answer.code == 1
    assert answer.json["target_met"] is False


def test_storage_that_fails_is_exit_code_3(roadworthy: Command, place: Place, tmp_path: Path) -> None:
    """One flipped byte in what the registry keeps of the weights: pulled by nobody, named by its file."""
    shutil.copytree(place.root / "registry", tmp_path / "registry")
    name = sha256_of(place.run / "candidate/model.safetensors")
    (weights,) = (path for kind in ("blobs", "deltas") for path in (tmp_path / "registry" / kind).rglob(name))
    weights.chmod(0o644)
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 4
    weights.write_bytes(data)
    answer = roadworthy("pull", "team/xrays@1.0.0", "--registry", tmp_path / "registry", "--to", tmp_path / "to")
    damaged_both_ways = answer.code, "model.safetensors" in answer.err, (tmp_path / "to").exists()
    assert damaged_both_ways == (3, True, False), answer.err


@pytest.mark.slow
def test_import_of_a_pickle_is_refused(roadworthy: Command, tmp_path: Path) -> None:
    """A file that would run code is neither loaded nor stored."""
    import pickle

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (os.system, (f"touch {tmp_path}/was-run",))

    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"state_dict": Evil()}))
    answer = roadworthy("import", tmp_path / "evil.pth", "team/evil", "--system", "resnet50-v1.5")
    assert answer.code == 2
    assert not (tmp_path / "was-run").exists()
    assert "team/evil" not in roadworthy("models").out


def test_gates_and_waivers_are_read_before_anything_is_measured(roadworthy: Command, place: Place) -> None:
    """Bad input, with what can be written; exit code 2."""
    gate = roadworthy("verify", place.run, "--data", place.data, "--gate", "points")
    assert (gate.code, "Expected point, lower-bound, or non-inferior with a margin" in gate.err) == (2, True), gate.err
    waive = roadworthy("verify", place.run, "--data", place.data, "--waive", "digest=because")
    assert (waive.code, "cannot waive 'digest'" in waive.err) == (2, True), waive.err


def test_publish_may_ask_for_a_stricter_gate(roadworthy: Command, place: Place) -> None:
    """A comparison with a parent that answered the same examples: the draft it began with did not."""
    answer = roadworthy("publish", place.run, "team/xrays@2.0.0", "--gate", "non-inferior=0.01", "--json")
    assert answer.code == 1
    assert "there is no parent that answered the same examples" in answer.json["reasons"][0]


@pytest.mark.slow
def test_diff_tells_figures_tensors_and_configuration(roadworthy: Command, place: Place) -> None:
    """A fine-tune beside itself, and beside the draft that it started from."""
    same = roadworthy("diff", "team/xrays@1.0.0", place.run, "--json")
    assert (same.code, same.err) == (0, "")
    assert (same.json["weights"]["moved"], same.json["config"]) == ([], [])
    comparison = same.json["figures"]["comparison"]
    assert (comparison["n"], comparison["gained"], comparison["lost"], comparison["p_value"]) == (30, 0, 0, 1.0)
    told = roadworthy("diff", "team/base@main", "team/xrays@1.0.0")
    assert told.code == 0
    assert "metric   not compared: team/base@main: no certificate.json: this snapshot is a draft" in told.out
    assert "classifier.weight: " in told.out
    assert "roadworthy.resize: 168 → 50" in told.out
    assert roadworthy("diff", place.root / "xrays", "team/xrays@1.0.0").code == 2


def test_a_bundle_goes_where_no_network_goes(roadworthy: Command, place: Place, tmp_path: Path) -> None:
    """Into a registry of its own; what is no bundle is an error, and nothing is overwritten."""
    file, island = tmp_path / "xrays.tar", ("--registry", tmp_path / "island")
    written = roadworthy("bundle", "team/xrays", file, "--json")
    assert (written.code, written.json["reference"]) == (0, "team/xrays@1.0.0")
    assert roadworthy("bundle", "team/xrays", file).code == 2
    imported = roadworthy("bundle", "import", file, *island)
    assert imported.code == 0
    assert imported.out.startswith(f"team/xrays@1.0.0 imported (commit {written.json['commit'][:12]})")
    shown = roadworthy("show", "team/xrays", *island, "--json")
    assert shown.json["files"] == roadworthy("show", "team/xrays", "--json").json["files"]
    assert "was there already" in roadworthy("bundle", "import", file, *island).out
    file.write_bytes(file.read_bytes()[:5000])
    assert roadworthy("bundle", "import", file, *island).code == 3
