"""What runs in an attempt's process: one fine-tuning, from a cold start.

Started by ``attempt.make`` as ``python -m roadworthy.finetune.attempt_process``, with the request in the first line
of stdin. Progress goes to stdout, one JSON list a line; a refusal is a last JSON object. Stdin stays open as long as
whoever started it lives: an attempt that nobody waits for any more would disturb the next one's clocks.
"""

import json
import os
import sys
import threading
from pathlib import Path
from typing import TextIO

import psutil

from roadworthy.model_cards import RoadworthyError

from .attempt_request import ATTEMPT, AttemptRequest

_ABANDONED = 4  # the exit status of a process whose parent is gone


def main() -> int:
    """Entry point; returns the exit status."""
    request = ATTEMPT.validate_json(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    lines = _reserved_stdout()
    try:
        _finetune(request, lines)
    except RoadworthyError as error:
        print(json.dumps({"error": type(error).__name__, "message": str(error)}), file=lines, flush=True)
    return 0


def _finetune(request: AttemptRequest, lines: TextIO) -> None:
    def report(stage: str, done: int, total: int, **facts: float | str) -> None:
        print(json.dumps([stage, done, total, facts]), file=lines, flush=True)

    report("starting torch", 0, 1)
    from .run import finetune

    report("starting torch", 1, 1)
    plan = request.plan
    finetune(
        Path(plan.start_folder) if plan.start_folder else str(plan.named),
        data=plan.data,
        out=request.out,
        target=plan.target,
        device=plan.device,
        recipe=plan.recipe,
        leave_out_leaked=plan.leave_out_leaked,
        reference=plan.reference,
        process_started=psutil.Process().create_time(),
        report=report,
        **plan.settings,
    )


def _reserved_stdout() -> TextIO:
    """Stdout for our lines alone: whatever a library prints goes to stderr from here on."""
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return lines


def _end_with_parent() -> None:
    # Off the file itself: who holds sys.stdin's lock when Python ends brings it down.
    while os.read(0, 1024):
        pass
    os._exit(_ABANDONED)


if __name__ == "__main__":
    sys.exit(main())
