"""Embedding tables of which a step touches few rows: their gradients name those, and so do their optimizers' steps.

A table is the ``weight`` of a module that says ``sparse``, as `torch.nn.Embedding` does. A
``MovableTable`` also looks rows up wherever its weight lies, for a model that computes elsewhere.
"""

from typing import Any

import torch
from torch import nn

from .shares import Shares
from .table_parts import Parts
from .world import World


class MovableTable(nn.Module):
    """A table that takes ids from any device and returns vectors there; of ``weight`` it may have a share of the rows.

    ``rows``: how many it has in all processes. ``parts``: where all of them lie on the disk, while it is written.
    """

    sparse = True
    weight: nn.Parameter
    rows: int
    shares: Shares | None = None
    parts: Parts | None = None


def tables_of(model: nn.Module) -> list[nn.Parameter]:
    """The parameters whose gradients are sparse, each once."""
    found = [module.weight for module in model.modules() if getattr(module, "sparse", False) is True]
    return [p for p in dict.fromkeys(found) if isinstance(p, nn.Parameter) and p.requires_grad]


def movable(model: nn.Module) -> list[MovableTable]:
    """The tables that may lie on another device than the rest."""
    return [module for module in model.modules() if isinstance(module, MovableTable)]


def named_tables(model: nn.Module) -> dict[str, MovableTable]:
    """The same by the names of their parameters."""
    modules = model.named_modules()
    return {f"{path}.weight": module for path, module in modules if isinstance(module, MovableTable)}


def shared_tables(model: nn.Module) -> dict[str, MovableTable]:
    """Those of which this process has a share."""
    return {name: table for name, table in named_tables(model).items() if table.shares is not None}


def sum_rows(table: nn.Parameter, world: World) -> None:
    """Adds up the rows of all processes in ``table``'s gradient; only rows that were touched travel.

    One that a process did not use has no gradient there, and is as if it had touched no row.
    """
    nothing = torch.sparse_coo_tensor(torch.empty(1, 0, dtype=torch.int64), table.new_empty(0, *table.shape[1:]))
    mine = (nothing if table.grad is None else table.grad).coalesce()
    counts = world.gathered([mine._nnz()])
    most, device = max(counts), table.device
    rows = torch.zeros(world.size, most, dtype=torch.int64, device=device)
    values = torch.zeros(world.size, most, *table.shape[1:], dtype=table.dtype, device=device)
    if counts[world.rank]:
        rows[world.rank, : counts[world.rank]] = mine.indices()[0]
        values[world.rank, : counts[world.rank]] = mine.values()
    # Each leaves the others' places at zero, so that adding up is handing over.
    rows, values = world.summed(rows), world.summed(values)
    there = torch.arange(most, device=device) < torch.tensor(counts, device=device)[:, None]
    table.grad = torch.sparse_coo_tensor(
        rows[there][None], values[there], table.shape, check_invariants=False
    ).coalesce()  # in the order of ranks, so that every process has the same bits


class Apart(torch.optim.Optimizer):
    """Two optimizers, of everything else and of tables, that to the outside are one.

    ``decay``: before each step the rows that it touches shrink by so much times the learning rate, as AdamW's weights
    do (Loshchilov & Hutter 2019); the others stay as they are.
    """

    def __init__(self, dense: torch.optim.Optimizer, rows: torch.optim.Optimizer, *, decay: float = 0.0) -> None:
        self._parts = (dense, rows)
        self._decay = decay
        self._sizes = tuple(len(part.param_groups) for part in self._parts)
        super().__init__([group for part in self._parts for group in part.param_groups], {})
        for part in self._parts:  # Adagrad has its sums from the start
            self.state.update(part.state)
        self._share()

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step of each."""
        assert closure is None
        if self._decay:
            _shrink_rows(self._parts[1], self._decay)
        for part in self._parts:
            part.step()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From a checkpoint."""
        super().load_state_dict(state_dict)
        self._share()

    def _share(self) -> None:
        # Groups and moments are the same objects in both, so that who sets a rate here sets it there.
        dense, rows = self._parts
        dense.param_groups, rows.param_groups = self.param_groups[: self._sizes[0]], self.param_groups[self._sizes[0] :]
        dense.state = rows.state = self.state


@torch.no_grad()
def _shrink_rows(tables: torch.optim.Optimizer, decay: float) -> None:
    for group in tables.param_groups:
        for table in group["params"]:
            if table.grad is not None:
                rows = table.grad._indices()[0].unique()
                table.index_copy_(0, rows, table.index_select(0, rows) * (1 - group["lr"] * decay))
