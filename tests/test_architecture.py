"""The rooms and their arrows, as DESIGN fixes them."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("model_cards", "registry", "finetune", "cli")
MAY_IMPORT = {
    "model_cards": set(),
    "registry": {"model_cards"},
    "finetune": {"model_cards"},
    "cli": {"model_cards", "registry", "finetune"},
}
TORCH = {"torch", "torchvision", "timm", "transformers", "safetensors"}


def imports(path: Path) -> set[str]:
    """Every dotted name that a module imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("room", ROOMS)
def test_arrows_point_one_way(room: str) -> None:
    """A room imports only the rooms below it."""
    for path in (ROOT / room).rglob("*.py"):
        used = {name.split(".")[1] for name in imports(path) if name.startswith("roadworthy.")}
        assert used - {room} <= MAY_IMPORT[room], path


@pytest.mark.parametrize("room", ["model_cards", "registry"])
def test_no_torch_below_finetune(room: str) -> None:
    """What cards and registries need is free of torch."""
    for path in (ROOT / room).rglob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & TORCH, path


@pytest.mark.parametrize("module", ["model_cards", "registry", "cli.main", "finetune.verification"])
def test_imports_without_torch(module: str) -> None:
    """Nothing that answers quickly loads torch behind its back."""
    code = f"import sys, roadworthy.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_folder_with_code_is_in_the_wheel() -> None:
    """A nested package would work in a checkout and be missing from the wheel."""
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {path.parent.relative_to(ROOT).as_posix() for room in ROOMS for path in (ROOT / room).rglob("*.py")}
    assert {f"roadworthy.{folder}".replace("/", ".") for folder in folders} == set(packages)
