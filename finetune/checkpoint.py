"""Checkpoints: all that a run needs to go on with the same bits, written whole or not at all."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from roadworthy.model_cards import StorageError


@dataclass(kw_only=True)
class Progress:
    """Where a run stands. Changes with every step; the order of the data and all random numbers follow from it.

    ``history`` is the metric of each evaluation so far, ``train_seconds`` the time spent in steps.
    """

    step: int = 0
    samples: int = 0
    train_seconds: float = 0.0
    warm_started: bool = False
    history: list[float] = field(default_factory=list)
    held: bool = False


def save(path: Path, progress: Progress, tensors: dict[str, Any]) -> None:
    """Writes a checkpoint beside ``path`` and moves it into place.

    Raises:
        StorageError: the disk is full or read-only; the checkpoint before this one is untouched.
    """
    aside = path.with_suffix(".tmp")
    try:
        with aside.open("wb") as file:
            torch.save({"progress": vars(progress), **tensors}, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except (OSError, RuntimeError) as error:
        aside.unlink(missing_ok=True)
        raise StorageError(
            f"cannot write the checkpoint {path}: {error}. The one before it is kept; free space and run the same "
            "command again to go on."
        ) from error


def load(path: Path) -> tuple[Progress, dict[str, Any]] | None:
    """The last whole checkpoint, or ``None`` where there is none yet."""
    if not path.is_file():
        return None
    document: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return Progress(**document.pop("progress")), document
