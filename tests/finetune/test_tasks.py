"""Tasks are found by what a snapshot says of itself, in this package and in others."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from roadworthy.finetune import finetune
from roadworthy.finetune.open_model import open_snapshot
from roadworthy.finetune.tasks import named, task_called, task_of
from roadworthy.model_cards import InputError

from .conftest import Lay

FOREIGN = '''
import dataclasses
from roadworthy.finetune.image_task import ImageTask
from roadworthy.finetune import timm_snapshot

class LeafTask(ImageTask):
    """Leaves of plants: another package's task, which trains as images do and is called something else."""

    name = "leaf-health"

    def opens(self, config):
        return config.get("roadworthy", {}).get("task") == self.name

    def read_config(self, folder):
        return dataclasses.replace(super().read_config(folder), task=self.name)

    def named(self, start):
        if not start.startswith("leaf:"):
            return None
        return dataclasses.replace(super().named("timm:" + start.removeprefix("leaf:")), task=self.name)
'''


@pytest.fixture
def leaf_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that offers a task, as pip would leave it: a module and its metadata."""
    (tmp_path / "leafpack.py").write_text(FOREIGN)
    about = tmp_path / "leafpack-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: leafpack\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[roadworthy.tasks]\nleaf-health = leafpack:LeafTask\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "leafpack", raising=False)


def test_a_task_of_another_package_trains_and_opens(leaf_package: None, lay: Lay, tmp_path: Path) -> None:
    """The same road: from its own name, over a run, to a snapshot that names the task and is opened by it."""
    finetune("leaf:test_efficientnet", data=lay(train=6, test=2), out=tmp_path / "run", epochs=1, image_size=32)
    snapshot = tmp_path / "run/candidate"
    assert json.loads((snapshot / "config.json").read_text())["roadworthy"]["task"] == "leaf-health"
    opened = open_snapshot(snapshot)
    assert (opened.task.name, opened.config.labels) == ("leaf-health", ("NORMAL", "PNEUMONIA"))


def test_without_the_package_the_message_says_what_is_missing(
    leaf_package: None, snapshot: Path, tmp_path: Path
) -> None:
    """A snapshot of a task that nobody here knows is refused by the task's name."""
    copy = tmp_path / "copy"
    shutil.copytree(snapshot, copy)
    document = json.loads((copy / "config.json").read_text())
    document["roadworthy"]["task"] = "sonar"
    (copy / "config.json").write_text(json.dumps(document))
    with pytest.raises(
        InputError,
        match=r"no task is called 'sonar'\. Expected one of: image-classification, text-classification, click-through, "
        "recommendation, ranking, leaf-health",
    ):
        task_of(copy)


def test_snapshots_that_others_wrote(snapshot: Path, encoder: Path, tmp_path: Path) -> None:
    """Without a section of ours, timm's and transformers' own configs are told apart; another's is refused."""
    assert task_of(encoder).name == "text-classification"
    plain = tmp_path / "plain"
    plain.mkdir()
    document = json.loads((snapshot / "config.json").read_text())
    del document["roadworthy"]
    (plain / "config.json").write_text(json.dumps(document))
    assert task_of(plain).name == "image-classification"
    (plain / "config.json").write_text(json.dumps({"model_type": "wav2vec2"}))
    with pytest.raises(InputError, match="is of no known task"):
        task_of(plain)


def test_a_config_that_asks_for_code(snapshot: Path, tmp_path: Path) -> None:
    """auto_map is never followed."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "auto_map": {"AutoModel": "x.y"}}))
    with pytest.raises(InputError, match="has 'auto_map', which makes loaders run code"):
        task_of(tmp_path)


def test_names() -> None:
    """A system of the catalogue and a timm name belong to images; a task is found by the Hub's name for it."""
    assert named("resnet50-v1.5")[0].name == "image-classification"
    assert named("timm:resnet18")[1].architecture == "resnet18"
    assert task_called("text-classification").name == "text-classification"
