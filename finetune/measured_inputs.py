"""What bench and export must know of a kind of model: one batch for it, and the test part of its data.

A new task adds its two answers here; nothing else in bench or export knows of images.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from .image_classification import ImageClassification
from .image_data import read_images
from .image_folder import list_folder
from .measured_task import measured_task
from .model_config import ModelConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """One batch as a model takes it: ``tensors`` with the batch first, their ``names``, and one example's shape."""

    tensors: tuple[torch.Tensor, ...]
    names: tuple[str, ...]
    example: str

    def dynamic(self) -> tuple[dict[int, Any], ...]:
        """torch.export's ``dynamic_shapes``: the batch may have any size."""
        batch = torch.export.Dim("batch", min=1)
        return tuple({0: batch} for _ in self.tensors)


def inputs_of(config: ModelConfig, batch_size: int, device: torch.device) -> Inputs:
    """The same normal noise at every call, of the protocol's size: float32 [B, 3, S, S], channels last."""
    size = int(str(config.protocol.parameters["crop"]))
    noise = torch.randn(batch_size, 3, size, size, generator=torch.Generator().manual_seed(0))
    images = noise.to(device, memory_format=torch.channels_last)
    return Inputs(tensors=(images,), names=("images",), example=f"{size} x {size} pixels")


def task_of(
    config: ModelConfig, data: Path, cache: Path, device: torch.device, report: Callable[[str, int, int], None]
) -> ImageClassification:
    """The task that asks a model every example of the data's test part, as its protocol says.

    Raises:
        InputError: data that cannot be measured on.
    """
    images = read_images(list_folder(data, labels=config.labels), config.protocol, cache, report)
    return measured_task(images, config.protocol, device)
