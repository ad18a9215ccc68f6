"""Fine-tuning in several processes of this machine, as torchrun starts them."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from roadworthy.model_cards import clocks

ALONE = ["--standalone"]
_LIMIT = 300  # seconds; what hangs fails
_SCRIPT = Path(__file__).with_name("one_of_many.py")


def torchrun(*options: str) -> list[str]:
    """The launcher, as the command of that name runs it."""
    return [sys.executable, "-m", "torch.distributed.run", *options]


def environment(**more: str) -> dict[str, str]:
    """One thread in each process, so that two of them do not stand in each other's way."""
    return os.environ | {"OMP_NUM_THREADS": "1"} | more


def training(start: Path | str, data: Path, out: Path, stop_at: int | None = None, **settings: Any) -> list[str]:
    """The script and its arguments."""
    common = {"seed": 11, "epochs": 2, "batch_size": 8, "checkpoint_seconds": 0}
    stop = [] if stop_at is None else [str(stop_at)]
    return [str(_SCRIPT), str(start), str(data), str(out), json.dumps(common | settings), *stop]


@contextmanager
def started(command: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A launcher whose processes are all gone afterwards, whatever happened to the test."""
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as launcher:
        try:
            yield launcher
        finally:
            with suppress(ProcessLookupError):
                os.killpg(launcher.pid, signal.SIGKILL)


def fine_tuned(*arguments: Any, processes: int = 2, restarts: int = 0, **settings: Any) -> Path:
    """A run of that many processes, to its end; (start, data, out, step at which the leading one is killed)."""
    options = [*ALONE, "--nproc-per-node", str(processes), "--max-restarts", str(restarts)]
    done = subprocess.run(
        torchrun(*options) + training(*arguments, **settings),
        env=environment(),
        timeout=_LIMIT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    out: Path = arguments[2]
    return out


def said(arguments: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """What the command line says in two processes."""
    command = [*torchrun(*ALONE, "--nproc-per-node", "2"), "-m", "roadworthy.cli.main", *arguments]
    return subprocess.run(
        command, env=environment(), timeout=_LIMIT, capture_output=True, text=True, check=False, **options
    )


def exit_codes(told: str) -> list[int]:
    """The exit codes that torchrun names in its report."""
    return [int(code) for code in re.findall(r"exitcode\s+: (-?\d+)", told)]


def logged(run: Path, key: str) -> list[clocks.Event]:
    """The events of a run under a key."""
    return [event for event in clocks.parse((run / "events.log").read_text()) if event.key == key]


def samples(run: Path) -> list[tuple[str, int]]:
    """(key, samples_count) of every event that counts samples."""
    events = clocks.parse((run / "events.log").read_text())
    return [(e.key, e.metadata["samples_count"]) for e in events if "samples_count" in e.metadata]
