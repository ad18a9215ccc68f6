"""Help answers at once."""

import subprocess
import sys

import pytest

COMMANDS = (
    *("models", "show", "pull", "data", "finetune", "verify", "audit", "publish", "alias"),
    *("bench", "export", "import", "keys", "demo"),
)
KEYS = ("new", "list", "export", "trust", "distrust", "rotate")


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS), *(("keys", name) for name in KEYS)])
def test_help_imports_nothing_heavy(command: tuple[str, ...]) -> None:
    """--help of every command loads neither torch nor anything that takes time."""
    code = f"""
import sys
from roadworthy.cli.main import run
code = run([*{command!r}, "--help"])
heavy = {{"torch", "timm", "numpy", "transformers", "huggingface_hub", "rich"}} & set(sys.modules)
print(heavy, file=sys.stderr)
sys.exit(code or bool(heavy))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage" in done.stdout
