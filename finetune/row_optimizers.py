"""Optimizers whose step costs what it touches: Adam and Adagrad on the rows that a gradient names, and no others.

torch has both for sparse gradients (``SparseAdam``, ``Adagrad``). Here the same rows are read and written in place,
where torch makes a sparse tensor for every term, and Adagrad may keep one number a row instead of one an element.

Shapes: R rows of a table, W its columns, U different rows that a step touches.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.nn import functional


def touched(table: nn.Parameter) -> tuple[torch.Tensor, torch.Tensor] | None:
    """The rows that a gradient names, int64 [U], each once, and their gradients [U, W]; ``None``: none was asked for.

    What a batch says of a row several times is added up first, in the order of the batch, so that the same batch
    gives the same bits.
    """
    gradient = table.grad
    if gradient is None:
        return None
    # Without looking whether they are in order or doubled: that is what happens here.
    named, values = gradient._indices()[0], gradient._values()
    if gradient.is_coalesced() or not len(named):
        return named, values
    ordered, order = torch.sort(named, stable=True)
    rows, counts = torch.unique_consecutive(ordered, return_counts=True)
    # A bag for each row: several times as fast as ``coalesce`` where a batch is large.
    return rows, functional.embedding_bag(order, values, counts.cumsum(0) - counts, mode="sum")


class _OfRows(torch.optim.Optimizer, ABC):
    """A step of every table that has a gradient, on the rows that it names."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step of every table that has a gradient."""
        assert closure is None
        for group in self.param_groups:
            for table in group["params"]:
                if (found := touched(table)) is not None:
                    self._take(table, *found, group)

    @abstractmethod
    def _take(self, table: nn.Parameter, rows: torch.Tensor, gradient: torch.Tensor, group: dict[str, Any]) -> None:
        """Moves ``rows``, int64 [U], by their ``gradient`` [U, W]."""


class RowAdam(_OfRows):
    """Adam (Kingma & Ba 2015, algorithm 1) of touched rows: ``torch.optim.SparseAdam``'s formula.

    The moments of a row that a step does not touch stay as they are; the bias is corrected by the table's steps.
    """

    def __init__(
        self, tables: Iterable[nn.Parameter], *, lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
    ) -> None:
        super().__init__(tables, {"lr": lr, "betas": betas, "eps": eps})

    def _take(self, table: nn.Parameter, rows: torch.Tensor, gradient: torch.Tensor, group: dict[str, Any]) -> None:
        state, (first, second) = self.state[table], group["betas"]
        if not state:
            state |= {"step": 0, "exp_avg": torch.zeros_like(table), "exp_avg_sq": torch.zeros_like(table)}
        state["step"] += 1
        mean = state["exp_avg"].index_select(0, rows).lerp_(gradient, 1 - first)
        state["exp_avg"].index_copy_(0, rows, mean)
        square = state["exp_avg_sq"].index_select(0, rows).mul_(second).addcmul_(gradient, gradient, value=1 - second)
        state["exp_avg_sq"].index_copy_(0, rows, square)
        size = group["lr"] * math.sqrt(1 - second ** state["step"]) / (1 - first ** state["step"])
        moved = table.index_select(0, rows).addcdiv_(mean, square.sqrt_().add_(group["eps"]), value=-size)
        table.index_copy_(0, rows, moved)


class RowWiseAdagrad(_OfRows):
    """Adagrad (Duchi et al. 2011) with one accumulator for a whole row: the mean of its squared gradients.

    What FBGEMM calls exact row-wise Adagrad and facebookresearch/dlrm ``RWSAdagrad``; of a table one column wide it is
    ``torch.optim.Adagrad``. Its state, ``sum`` [R], is a W-th of Adagrad's, and half as much of that of Adam's.
    """

    def __init__(self, tables: Iterable[nn.Parameter], *, lr: float, eps: float = 1e-10) -> None:
        super().__init__(tables, {"lr": lr, "eps": eps})

    def _take(self, table: nn.Parameter, rows: torch.Tensor, gradient: torch.Tensor, group: dict[str, Any]) -> None:
        state = self.state[table]
        if not state:
            state["sum"] = table.new_zeros(len(table))
        total = state["sum"].index_select(0, rows).add_(gradient.square().mean(dim=1))
        state["sum"].index_copy_(0, rows, total)
        root = total.sqrt_().add_(group["eps"])
        moved = table.index_select(0, rows).addcdiv_(gradient, root[:, None], value=-group["lr"])
        table.index_copy_(0, rows, moved)
