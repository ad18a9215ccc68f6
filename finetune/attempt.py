"""One attempt of a series, in a process of its own: its imports and its reading of the data are on its clock."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from roadworthy.model_cards import errors

from .attempt_request import ATTEMPT, AttemptRequest, Plan
from .progress import Report


def make(plan: Plan, out: Path, report: Report) -> str | None:
    """Makes an attempt, or goes on with one that was interrupted, until it ends.

    Returns:
        ``None`` where the process ended by itself; otherwise in words how it died.

    Raises:
        RoadworthyError: what the attempt raised, as its own.
    """
    request = ATTEMPT.dump_json(AttemptRequest(plan=plan, out=str(out))).decode()
    refusal = None
    with (
        tempfile.TemporaryDirectory(prefix="roadworthy-attempt-") as compiled,
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as words,
        # -P: no file in the folder that the user happens to be in takes a library's place.
        subprocess.Popen(
            [sys.executable, "-P", "-m", "roadworthy.finetune.attempt_process"],
            env=os.environ | _own_compile_cache(compiled),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            text=True,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        # Left open: the process ends when it is closed, as it is with this one's death.
        process.stdin.write(request + "\n")
        process.stdin.flush()
        for line in process.stdout:
            said = json.loads(line)
            if isinstance(said, dict):
                refusal = said
            else:
                stage, done, total, facts = said
                report(stage, done, total, **facts)
        status = process.wait()
        words.seek(0)
        last = (words.read().strip().splitlines() or ["none"])[-1]
    if refusal is not None:
        raise getattr(errors, refusal["error"])(refusal["message"])
    if status == 0:
        return None
    return f"its process ended with status {status}; its last words: {last}"


def _own_compile_cache(folder: str) -> dict[str, str]:
    """Compiled kernels of an earlier attempt would shorten this one's road."""
    return {"TORCHINDUCTOR_CACHE_DIR": f"{folder}/inductor", "TRITON_CACHE_DIR": f"{folder}/triton"}
