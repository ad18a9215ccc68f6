"""How a contender takes its steps: so many, then it waits until it is its turn again.

Contenders are processes of their own, because of their memory; taking turns, whatever else the machine does meets
them all. A line on stdin asks for a turn; the answer is a line of JSON on the stream that was stdout.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any


class Turns:
    """``stepped`` is called after every step. The first ``warm`` steps are not timed; a turn has ``steps``."""

    def __init__(self, *, warm: int, steps: int) -> None:
        # Libraries print; what they print goes to stderr.
        self._out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        self._left, self._steps, self._began = warm, steps, 0.0
        self._samples = 0

    def stepped(self, samples: int) -> None:
        """A step over so many rows or pairs is done."""
        self._left -= 1
        self._samples += samples
        if self._left:
            return
        seconds = time.perf_counter() - self._began if self._began else 0.0
        self._tell(seconds=seconds, samples=self._samples, peak_mib=peak_mib())
        if not self._began:
            forget_peak()
        if sys.stdin.readline().strip() != "go":
            os._exit(0)
        self._left, self._samples, self._began = self._steps, 0, time.perf_counter()

    def _tell(self, **facts: float) -> None:
        self._out.write(json.dumps(facts) + "\n")
        self._out.flush()


def peak_mib() -> float:
    """The most memory that this process had since its peak was forgotten."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def forget_peak() -> None:
    """So that what comes to light is the memory of steps, and not that of reading data before them."""
    Path("/proc/self/clear_refs").write_text("5")


def told() -> tuple[dict[str, Any], Turns]:
    """What the parent says of this contender, and its turns."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    import torch

    torch.set_num_threads(asked["threads"])
    return asked, Turns(warm=asked["warm"], steps=asked["steps"])
