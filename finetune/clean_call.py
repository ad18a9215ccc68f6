"""Calling a clean process: a module of this package, in a fresh interpreter that knows nothing of the caller.

No torch here. The other side is `clean_answer`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from roadworthy.model_cards import StorageError, errors

from .progress import Report

RESULT = "result.json"

# What a process needs to find its libraries and its GPU, and nothing that training may have set.
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "SYSTEMROOT", "OMP_NUM_THREADS")


def call(module: str, request: str, aside: Path, report: Report) -> Any:
    """What ``roadworthy.finetune.<module>`` answers to the JSON ``request``, as plain JSON values.

    ``aside`` is an empty folder for its files, and its working directory.

    Raises:
        RoadworthyError: its own refusal, as the error it was.
        StorageError: it died.
    """
    environment = {key: os.environ[key] for key in _KEPT if key in os.environ} | {"HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-I", "-m", f"roadworthy.finetune.{module}", request]
    with (
        # To a file: a full pipe that nobody reads would stop the process.
        (aside / "stderr.txt").open("wb") as trouble,
        subprocess.Popen(command, env=environment, cwd=aside, stdout=subprocess.PIPE, stderr=trouble) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            report(*json.loads(line))
    if process.returncode != 0:
        raise StorageError(
            f"the clean process ended with status {process.returncode}; expected a measurement. Its last words: "
            f"{_last_words(aside / 'stderr.txt')}. Nothing was kept."
        )
    document = json.loads((aside / RESULT).read_text(encoding="utf-8"))
    if "error" in document:
        raise getattr(errors, document["error"])(document["message"])
    return document["measured"]


def _last_words(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else "none"
