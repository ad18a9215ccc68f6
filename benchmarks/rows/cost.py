"""What a step costs as its table grows, where it touches as many rows: ours, torch's, and one with dense gradients."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from roadworthy.finetune.row_optimizers import RowAdam, RowWiseAdagrad
from roadworthy.finetune.tabular.dlrm import Dlrm

SMALL, LARGE = 10**5, 10**7
NUMERIC, COLUMNS, BATCH, WIDTH = 13, 8, 2048, 16
TOP = (256, 128)
Make = Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer]
OPTIMIZERS: dict[str, Make] = {
    "Adam of rows": lambda tables: RowAdam(tables, lr=1e-3),
    "row-wise Adagrad": lambda tables: RowWiseAdagrad(tables, lr=1e-2),
    "torch's SparseAdam": lambda tables: torch.optim.SparseAdam(tables, lr=1e-3),
    "torch's SGD, sparse gradients": lambda tables: torch.optim.SGD(tables, lr=1e-2),
}


class Step:
    """Steps of a small DLRM over tables of so many rows in all; each batch looks up other rows."""

    def __init__(self, rows: int, make: Make, *, dense: bool = False) -> None:
        sizes = [rows // COLUMNS] * COLUMNS
        torch.manual_seed(0)
        self._model = Dlrm(numeric=NUMERIC, sizes=sizes, bottom=(4 * WIDTH, 2 * WIDTH, WIDTH), top=TOP)
        tables = [self._model.tables.weight]
        rest = [p for p in self._model.parameters() if p is not tables[0]]
        self._optimizers = [torch.optim.AdamW(rest, lr=1e-3, fused=True), make(tables)]
        self._dense, self._sizes = dense, sizes

    def take(self) -> float:
        """Seconds of one step, its batch not counted."""
        numeric = torch.randn(BATCH, NUMERIC)
        ids = torch.stack([torch.randint(size, (BATCH,)) for size in self._sizes], dim=1)
        labels = torch.rand(BATCH).round()
        began = time.perf_counter()
        self._model.zero_grad()
        functional.binary_cross_entropy_with_logits(self._model(numeric, ids), labels).backward()
        if self._dense:
            table = self._model.tables.weight
            assert table.grad is not None
            table.grad = table.grad.to_dense()
        for optimizer in self._optimizers:
            optimizer.step()
        return time.perf_counter() - began


def measured_cost(rounds: int) -> dict[str, Any]:
    """Seconds of steps at both sizes, in turn, by optimizer; the median of three steps counts as one turn."""
    torch.set_num_threads(2)
    found: dict[str, dict[str, list[float]]] = {}
    dense: Make = lambda tables: torch.optim.AdamW(tables, lr=1e-3)  # noqa: E731
    for name, make in {**OPTIMIZERS, "AdamW, dense gradients": dense}.items():
        steps = {size: Step(size, make, dense=make is dense) for size in (SMALL, LARGE)}
        for step in steps.values():
            for _ in range(3):
                step.take()
        found[name] = {str(size): [] for size in steps}
        for number in range(rounds):
            order = list(steps) if number % 2 else list(reversed(steps))
            for size in order:
                took = sorted(steps[size].take() for _ in range(1 if make is dense else 5))
                found[name][str(size)].append(round(took[len(took) // 2], 6))
        print(f"cost: {name}", flush=True)
    return {
        "title": f"a small DLRM, {COLUMNS} tables {WIDTH} wide, {BATCH:,} examples a step",
        "seconds": found,
    }
