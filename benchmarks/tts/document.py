"""What was measured so far, kept in one JSON file: written whole after each run, and gone on with.

Rounds that were measured under other conditions (another machine, other versions, other data) are not mixed.
"""

import json
import platform
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from contenders import LIBRARIES

_CONDITIONS = ("set", "target", "device", "limit", "epochs", "data", "machine")


@dataclass(slots=True, kw_only=True)
class Document:
    """``runs``: results by contender, each with its seed. ``failed``: contenders that broke, with what they said."""

    path: Path
    conditions: dict[str, Any]
    runs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def resume(self) -> None:
        """Takes over what an earlier call measured.

        Raises:
            SystemExit: it was measured under other conditions; the message names the first that differs.
        """
        if not self.path.is_file():
            return
        kept = json.loads(self.path.read_text(encoding="utf-8"))
        # What is compared has gone through JSON, as what is kept has.
        now = json.loads(json.dumps(self.conditions))
        for name in _CONDITIONS:
            if kept.get(name) != now[name]:
                raise SystemExit(
                    f"{self.path} was measured under another {name}: {kept.get(name)!r}; now it is {now[name]!r}. "
                    "Move it away to begin anew, or give --results DIR."
                )
        self.runs = kept["runs"]

    def has(self, name: str, seed: int) -> bool:
        """Whether that run was measured already."""
        return any(run["seed"] == seed for run in self.runs.get(name, []))

    def add(self, name: str, run: dict[str, Any]) -> None:
        """Takes a run in and writes everything."""
        self.runs.setdefault(name, []).append(run)
        self.runs[name].sort(key=lambda run: run["seed"])
        self.write()

    def write(self) -> None:
        """Writes beside the file and moves into place, so that a kill leaves the one before."""
        aside = self.path.with_suffix(".tmp")
        aside.write_text(json.dumps({**self.conditions, "runs": self.runs}, indent=1) + "\n", encoding="utf-8")
        aside.replace(self.path)


def conditions(asked: Any, lists: dict[str, Any]) -> dict[str, Any]:
    """All that must be the same for two runs to stand in one table."""
    return {
        "set": asked.set,
        "target": asked.target,
        "device": asked.device,
        "limit": asked.limit,
        "epochs": asked.epochs,
        "data": {
            "protocol": lists["protocol"],
            "split": lists["split"],
            "fingerprints": lists["fingerprints"],
            **{f"n_{part}": len(lists[part]) for part in ("train", "validation", "test")},
        },
        "machine": machine(asked.device),
    }


def machine(device: str) -> dict[str, Any]:
    """What this runs on, without names or paths."""
    import torch

    from roadworthy.finetune.environment import describe

    found = describe(torch.device(device), "float32")
    return {
        "os": found.os,
        "cpu": found.cpu,
        "cores": found.cores,
        "threads": found.threads,
        "memory_gib": found.memory_gib,
        "accelerators": list(found.accelerators),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }
