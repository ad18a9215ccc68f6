"""A model of rows bound to a table: batches of numbers and categories, one logit for each row.

Shapes: B batch, N numeric columns, K categories of an example.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from roadworthy.finetune.examples import Dataset, Example
from roadworthy.finetune.progress import Report
from roadworthy.finetune.random_numbers import batches
from roadworthy.finetune.recipe import Recipe
from roadworthy.finetune.split import Part
from roadworthy.finetune.task import Look
from roadworthy.finetune.world import World
from roadworthy.model_cards import Protocol, Row
from roadworthy.model_cards.clicks import click_row

from .schema import Schema
from .store import Store
from .tables import PADDING
from .vocabulary import MISSING

_FORWARD = 8192  # rows in a forward pass without gradients


@dataclass(frozen=True, slots=True)
class RowBatch:
    """``numeric`` float32 [B, N], ``ids`` int64 [B, K], ``labels`` float32 [B]."""

    numeric: torch.Tensor
    ids: torch.Tensor
    labels: torch.Tensor
    examples: tuple[Example, ...]


def padded(ids: torch.Tensor, schema: Schema) -> torch.Tensor:
    """Numbers of categories, int64 [B, K], in which the rest of a short list is no category.

    Where a row may have several of a column, the encoder says "missing" of every place that is empty.
    """
    several = [one.hotness > 1 for one, _ in schema.slots for _ in range(one.hotness)]
    if not any(several):
        return ids
    return ids.masked_fill(torch.tensor(several, device=ids.device) & (ids == MISSING), PADDING)


class Inputs:
    """Rows of a store as a model takes them, on its device."""

    def __init__(self, store: Store, device: torch.device) -> None:
        self._store = store
        self._device = device

    def of(self, rows: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Numbers float32 [B, N], categories int64 [B, K], labels float32 [B]."""
        numeric, ids, labels = (torch.from_numpy(array).to(self._device) for array in self._store.batch(rows))
        return numeric, padded(ids.long(), self._store.schema), labels.float()


class ClickWorkload:
    """Implements ``task.Workload`` over rows that were clicked or not; without a recipe, for measuring alone."""

    def __init__(self, data: Dataset[Store], protocol: Protocol, recipe: Recipe | None, device: torch.device) -> None:
        self.protocol = protocol
        self._parts = data.examples.by_part()
        self._rows = {part: np.array([e.row for e in members], dtype=np.int64) for part, members in self._parts.items()}
        self._inputs = Inputs(data.payload, device)

    def size(self, part: Part) -> int:
        """How many rows a part has."""
        return len(self._parts[part])

    def names(self, numbers: Sequence[int]) -> list[str]:
        """File and row of training examples."""
        return [self._parts["train"][n].name for n in numbers]

    def prepare(self, model: nn.Module, *, seed: int, batch_size: int) -> None:
        """Nothing: every layer is trained."""

    def epoch(self, *, seed: int, epoch: int, batch_size: int) -> list[list[int]]:
        """Shuffled batches."""
        return batches(seed, epoch, self.size("train"), batch_size)

    def plain_batches(self, part: Part) -> list[list[int]]:
        """In order, so many at a time as a forward pass takes."""
        count = self.size(part)
        return [list(range(start, min(start + _FORWARD, count))) for start in range(0, count, _FORWARD)]

    def training_batch(self, numbers: Sequence[int], *, seed: int, epoch: int) -> RowBatch:
        """Rows as they are: nothing about them is random."""
        return self.plain_batch("train", numbers)

    def plain_batch(self, part: Part, numbers: Sequence[int]) -> RowBatch:
        """Rows of a part."""
        members, at = self._parts[part], self._rows[part][np.asarray(numbers)]
        numeric, ids, labels = self._inputs.of(at)
        return RowBatch(numeric=numeric, ids=ids, labels=labels, examples=tuple(members[n] for n in numbers))

    def units(self, batch: RowBatch) -> int:
        """The rows of the batch."""
        return len(batch.examples)

    def loss(self, model: nn.Module, batch: RowBatch) -> torch.Tensor:
        """Binary cross-entropy, added up over the batch."""
        scores = model(batch.numeric, batch.ids).float()
        return binary_cross_entropy_with_logits(scores, batch.labels, reduction="sum")

    def answers(self, model: nn.Module, batch: RowBatch) -> list[Row]:
        """The probability of a click, in double precision, so that rounding makes no ties."""
        scores = model(batch.numeric, batch.ids).double()
        likely = torch.where(batch.labels > 0, logsigmoid(scores), logsigmoid(-scores)).tolist()
        return [
            click_row(id=e.id, clicked=e.truth == 1, probability=p, log_likelihood=told, unit=e.group)
            for e, p, told in zip(batch.examples, scores.sigmoid().tolist(), likely, strict=True)
        ]

    def warm_start(
        self, model: nn.Module, *, seed: int, report: Report, world: World, first_look: int | None = None
    ) -> Iterator[Look]:
        """None: no layer of such a model is worth anything before it was trained."""
        yield from ()
