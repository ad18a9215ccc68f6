"""Text classification bound to tokenised texts, for any encoder with a classifier's head.

Shapes: B batch, L tokens of the batch's longest text, D features, C classes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from roadworthy.model_cards import Protocol, Row

from .classification import class_weights, fit_head_progressively, rows, summed_loss
from .examples import Dataset, Example
from .frozen_trunk import FrozenTrunk, split_off
from .progress import Report
from .random_numbers import batches_by_length
from .recipe import Recipe
from .split import Part
from .task import Look
from .token_store import TokenStore
from .transformers_snapshot import classifier_of
from .world import World

_TOKENS = 16_384  # in a forward pass without gradients, padding included


@dataclass(frozen=True, slots=True)
class TextBatch:
    """Attention mask int64 [B, L], and token ids int64 [B, L], or the frozen trunk's states [B, L, D] of them."""

    ids: torch.Tensor
    mask: torch.Tensor
    states: torch.Tensor | None
    labels: torch.Tensor
    examples: tuple[Example, ...]


class TextWorkload:
    """Implements ``task.Workload`` over tokenised texts; without a recipe, for measuring alone."""

    def __init__(
        self, data: Dataset[TokenStore], protocol: Protocol, recipe: Recipe | None, device: torch.device
    ) -> None:
        self.protocol = protocol
        self._parts = data.examples.by_part()
        self._tokens = data.payload.moved_to(device)
        self._lengths = data.payload.lengths
        self._recipe = recipe
        self._device = device
        self._trunk: FrozenTrunk | None = None
        self._weights = class_weights(data.examples, recipe.class_weights if recipe else "equal", device)

    def size(self, part: Part) -> int:
        """How many examples a part has."""
        return len(self._parts[part])

    def names(self, numbers: Sequence[int]) -> list[str]:
        """File and row of training texts."""
        return [self._parts["train"][n].name for n in numbers]

    def prepare(self, model: nn.Module, *, seed: int, batch_size: int) -> None:
        """Splits off the layers that stay as they are; each text goes through them once."""
        chunks = [
            [self._parts[part][number].row for number in batch]
            for part in self._parts
            for batch in (self._first_epoch(seed, batch_size) if part == "train" else self.plain_batches(part))
        ]
        precision = self._recipe.precision if self._recipe else "float32"
        self._trunk = split_off(model, self._tokens, chunks, precision)

    def _first_epoch(self, seed: int, batch_size: int) -> list[list[int]]:
        """The first epoch's batches, and whatever is left of the train part after them."""
        batches = self.epoch(seed=seed, epoch=0, batch_size=batch_size)
        left = sorted(set(range(self.size("train"))) - {number for batch in batches for number in batch})
        return batches + (self._packed("train", left) if left else [])

    def epoch(self, *, seed: int, epoch: int, batch_size: int) -> list[list[int]]:
        """Shuffled batches of texts of like length."""
        return batches_by_length(seed, epoch, self._length_of("train", range(self.size("train"))), batch_size)

    def plain_batches(self, part: Part) -> list[list[int]]:
        """From the longest to the shortest, as many as fill a forward pass."""
        return self._packed(part, range(self.size(part)))

    def _packed(self, part: Part, numbers: Sequence[int]) -> list[list[int]]:
        lengths = self._length_of(part, numbers)
        made: list[list[int]] = []
        for place in np.argsort(-lengths, kind="stable").tolist():
            # The first of a batch is its longest: all others are padded to it.
            longest = lengths[place] if not made else self._length_of(part, made[-1][:1])[0]
            if not made or (len(made[-1]) + 1) * longest > _TOKENS:
                made.append([])
            made[-1].append(numbers[place])
        return made

    def _length_of(self, part: Part, numbers: Sequence[int]) -> np.ndarray[Any, Any]:
        found: np.ndarray[Any, Any] = self._lengths[[self._parts[part][n].row for n in numbers]]
        return found

    def training_batch(self, numbers: Sequence[int], *, seed: int, epoch: int) -> TextBatch:
        """Texts as they are: nothing about them is random."""
        return self.plain_batch("train", numbers)

    def plain_batch(self, part: Part, numbers: Sequence[int]) -> TextBatch:
        """Texts cut off at the protocol's length, padded to the batch's longest."""
        examples = tuple(self._parts[part][n] for n in numbers)
        rows = [e.row for e in examples]
        ids, mask = self._tokens.batch(torch.tensor(rows, device=self._device))
        return TextBatch(
            ids=ids,
            mask=mask,
            states=self._trunk.states(rows) if self._trunk else None,
            labels=torch.tensor([e.truth for e in examples], device=self._device),
            examples=examples,
        )

    def units(self, batch: TextBatch) -> int:
        """The texts of the batch."""
        return len(batch.examples)

    def loss(self, model: nn.Module, batch: TextBatch) -> torch.Tensor:
        """Cross-entropy, added up over the batch."""
        smoothing = self._recipe.label_smoothing if self._recipe else 0.0
        return summed_loss(self._logits(model, batch), batch.labels, self._weights, smoothing)

    def answers(self, model: nn.Module, batch: TextBatch) -> list[Row]:
        """The most probable class of each text, with its probability."""
        return rows(batch.examples, self._logits(model, batch))

    def warm_start(
        self, model: nn.Module, *, seed: int, report: Report, world: World, first_look: int | None = None
    ) -> Iterator[Look]:
        """Fits a new linear classifier on what the encoder hands it."""
        layer = classifier_of(model)
        handed: list[torch.Tensor] = []

        def features(part: Part, numbers: Sequence[int]) -> torch.Tensor:
            handed.clear()
            self._logits(model, self.plain_batch(part, numbers))
            return handed[0]

        model.eval()
        # The first epoch's own batches, so that what the trunk makes of them here is not made again.
        batches: dict[Part, list[list[int]]] = {
            "train": self._first_epoch(seed, self._recipe.batch_size if self._recipe else 32),
            "validation": self.plain_batches("validation"),
        }
        hook = layer.register_forward_pre_hook(lambda module, inputs: handed.append(inputs[0]))
        try:
            yield from fit_head_progressively(
                layer, features, self._parts, batches, self._weights, report, world, first_look
            )
        finally:
            hook.remove()

    def _logits(self, model: nn.Module, batch: TextBatch) -> torch.Tensor:
        if self._trunk is not None and batch.states is not None:
            return self._trunk.logits(batch.states, batch.mask)
        answer = model(input_ids=batch.ids, attention_mask=batch.mask)
        # An exported model answers with the tensor itself.
        logits: torch.Tensor = getattr(answer, "logits", answer)
        return logits
