"""Evaluation on what was trained on: seen by the digests of the content, whatever the files are called."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from roadworthy.finetune import verify
from roadworthy.model_cards import Target
from roadworthy.model_cards.errors import CheckError
from roadworthy.registry import Registry, publish

from .conftest import Road


def _run(road: Road, tmp_path: Path) -> Path:
    return Path(shutil.copytree(road.run, tmp_path / "run"))


def test_the_training_part_as_the_test_part(road: Road, registry: Registry, tmp_path: Path) -> None:
    """Renamed, and saved again in another format: the pixels are the same, so every example was trained on."""
    run = _run(road, tmp_path)
    for label in ("NORMAL", "PNEUMONIA"):
        for part, source in (("train", "test"), ("test", "train")):
            folder = tmp_path / "turned" / part / label
            folder.mkdir(parents=True)
            for number, path in enumerate(sorted((road.data / source / label).iterdir())[:8]):
                with Image.open(path) as image:
                    image.save(folder / f"{number}.png")
    done = verify(run, data=tmp_path / "turned", signer=road.publisher, target=Target.parse("top1>=0.0"))
    assert not done.ok
    assert done.claim is not None
    assert done.claim.data.exact_duplicates == 16
    with pytest.raises(CheckError, match="16 of 16 test examples were also trained on"):
        publish(registry, done.snapshot, "team/xrays@2.0.0", keys=road.keys, policy=None)
    assert len(registry.versions("team", "xrays")) == 2
