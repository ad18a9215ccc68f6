"""Question answering over made-up tokens: a workload for the engine, until the task has a file of its own.

Lengths follow a log-normal distribution (median 150 tokens, a third of them above 180), cut off at the longest:
about what questions with their paragraphs come to, but not taken from any data set. Shapes: B batch, L tokens.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from roadworthy.finetune.progress import Report
from roadworthy.finetune.random_numbers import batches, batches_by_length
from roadworthy.finetune.split import Part
from roadworthy.finetune.task import Look
from roadworthy.finetune.world import World
from roadworthy.model_cards import Protocol, Row, text_accuracy

_MEDIAN, _SPREAD = 150.0, 0.4


@dataclass(frozen=True, slots=True)
class QuestionBatch:
    """Token ids and attention mask int64 [B, L]; where the answer starts and ends, int64 [B]."""

    ids: torch.Tensor
    mask: torch.Tensor
    start: torch.Tensor
    end: torch.Tensor


class Questions:
    """Implements ``task.Workload``, as far as steps need it; ``bucketed``: batches of like length, else all padded."""

    def __init__(self, n: int, *, longest: int, vocabulary: int, bucketed: bool, device: torch.device) -> None:
        numbers = np.random.default_rng(0)
        self.lengths = np.clip(numbers.lognormal(np.log(_MEDIAN), _SPREAD, n).astype(np.int64), 16, longest)
        self.ids = torch.from_numpy(numbers.integers(1, vocabulary, (n, longest))).to(device)
        self._length_on_device = torch.from_numpy(self.lengths).to(device)
        self._longest, self._bucketed, self._device = longest, bucketed, device
        # Never measured by it: the engine asks every workload for one.
        self._protocol = text_accuracy(max_length=longest, tokenizer_sha256="0" * 64)

    @property
    def protocol(self) -> Protocol:
        """None of question answering yet."""
        return self._protocol

    def size(self, part: Part) -> int:
        """All are to train on."""
        return len(self.lengths) if part == "train" else 0

    def names(self, numbers: Sequence[int]) -> list[str]:
        """Numbers."""
        return [str(number) for number in numbers]

    def prepare(self, model: nn.Module, *, seed: int, batch_size: int) -> None:
        """Nothing."""

    def epoch(self, *, seed: int, epoch: int, batch_size: int) -> list[list[int]]:
        """Shuffled batches, of like length where they are bucketed."""
        if self._bucketed:
            return batches_by_length(seed, epoch, self.lengths, batch_size)
        return batches(seed, epoch, len(self.lengths), batch_size)

    def plain_batches(self, part: Part) -> list[list[int]]:
        """None: nothing is measured but speed."""
        return []

    def length_of(self, numbers: Sequence[int]) -> int:
        """To which length a batch is padded."""
        longest = int(self.lengths[list(numbers)].max())
        return min(self._longest, -(-longest // 8) * 8) if self._bucketed else self._longest

    def training_batch(self, numbers: Sequence[int], *, seed: int, epoch: int) -> QuestionBatch:
        """Tokens padded on the right; an answer somewhere inside."""
        rows = torch.tensor(numbers, device=self._device)
        length = self.length_of(numbers)
        lengths = self._length_on_device[rows]
        mask = torch.arange(length, device=self._device) < lengths[:, None]
        ids = self.ids[rows, :length].masked_fill(~mask, 0)
        return QuestionBatch(ids=ids, mask=mask.long(), start=lengths // 2, end=lengths // 2 + 3)

    def plain_batch(self, part: Part, numbers: Sequence[int]) -> QuestionBatch:
        """The same."""
        return self.training_batch(numbers, seed=0, epoch=0)

    def units(self, batch: QuestionBatch) -> int:
        """The questions of the batch."""
        return len(batch.start)

    def loss(self, model: nn.Module, batch: QuestionBatch) -> torch.Tensor:
        """Mean of both ends' cross-entropies, added up over the batch."""
        answered: Any = model(input_ids=batch.ids, attention_mask=batch.mask)
        ends = ((answered.start_logits, batch.start), (answered.end_logits, batch.end))
        losses = [nn.functional.cross_entropy(logits.float(), truth, reduction="sum") for logits, truth in ends]
        return (losses[0] + losses[1]) / 2

    def answers(self, model: nn.Module, batch: QuestionBatch) -> list[Row]:
        """None: nothing is measured but speed."""
        return []

    def warm_start(
        self, model: nn.Module, *, seed: int, report: Report, world: World, first_look: int | None = None
    ) -> Iterator[Look]:
        """None."""
        return iter(())
