"""A model of rows bound to groups: trained on every row, measured by where the right one comes in its group."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from roadworthy.finetune.examples import Dataset
from roadworthy.finetune.split import Part
from roadworthy.model_cards import Protocol, Row
from roadworthy.model_cards.grouped import group_row

from .encoder import Encoder
from .ranking_data import Groups
from .row_examples import Members, chosen
from .rows_workload import Inputs, RowsWorkload

_ROWS = 8192  # in a forward pass without gradients


@dataclass(frozen=True, slots=True)
class GroupBatch:
    """The rows of some groups, one group after another: inputs, ``labels`` float32 [B], and how many each has."""

    inputs: tuple[torch.Tensor, torch.Tensor]
    labels: torch.Tensor
    sizes: tuple[int, ...]
    examples: Members


class RankingWorkload(RowsWorkload):
    """Implements ``task.Workload`` over groups of rows. ``encoder``: the model's."""

    def __init__(self, data: Dataset[Groups], protocol: Protocol, encoder: Encoder, device: torch.device) -> None:
        super().__init__(data, protocol)
        self._groups = data.payload
        self._inputs = Inputs(data.payload.store, encoder, device)

    def plain_batches(self, part: Part) -> list[list[int]]:
        """In order, so many groups at a time as a forward pass takes rows."""
        sizes = self._groups.sizes[chosen(self._parts[part], range(self.size(part))).numbers]
        made: list[list[int]] = []
        held = _ROWS
        for place, rows in enumerate(sizes.tolist()):
            if held + rows > _ROWS:
                made.append([])
                held = 0
            made[-1].append(place)
            held += rows
        return made

    def training_batch(self, numbers: Sequence[int], *, seed: int, epoch: int) -> GroupBatch:
        """Groups as they are: nothing about them is random."""
        return self.plain_batch("train", numbers)

    def plain_batch(self, part: Part, numbers: Sequence[int]) -> GroupBatch:
        """Groups of a part."""
        examples = chosen(self._parts[part], numbers)
        rows = [self._groups.of(group) for group in examples.numbers.tolist()]
        numeric, ids, labels = self._inputs.of(np.concatenate(rows))
        return GroupBatch((numeric, ids), labels, tuple(map(len, rows)), examples)

    def units(self, batch: GroupBatch) -> int:
        """The rows of the batch."""
        return len(batch.labels)

    def loss(self, model: nn.Module, batch: GroupBatch) -> torch.Tensor:
        """Binary cross-entropy, added up over the rows."""
        return binary_cross_entropy_with_logits(model(*batch.inputs).float(), batch.labels, reduction="sum")

    def answers(self, model: nn.Module, batch: GroupBatch) -> list[Row]:
        """The scores of each group's rows, as probabilities in double precision."""
        scores = model(*batch.inputs).double().sigmoid().split(batch.sizes)
        examples = list(batch.examples)
        truths = [e.truth if isinstance(e.truth, dict) else {"labels": e.truth, "start": None} for e in examples]
        return [
            group_row(id=e.id, labels=truth["labels"], scores=found.tolist(), start=truth["start"])
            for e, truth, found in zip(examples, truths, scores, strict=True)
        ]
