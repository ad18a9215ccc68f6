"""Checkpoints: all that a run needs to go on with the same bits, written whole or not at all."""

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from roadworthy.model_cards import StorageError

from .average import Average
from .choices import Choices
from .sharding import laid_like, whole
from .table_parts import Parts, forget
from .table_state import put_shares, without_shares


@dataclass(kw_only=True)
class Progress:
    """Where a run stands. Changes with every step; the order of the data and all random numbers follow from it.

    ``samples`` counts examples that were learnt from, by a head's fit or by a step; ``history`` is the metric of each
    evaluation so far, ``train_seconds`` the time spent in steps, ``probed`` whether the run has looked for a better
    way to compute them, ``processes`` how many took the last steps.
    """

    step: int = 0
    samples: int = 0
    train_seconds: float = 0.0
    warm_started: bool = False
    history: list[float] = field(default_factory=list)
    held: bool = False
    probed: bool = False
    processes: int = 0


@dataclass(kw_only=True, slots=True)
class State:
    """Everything that a step of training changes."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    average: Average
    choices: Choices
    progress: Progress = field(default_factory=Progress)


def save(path: Path, state: State, *, writes: bool = True, parts: Parts | None = None) -> None:
    """Writes a checkpoint beside ``path`` and moves it into place.

    Every process of a run calls this, because of a model that is split over them; one of them ``writes``. What they
    have written of tables that they share (``parts``) is named in it, and what lay there before goes.

    Raises:
        StorageError: the disk is full or read-only; the checkpoint before this one is untouched.
    """
    document = {
        "tables": None if parts is None else {"mark": parts.mark, "processes": parts.processes},
        "progress": vars(state.progress),
        # Whole tensors, so that a run may go on with another number of processes.
        "model": whole(state.model.state_dict()),
        "optimizer": whole(state.optimizer.state_dict()),
        "average": whole(state.average.state()),
        "choices": asdict(state.choices),
    }
    if not writes:
        return
    document = without_shares(document, state.model, state.optimizer)
    aside = path.with_suffix(".tmp")
    try:
        with aside.open("wb") as file:
            torch.save(document, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except (OSError, RuntimeError) as error:
        aside.unlink(missing_ok=True)
        raise StorageError(
            f"cannot write the checkpoint {path}: {error}. The one before it is kept; free space and run the same "
            "command again to go on."
        ) from error
    forget(path.parent, keep=parts)


def restore(path: Path, state: State) -> bool:
    """Puts the last whole checkpoint into ``state``; whether there was one."""
    if not path.is_file():
        return False
    document: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    put_shares(document, path.parent, state.model, state.optimizer)
    now = state.model.state_dict()
    state.model.load_state_dict({name: laid_like(value, now[name]) for name, value in document["model"].items()})
    state.optimizer.load_state_dict(_laid_like_parameters(document["optimizer"], state.optimizer))
    state.average.load(document["average"])
    state.choices = Choices(**document["choices"])
    state.progress = Progress(**document["progress"])
    return True


def _laid_like_parameters(document: dict[str, Any], optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """An optimizer's moments, split over the processes as its parameters are; they are numbered as those are."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    moments = {
        number: {
            name: laid_like(value, parameters[number]) if _is_like(value, parameters[number]) else value
            for name, value in values.items()
        }
        for number, values in document["state"].items()
    }
    return {"state": moments, "param_groups": document["param_groups"]}


def _is_like(value: Any, parameter: torch.Tensor) -> bool:
    # Beside moments there are counts of steps: tensors of no dimension, or plain numbers.
    return isinstance(value, torch.Tensor) and value.shape == parameter.shape
