"""A model of rows bound to clicks: one logit for each row.

Shapes: B batch, N numeric columns, K categories of an example.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from roadworthy.finetune.examples import Dataset, Example
from roadworthy.finetune.groups import digest
from roadworthy.finetune.split import Part
from roadworthy.model_cards import Protocol, Row
from roadworthy.model_cards.clicks import click_row

from .encoder import Encoder
from .row_examples import Members, chosen
from .rows_workload import Inputs, RowsWorkload
from .store import Store

_FORWARD = 8192  # rows in a forward pass without gradients


@dataclass(frozen=True, slots=True)
class RowBatch:
    """``numeric`` float32 [B, N], ``ids`` int64 [B, K], ``labels`` float32 [B], and the rows they are of."""

    numeric: torch.Tensor
    ids: torch.Tensor
    labels: torch.Tensor
    rows: Members


class ClickWorkload(RowsWorkload):
    """Implements ``task.Workload`` over rows that were clicked or not. ``encoder``: the model's."""

    def __init__(self, data: Dataset[Store], protocol: Protocol, encoder: Encoder, device: torch.device) -> None:
        super().__init__(data, protocol)
        self._inputs = Inputs(data.payload, encoder, device)
        self._grouped = data.examples.split.grouping is not None

    def plain_batches(self, part: Part) -> list[range]:
        """In order, so many at a time as a forward pass takes."""
        count = self.size(part)
        return [range(start, min(start + _FORWARD, count)) for start in range(0, count, _FORWARD)]

    def training_batch(self, numbers: Sequence[int], *, seed: int, epoch: int) -> RowBatch:
        """Rows as they are: nothing about them is random."""
        return self.plain_batch("train", numbers)

    def plain_batch(self, part: Part, numbers: Sequence[int]) -> RowBatch:
        """Rows of a part."""
        rows = chosen(self._parts[part], numbers)
        numeric, ids, labels = self._inputs.of(rows.numbers)
        return RowBatch(numeric=numeric, ids=ids, labels=labels, rows=rows)

    def units(self, batch: RowBatch) -> int:
        """The rows of the batch."""
        return len(batch.rows)

    def loss(self, model: nn.Module, batch: RowBatch) -> torch.Tensor:
        """Binary cross-entropy, added up over the batch."""
        scores = model(batch.numeric, batch.ids).float()
        return binary_cross_entropy_with_logits(scores, batch.labels, reduction="sum")

    def answers(self, model: nn.Module, batch: RowBatch) -> list[Row]:
        """The probability of a click, in double precision, so that rounding makes no ties."""
        scores = model(batch.numeric, batch.ids).double()
        likely = torch.where(batch.labels > 0, logsigmoid(scores), logsigmoid(-scores)).tolist()
        return [
            click_row(id=e.id, clicked=e.truth == 1, probability=p, log_likelihood=told, unit=self._unit(e))
            for e, p, told in zip(batch.rows, scores.sigmoid().tolist(), likely, strict=True)
        ]

    def _unit(self, example: Example) -> str | None:
        """Whom a row belongs to, by a digest: evidence is published, and names nobody. A row of nobody is its own."""
        if not self._grouped:
            return None
        return digest(example.id if example.group is None else example.group)
