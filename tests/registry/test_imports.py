"""What importing the registry costs, and that its public list is exact."""

import ast
import doctest
import json
import subprocess
import sys
from pathlib import Path

import roadworthy.registry

HEAVY = {"torch", "torchvision", "timm", "transformers", "scipy", "pandas"}


def test_the_registry_imports_no_framework() -> None:
    """In a fresh process."""
    code = "import json, sys, roadworthy.registry; print(json.dumps([*sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(json.loads(done.stdout))


def test_the_public_list_is_exact_and_sorted() -> None:
    """Every imported name is listed, and nothing else."""
    tree = ast.parse(Path(roadworthy.registry.__file__).read_text())
    imported = [alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(imported) == sorted(roadworthy.registry.__all__)
    assert roadworthy.registry.__all__ == sorted(roadworthy.registry.__all__)


def test_the_example_runs() -> None:
    """The paragraph's example is true."""
    results = doctest.testmod(roadworthy.registry)
    assert results.attempted > 5
    assert results.failed == 0
