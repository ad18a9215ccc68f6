"""What a task supplies to the road. The road knows nothing else of images, text, boxes or sound.

A task is bound to its data: it makes batches by example number, a loss for training, and one row of
evidence for each example when it is asked to answer. Its protocol says how those rows become a metric.
"""

from collections.abc import Sequence
from typing import Protocol as Interface
from typing import TypeVar

import torch
from torch import nn

from roadworthy.model_cards import Protocol, Row

from .image_folder import Part

# Whatever one step needs: image tensors and labels, token ids and masks, ragged boxes. Opaque to the loop.
Batch = TypeVar("Batch")


class Task(Interface[Batch]):
    """The whole surface between a task and the road."""

    @property
    def protocol(self) -> Protocol:
        """How the metric is measured."""

    def size(self, part: Part) -> int:
        """How many examples a part has."""

    def training_batch(self, numbers: Sequence[int], *, seed: int, epoch: int) -> Batch:
        """Augmented examples of the train part, a function of the arguments alone."""

    def plain_batch(self, part: Part, numbers: Sequence[int]) -> Batch:
        """Examples exactly as the protocol measures them."""

    def loss(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        """The training loss, a scalar."""

    def answers(self, model: nn.Module, batch: Batch) -> list[Row]:
        """One row of evidence for each example of the batch."""

    def warm_start(self, model: nn.Module, device: torch.device) -> int:
        """Fits what can be fitted without a step of the optimizer; how many examples that looked at."""
