"""The optimizer and the learning-rate schedule that a recipe asks for."""

import math

import torch
from torch import nn

from .recipe import Recipe
from .row_optimizers import RowAdam, RowWiseAdagrad
from .sharding import is_sharded
from .sparse_rows import Apart, tables_of


def make_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Over the parameters that are trained; weight decay on matrices and kernels alone.

    Tables with sparse gradients have no momentum of SGD's: it would touch every row. With AdamW the moments of the rows
    that a step touches move, with Adagrad one sum for each of them (`row_optimizers`), and only such rows decay.
    """
    tables = tables_of(model)
    dense = _dense(model, recipe, leave_out=tables)
    return Apart(dense, _of_rows(tables, recipe), decay=recipe.row_decay) if tables else dense


def _of_rows(tables: list[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(tables, lr=recipe.learning_rate)
    if recipe.optimizer == "adagrad":
        return RowWiseAdagrad(tables, lr=recipe.learning_rate)
    return RowAdam(tables, lr=recipe.learning_rate, betas=(recipe.momentum, 0.999))


def _dense(model: nn.Module, recipe: Recipe, *, leave_out: list[nn.Parameter]) -> torch.optim.Optimizer:
    passed = {id(table) for table in leave_out}
    trained = [p for p in model.parameters() if p.requires_grad and id(p) not in passed]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "sgd":
        fused = not is_sharded(model)  # torch has no fused SGD for tensors that are split
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=False, fused=fused)
    if recipe.optimizer == "adagrad":
        return torch.optim.Adagrad(groups, lr=recipe.learning_rate)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(recipe.momentum, 0.999), fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """The same for every group."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def schedule(step: int, total: int, warmup: int) -> float:
    """The share of the peak learning rate: linear warm-up, then half a cosine to 0."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))
