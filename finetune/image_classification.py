"""The task of image classification, for any timm model.

Shapes: B batch, S crop size in pixels, C classes. Images are float32 [B, 3, S, S], normalised.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from roadworthy.model_cards import Protocol, Row

from .augment import Augmentation, Crop, cut, draw_crop, uniforms
from .image_data import Example, ImageData
from .image_folder import Part
from .pixels import centre
from .warm_start import fit_head


@dataclass(frozen=True, slots=True)
class ImageBatch:
    """Images [B, 3, S, S] and the examples they come from."""

    images: torch.Tensor
    labels: torch.Tensor
    examples: tuple[Example, ...]


class ImageClassification:
    """Implements ``task.Task`` over decoded images."""

    def __init__(
        self,
        data: ImageData,
        protocol: Protocol,
        *,
        augmentation: Augmentation,
        label_smoothing: float,
        device: torch.device,
        fit_head_first: bool = False,
    ) -> None:
        self.data = data
        self.protocol = protocol
        self._parts: dict[Part, tuple[Example, ...]] = {
            "train": data.part("train"),
            "validation": data.part("validation"),
            "test": data.part("test"),
        }
        self._augmentation = augmentation
        self._label_smoothing = label_smoothing
        self._device = device
        self._fit_head_first = fit_head_first
        self._crop = int(str(protocol.parameters["crop"]))
        shape = (1, 3, 1, 1)
        self._mean = torch.tensor(protocol.parameters["mean"], device=device).view(shape) * 255
        self._std = torch.tensor(protocol.parameters["std"], device=device).view(shape) * 255

    def size(self, part: Part) -> int:
        """How many examples a part has."""
        return len(self._parts[part])

    def training_batch(self, numbers: Sequence[int], *, seed: int, epoch: int) -> ImageBatch:
        """Random resized crops, mirrored or not, as (seed, epoch, number) says."""
        examples = [self._parts["train"][n] for n in numbers]
        crops = [
            draw_crop(self._augmentation, e.height, e.width, uniforms(seed, epoch, n, 5))
            for e, n in zip(examples, numbers, strict=True)
        ]
        return self._batch(examples, crops)

    def plain_batch(self, part: Part, numbers: Sequence[int]) -> ImageBatch:
        """The protocol's centre crop; the short side was resized when the image was decoded."""
        examples = [self._parts[part][n] for n in numbers]
        size = self._crop
        crops = [
            Crop(top=centre(e.height, size), left=centre(e.width, size), height=size, width=size, flipped=False)
            for e in examples
        ]
        return self._batch(examples, crops)

    def _batch(self, examples: Sequence[Example], crops: Sequence[Crop]) -> ImageBatch:
        pictures = [cut(self.data.image(e), c, self._crop) for e, c in zip(examples, crops, strict=True)]
        images = torch.stack(pictures).to(self._device, non_blocking=True)
        return ImageBatch(
            images=((images - self._mean) / self._std).contiguous(memory_format=torch.channels_last),
            labels=torch.tensor([e.label for e in examples], device=self._device),
            examples=tuple(examples),
        )

    def loss(self, model: nn.Module, batch: ImageBatch) -> torch.Tensor:
        """Cross-entropy with label smoothing, averaged over the batch."""
        logits_BC = model(batch.images)
        return cross_entropy(logits_BC.float(), batch.labels, label_smoothing=self._label_smoothing)

    def answers(self, model: nn.Module, batch: ImageBatch) -> list[Row]:
        """The most probable class of each image, with its probability."""
        probability_BC = model(batch.images).float().softmax(1)
        confidence_B, prediction_B = (t.tolist() for t in probability_BC.max(1))
        return [
            Row(id=e.id, truth=e.label, prediction=p, confidence=round(c, 6))
            for e, p, c in zip(batch.examples, prediction_B, confidence_B, strict=True)
        ]

    def warm_start(self, model: nn.Module, device: torch.device) -> int:
        """Fits a new head on the frozen trunk's features, where the recipe asks for it."""
        if not self._fit_head_first:
            return 0
        n = self.size("train")
        batches = (
            (b.images, b.labels)
            for start in range(0, n, 64)
            for b in [self.plain_batch("train", range(start, min(n, start + 64)))]
        )
        return fit_head(model, batches)
