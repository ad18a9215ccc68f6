"""What workloads of rows share: every layer is new, batches are shuffled, nothing is kept from one epoch to the next.

Shapes: B batch, N numeric columns, K categories of an example.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from roadworthy.finetune.examples import Dataset
from roadworthy.finetune.progress import Report
from roadworthy.finetune.random_numbers import batches
from roadworthy.finetune.split import Part
from roadworthy.finetune.task import Look
from roadworthy.finetune.world import World
from roadworthy.model_cards import InputError, Protocol

from .encoder import Encoder
from .schema import Schema
from .store import Store
from .tables import PADDING
from .vocabulary import MISSING, UNSEEN

_KEPT = 2**21  # rows read before their memory is given back: two windows of a large epoch, some 300 MB
_SHARE = 0.25  # of a GPU's free memory for rows


class RowsWorkload:
    """The part of ``task.Workload`` that is the same whatever a row is an example of."""

    def __init__(self, data: Dataset[Any], protocol: Protocol) -> None:
        self.protocol = protocol
        self._parts = data.examples.by_part()

    def size(self, part: Part) -> int:
        """How many examples a part has."""
        return len(self._parts[part])

    def names(self, numbers: Sequence[int]) -> list[str]:
        """File and row of training examples."""
        return [self._parts["train"][n].name for n in numbers]

    def prepare(self, model: nn.Module, *, seed: int, batch_size: int) -> None:
        """Nothing: every layer is trained."""

    def epoch(self, *, seed: int, epoch: int, batch_size: int) -> Sequence[list[int]]:
        """Shuffled batches."""
        return batches(seed, epoch, self.size("train"), batch_size)

    def warm_start(
        self, model: nn.Module, *, seed: int, report: Report, world: World, first_look: int | None = None
    ) -> Iterator[Look]:
        """None: no layer of such a model is worth anything before it was trained."""
        yield from ()


def padded(ids: torch.Tensor, schema: Schema) -> torch.Tensor:
    """Numbers of categories, int64 [B, K], in which the rest of a short list is no category.

    Where a row may have several of a column, the encoder says "missing" of every place that is empty.
    """
    several = [one.hotness > 1 for one, _ in schema.slots for _ in range(one.hotness)]
    if not any(several):
        return ids
    return ids.masked_fill(torch.tensor(several, device=ids.device) & (ids == MISSING), PADDING)


def check_grown(read: Encoder, model: Encoder) -> None:
    """Raises InputError where what was read for one model means something else to another."""
    if read is not model and not model.begins(read):
        raise InputError(
            "these rows were read for another model: its columns, scales or categories are not this one's. Expected "
            "those of the model, or of a version that was fine-tuned from it."
        )


def known(ids: torch.Tensor, read: Encoder, model: Encoder) -> torch.Tensor:
    """Numbers of categories, int64 [B, K], that were read for a version grown from this model, which has not seen its
    new ones."""
    if read.sizes == model.sizes:
        return ids
    return ids.masked_fill(ids >= torch.tensor(model.sizes, device=ids.device), UNSEEN)


class Inputs:
    """Rows of a store as a model takes them, on its device. ``encoder``: the model's, from which the store's may have
    been grown. ``hold``: all rows lie on the device; by default they do on a GPU that has room for them."""

    def __init__(self, store: Store, encoder: Encoder, device: torch.device, *, hold: bool | None = None) -> None:
        check_grown(store.encoder, encoder)
        self._store, self._encoder, self._device = store, encoder, device
        self._held = _on(store, device) if _is_held(store, device, hold) else None
        self._read = 0  # rows, since their memory was given back

    def of(self, rows: NDArray[np.integer]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Numbers float32 [B, N], categories int64 [B, K], labels float32 [B]."""
        numeric, ids, labels = self._from_files(rows) if self._held is None else self._from_device(rows, self._held)
        ids = known(ids.long(), self._store.encoder, self._encoder)
        return numeric, padded(ids, self._store.schema), labels.float()

    def _from_files(self, rows: NDArray[np.integer]) -> Sequence[torch.Tensor]:
        found = [torch.from_numpy(array).to(self._device) for array in self._store.batch(rows)]
        self._read += len(rows)
        if self._read > _KEPT:
            self._store.give_back()
            self._read = 0
        return found

    def _from_device(self, rows: NDArray[np.integer], held: Sequence[torch.Tensor]) -> Sequence[torch.Tensor]:
        at = torch.from_numpy(rows).to(self._device)
        return [array.index_select(0, at) for array in held]


def _is_held(store: Store, device: torch.device, hold: bool | None) -> bool:
    if hold is not None or device.type != "cuda":
        return bool(hold)
    # The model, its gradients and its moments need the rest.
    return store.numeric.nbytes + store.ids.nbytes + len(store) <= _SHARE * torch.cuda.mem_get_info(device)[0]


def _on(store: Store, device: torch.device) -> list[torch.Tensor]:
    label = np.ones(len(store), np.uint8) if store.label is None else store.label
    return [torch.from_numpy(np.array(array)).to(device) for array in (store.numeric, store.ids, label)]
