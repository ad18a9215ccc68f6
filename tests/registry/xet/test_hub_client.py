"""huggingface_hub pushes a folder as it is, with nothing but HF_ENDPOINT and HF_TOKEN set."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

from .conftest import Serving

PUSHER = Path(__file__).parent / "pusher.py"


def test_a_push_with_xet_on(serving: Serving, tmp_path: Path) -> None:
    """Large and small files come back as they were, the large ones by way of a xorb."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [3_000_000], "data_offsets": [0, 3_000_000]}}).encode()
    weights = len(header).to_bytes(8, "little") + header + random.Random(0).randbytes(3_000_000)
    contents = {"model.safetensors": weights, "config.json": b'{"architecture": "none"}'}
    folder = tmp_path / "model"
    folder.mkdir()
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    env = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    env |= {"HF_ENDPOINT": serving.url, "HF_TOKEN": serving.token, "HF_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, PUSHER, folder, "team/model"], env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    back = Path(done.stdout.splitlines()[-1])
    assert {name: (back / name).read_bytes() for name in contents} == contents
    (xorb,) = serving.xorbs()
    assert serving.registry.store.size(xorb) >= len(weights)
