"""Opening a snapshot's model, for whatever task it is."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from .model_config import ModelConfig
from .placement import device_of, put
from .task import Task
from .tasks import task_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A snapshot's model in evaluation mode, its configuration and its task."""

    model: nn.Module
    config: ModelConfig
    task: Task

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return device_of(self.model)


def open_snapshot(folder: Path, *, device: str = "cpu") -> Opened:
    """Opens the model of a snapshot folder.

    Raises:
        InputError: no snapshot, or weights that do not fit the architecture its config names.
    """
    task = task_of(folder)
    config = task.read_config(folder)
    model = put(task.open(folder, config), torch.device(device))
    return Opened(model=model.eval(), config=config, task=task)
