"""Image classification bound to decoded images, for any timm model.

Shapes: B batch, S crop size in pixels, C classes. Images are float32 [B, 3, S, S], normalised.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from roadworthy.model_cards import Protocol, Row

from .classification import class_weights, fit_head_progressively, rows, summed_loss
from .crops import Crops, centre_crops, cut, draw_crops
from .examples import Dataset, Example
from .folding import folded
from .pixel_store import PixelStore
from .progress import Report
from .random_numbers import batches, order, uniforms
from .recipe import Recipe
from .split import Part
from .task import Look
from .world import World

_FORWARD = 64  # images in a forward pass without gradients


@dataclass(frozen=True, slots=True)
class ImageBatch:
    """Images [B, 3, S, S] and the examples they come from."""

    images: torch.Tensor
    labels: torch.Tensor
    examples: tuple[Example, ...]


class ImageWorkload:
    """Implements ``task.Workload`` over decoded images; without a recipe, for measuring alone."""

    def __init__(
        self, data: Dataset[PixelStore], protocol: Protocol, recipe: Recipe | None, device: torch.device
    ) -> None:
        self.protocol = protocol
        self._parts = data.examples.by_part()
        self._pixels = data.payload.moved_to(device)
        self._recipe = recipe
        self._device = device
        self._weights = class_weights(data.examples, recipe.class_weights if recipe else "equal", device)
        self._crop = int(str(protocol.parameters["crop"]))
        shape = (1, 3, 1, 1)
        self._mean = torch.tensor(protocol.parameters["mean"], device=device).view(shape) * 255
        self._std = torch.tensor(protocol.parameters["std"], device=device).view(shape) * 255

    def size(self, part: Part) -> int:
        """How many examples a part has."""
        return len(self._parts[part])

    def names(self, numbers: Sequence[int]) -> list[str]:
        """Paths of training images, relative to the data folder."""
        return [self._parts["train"][n].name for n in numbers]

    def prepare(self, model: nn.Module, *, seed: int, batch_size: int) -> None:
        """Nothing: every epoch sees other crops."""

    def epoch(self, *, seed: int, epoch: int, batch_size: int) -> Sequence[list[int]]:
        """Shuffled batches."""
        return batches(seed, epoch, self.size("train"), batch_size)

    def plain_batches(self, part: Part) -> list[list[int]]:
        """In order, so many at a time as a forward pass takes."""
        return _in_turn(range(self.size(part)))

    def training_batch(self, numbers: Sequence[int], *, seed: int, epoch: int) -> ImageBatch:
        """Random resized crops, mirrored or not, as (seed, epoch, number) says."""
        if self._recipe is None or self._recipe.augmentation is None:
            return self.plain_batch("train", numbers)
        examples, at = self._chosen("train", numbers)
        crops = draw_crops(
            self._recipe.augmentation,
            self._pixels.height[at],
            self._pixels.width[at],
            uniforms(seed, epoch, numbers, 5),
        )
        return self._batch(examples, at, crops)

    def plain_batch(self, part: Part, numbers: Sequence[int]) -> ImageBatch:
        """The protocol's centre crop; the short side was resized when the image was decoded."""
        examples, at = self._chosen(part, numbers)
        return self._batch(examples, at, centre_crops(self._pixels.height[at], self._pixels.width[at], self._crop))

    def _chosen(self, part: Part, numbers: Sequence[int]) -> tuple[tuple[Example, ...], np.ndarray[Any, Any]]:
        examples = tuple(self._parts[part][n] for n in numbers)
        return examples, np.array([e.row for e in examples], dtype=np.int64)

    def _batch(self, examples: tuple[Example, ...], at: np.ndarray[Any, Any], crops: Crops) -> ImageBatch:
        images = cut(self._pixels.batch(at, self._device), crops, self._crop)
        return ImageBatch(
            images=((images - self._mean) / self._std).contiguous(memory_format=torch.channels_last),
            labels=torch.tensor([e.truth for e in examples], device=self._device),
            examples=examples,
        )

    def units(self, batch: ImageBatch) -> int:
        """The images of the batch."""
        return len(batch.examples)

    def loss(self, model: nn.Module, batch: ImageBatch) -> torch.Tensor:
        """Cross-entropy with label smoothing, added up over the batch."""
        smoothing = self._recipe.label_smoothing if self._recipe else 0.0
        return summed_loss(model(batch.images), batch.labels, self._weights, smoothing)

    def answers(self, model: nn.Module, batch: ImageBatch) -> list[Row]:
        """The most probable class of each image, with its probability."""
        return rows(batch.examples, model(batch.images))

    def warm_start(
        self, model: nn.Module, *, seed: int, report: Report, world: World, first_look: int | None = None
    ) -> Iterator[Look]:
        """Fits a new linear classifier on the frozen trunk's features."""
        timm_model: Any = model
        head = timm_model.get_classifier()
        if not isinstance(head, nn.Linear):
            return
        trunk: Any = folded(model, self.plain_batch("train", [0]).images)

        def features(part: Part, numbers: Sequence[int]) -> torch.Tensor:
            images = self.plain_batch(part, numbers).images
            found: torch.Tensor = trunk.forward_head(trunk.forward_features(images), pre_logits=True)
            return found

        batches: dict[Part, list[list[int]]] = {
            "train": _in_turn(order(seed, -2, self.size("train")).tolist()),
            "validation": self.plain_batches("validation"),
        }
        yield from fit_head_progressively(
            head, features, self._parts, batches, self._weights, report, world, first_look
        )


def _in_turn(numbers: Sequence[int]) -> list[list[int]]:
    return [list(numbers[start : start + _FORWARD]) for start in range(0, len(numbers), _FORWARD)]
