"""Unmodified clients against a server, with nothing but HF_ENDPOINT and HF_TOKEN set.

In processes of their own, because they read their settings when they are imported. Real weights and a real photograph.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from roadworthy.registry import Manifest, Registry

from .conftest import Served

Run = Callable[..., str]
HF = "import sys; from huggingface_hub.cli.hf import main; sys.argv[0] = 'hf'; sys.exit(main())"


@pytest.fixture
def environment(served: Served, tmp_path: Path) -> dict[str, str]:
    """What a user sets, and an empty cache."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))},
        "HF_ENDPOINT": served.url,
        "HF_TOKEN": served.token(),
        "HF_HOME": str(tmp_path / "hf"),
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture
def hf(environment: dict[str, str], tmp_path: Path) -> Run:
    """Runs ``hf`` and returns what it prints."""

    def run(*arguments: str, fails: bool = False) -> str:
        done = subprocess.run(
            [sys.executable, "-c", HF, *arguments], env=environment, capture_output=True, text=True, cwd=tmp_path
        )
        assert (done.returncode != 0) == fails, done.stderr[-3000:]
        return done.stdout + (done.stderr if fails else "")

    return run


@pytest.fixture
def python(environment: dict[str, str], tmp_path: Path) -> Run:
    """Runs a script and returns the last line that it prints."""

    def run(code: str, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout.splitlines()[-1]

    return run


def test_the_command_line_of_the_hub(hf: Run, model: Path, version: Manifest, tmp_path: Path) -> None:
    """``hf upload``, ``download``, ``models``, ``repos``, ``cache verify``, ``auth whoami``."""
    assert "team/x" in hf("upload", "team/x", str(model))
    folder = tmp_path / "down"
    hf("download", "team/x", "--local-dir", str(folder))
    assert (folder / "model.safetensors").read_bytes() == (model / "model.safetensors").read_bytes()
    assert {"team/x", "demo/x"} <= set(hf("models", "ls", "--format", "quiet").split())
    assert json.loads(hf("models", "info", "demo/x", "--format", "json"))["sha"] == version.commit
    assert "v1.0.0" in hf("repos", "tag", "list", "demo/x")
    hf("download", "demo/x", "--revision", "v1.0.0")
    hf("cache", "verify", "demo/x", "--revision", "v1.0.0")
    assert "ci" in hf("auth", "whoami")
    assert "roadworthy publish" in hf("repos", "tag", "create", "team/x", "v1.0.0", fails=True)
    hf("repos", "delete", "team/x", "--yes")


TIMM = """
import sys, timm, torch
torch.manual_seed(0)
image = torch.rand(1, 3, 160, 160)
made = timm.create_model("test_resnet", num_classes=2).eval()
timm.models.push_to_hf_hub(made, "team/net", model_config={"label_names": ["no", "yes"]})
again = timm.create_model("hf-hub:team/net", pretrained=True).eval()
with torch.inference_mode():
    print(torch.equal(made(image), again(image)))
"""
TRANSFORMERS = """
import torch, transformers
torch.manual_seed(0)
words = torch.arange(8)[None]
config = transformers.BertConfig(
    hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, vocab_size=32
)
made = transformers.BertModel(config).eval()
made.push_to_hub("team/bert")
again = transformers.AutoModel.from_pretrained("team/bert").eval()
with torch.inference_mode():
    print(torch.equal(made(words)[0], again(words)[0]))
"""


@pytest.mark.parametrize(("library", "name"), [(TIMM, "net"), (TRANSFORMERS, "bert")], ids=["timm", "transformers"])
def test_libraries_push_and_open_by_name(python: Run, registry: Registry, library: str, name: str) -> None:
    """The same answers as before, bit by bit; of timm's two files of weights the pickle stays behind."""
    assert python(library) == "True"
    files = {file.path for file in registry.resolve(f"team/{name}@main").files}
    assert {"config.json", "model.safetensors"} <= files
    assert not any(path.endswith(".bin") for path in files)
