"""What each process of a test under torchrun runs: a fine-tuning, whose leading process may be killed at a step.

Arguments: start, data, out, settings as JSON, the step (or nothing). Only the first attempt is killed.
"""

import json
import os
import signal
import sys
from pathlib import Path

from roadworthy.finetune import finetune


def main(start: str, data: str, out: str, settings: str, stop_at: str = "") -> None:
    """Fine-tunes, and tells the test which process this is."""
    print(json.dumps({"rank": int(os.environ["RANK"]), "pid": os.getpid()}), flush=True)
    first = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"

    def report(stage: str, done: int, total: int, **facts: float | str) -> None:
        if first and stop_at and stage == "training" and "value" not in facts and done == int(stop_at):
            os.kill(os.getpid(), signal.SIGKILL)

    origin = Path(start) if Path(start).is_dir() else start
    finetune(origin, data=data, out=out, report=report, **json.loads(settings))


if __name__ == "__main__":
    main(*sys.argv[1:])
