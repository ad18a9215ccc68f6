"""NeuMF bound to ratings: taken items against drawn ones in training, ranks among candidates where it is measured.

Shapes: B ratings of a batch, N negatives of each, T = B * (1 + N) pairs, C candidates of a user.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from roadworthy.finetune.examples import Dataset
from roadworthy.finetune.random_numbers import uniforms
from roadworthy.finetune.split import Part
from roadworthy.model_cards import Protocol, Row
from roadworthy.model_cards.candidates import above_and_equal
from roadworthy.model_cards.recommendation import user_row

from .encoder import Encoder
from .rating_data import Ratings
from .row_examples import Members, chosen
from .rows_workload import RowsWorkload, check_grown, known
from .vocabulary import RESERVED

NEGATIVES = 4  # of each rating in training, as in the reference
_PAIRS = 2**18  # scored in a forward pass without gradients


@dataclass(frozen=True, slots=True)
class PairBatch:
    """``ids`` int64 [T, 2] of users and items, ``labels`` float32 [T]: 1 where it was taken. B ``rows``."""

    ids: torch.Tensor
    labels: torch.Tensor
    rows: Members


class RatingWorkload(RowsWorkload):
    """Implements ``task.Workload`` over ratings. ``encoder``: the model's."""

    def __init__(self, data: Dataset[Ratings], protocol: Protocol, encoder: Encoder, device: torch.device) -> None:
        super().__init__(data, protocol)
        self._ratings = data.payload
        self._ids = np.asarray(data.payload.store.ids)
        check_grown(data.payload.store.encoder, encoder)
        self._read, self._encoder = data.payload.store.encoder, encoder
        self._items = self._read.sizes[1]
        self._device = device

    def plain_batches(self, part: Part) -> list[range]:
        """In order, as many users as their candidates allow in a forward pass."""
        field = self._ratings.fields.get(part)
        each = 1 if field is None else self._items if field.items is None else field.items.shape[1] + 1
        step, count = max(1, _PAIRS // each), self.size(part)
        return [range(start, min(start + step, count)) for start in range(0, count, step)]

    def training_batch(self, numbers: Sequence[int], *, seed: int, epoch: int) -> PairBatch:
        """Each rating, and items drawn evenly for its user: some of them were taken too, as in the reference."""
        rows, taken = self._chosen("train", numbers)
        drawn = uniforms(seed, epoch, numbers, NEGATIVES)
        others = RESERVED + (drawn * (self._items - RESERVED)).astype(np.int64)
        users = np.repeat(taken[:, :1], 1 + NEGATIVES, axis=1)
        pairs = np.stack([users, np.concatenate([taken[:, 1:], others], axis=1)], axis=2).reshape(-1, 2)
        labels = np.zeros((len(taken), 1 + NEGATIVES), dtype=np.float32)
        labels[:, 0] = 1
        return PairBatch(self._tensor(pairs), self._tensor(labels.reshape(-1)), rows)

    def plain_batch(self, part: Part, numbers: Sequence[int]) -> PairBatch:
        """Ratings as they are."""
        rows, taken = self._chosen(part, numbers)
        return PairBatch(self._tensor(taken), torch.ones(len(taken), device=self._device), rows)

    def units(self, batch: PairBatch) -> int:
        """The pairs of the batch."""
        return len(batch.labels)

    def loss(self, model: nn.Module, batch: PairBatch) -> torch.Tensor:
        """Binary cross-entropy, added up over the pairs."""
        return binary_cross_entropy_with_logits(self._scores(model, batch.ids), batch.labels, reduction="sum")

    def answers(self, model: nn.Module, batch: PairBatch) -> list[Row]:
        """How many candidates of each user scored above the item that was taken."""
        if not batch.rows:
            return []
        part = batch.rows[0].part
        field = self._ratings.fields[part]
        lines = np.array([field.line[row] for row in batch.rows.numbers.tolist()])
        taken = batch.ids.cpu().numpy()
        if field.items is not None and field.kept is not None:
            items, kept = field.items[lines].astype(np.int64), field.kept[lines]
        else:
            items, kept = self._catalogue(taken)
        pairs = np.stack([np.repeat(taken[:, :1], items.shape[1], axis=1), items], axis=2).reshape(-1, 2)
        scores = self._scores(model, self._tensor(pairs)).cpu().numpy().reshape(items.shape)
        positives = self._scores(model, batch.ids)
        above, equal = above_and_equal(scores, kept, positives.cpu().numpy())
        figures = zip(batch.rows, above.tolist(), equal.tolist(), positives.sigmoid().tolist(), strict=True)
        return [user_row(id=e.id, **e.truth, above=a, equal=same, score=score) for e, a, same, score in figures]

    def _chosen(self, part: Part, numbers: Sequence[int]) -> tuple[Members, NDArray[np.int64]]:
        rows = chosen(self._parts[part], numbers)
        return rows, self._ids[rows.numbers].astype(np.int64)

    def _catalogue(self, taken: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Every item for each user, and which of them count: not those of training, and not the one to be found."""
        kept = np.ones((len(taken), self._items), dtype=np.bool_)
        for line, (user, item) in enumerate(taken.tolist()):
            kept[line, self._ratings.taken.of(user)] = False
            kept[line, item] = False
        return np.repeat(np.arange(self._items)[None], len(taken), axis=0), kept

    def _scores(self, model: nn.Module, ids: torch.Tensor) -> torch.Tensor:
        ids = known(ids, self._read, self._encoder)
        found: torch.Tensor = model(torch.empty(len(ids), 0, device=self._device), ids)
        return found.float()

    def _tensor(self, array: NDArray[Any]) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)
