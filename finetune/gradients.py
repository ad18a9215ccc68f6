"""What happens to a gradient between backward and the optimizer."""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from .recipe import Recipe
from .sparse_rows import shared_tables, sum_rows, tables_of
from .world import World

_BUCKET = 64 * 2**20  # bytes; large enough that a network's latency does not count


def sum_gradients(model: nn.Module, world: World) -> None:
    """Adds the gradients of all processes up, in buckets, in the same order everywhere.

    After backward and not during it, as DistributedDataParallel has it: a process that runs out of memory in its
    backward pass can then say so, and all begin the step again with a smaller micro-batch.
    """
    if world.size == 1:
        return
    tables = tables_of(model)
    shared = {id(table.weight) for table in shared_tables(model).values()}  # their rows' sums came as gradients
    for table in tables:
        if id(table) not in shared:
            sum_rows(table, world)
    apart = {id(table) for table in tables}
    trained = [p for p in model.parameters() if p.requires_grad and id(p) not in apart]
    # One that no process used has no gradient, so that the optimizer passes it over, as it would in one process.
    used = world.totals([int(parameter.grad is not None) for parameter in trained])
    bucket: list[torch.Tensor] = []
    filled = 0
    for parameter, users in zip(trained, used, strict=True):
        if not users:
            continue
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        bucket.append(parameter.grad)
        filled += parameter.grad.nbytes
        if filled >= _BUCKET:
            _sum(bucket, world)
            bucket, filled = [], 0
    _sum(bucket, world)


@torch.no_grad()
def average_statistics(model: nn.Module, world: World) -> None:
    """Running statistics of batch normalisation: the mean of what the processes saw in this step.

    Each normalises by its own examples, as it does in DistributedDataParallel; what is kept for evaluation must be
    the same in all of them.
    """
    if world.size == 1:
        return
    moved = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.training and m.running_mean is not None]
    values = [value for m in moved for value in (m.running_mean, m.running_var) if value is not None]
    _sum(values, world)
    for value in values:
        value /= world.size


def _sum(bucket: list[torch.Tensor], world: World) -> None:
    if not bucket:
        return
    flat = world.summed(torch.cat([tensor.reshape(-1) for tensor in bucket]))
    pieces = torch.split(flat, [tensor.numel() for tensor in bucket])
    for tensor, piece in zip(bucket, pieces, strict=True):
        tensor.copy_(piece.view_as(tensor))


def clip(model: nn.Module, recipe: Recipe, world: World) -> None:
    """Scales the whole gradient down to the recipe's norm, where it has one."""
    if recipe.clip_norm is None:
        return
    if not tables_of(model):
        nn.utils.clip_grad_norm_([p for p in model.parameters() if p.grad is not None], recipe.clip_norm)
        return
    # As torch's own, which knows no sparse gradients: what counts of them is each row's sum.
    values = {name: _values(p) for name, p in model.named_parameters() if p.grad is not None}
    shared = [values[name] for name in shared_tables(model) if name in values]
    apart = {id(value) for value in shared}
    square = nn.utils.get_total_norm([value for value in values.values() if id(value) not in apart]) ** 2
    if shared_tables(model):  # of which every process has other rows
        square = square + world.summed(nn.utils.get_total_norm(shared).to(square.device) ** 2)
    share = recipe.clip_norm / (square.sqrt() + 1e-6)
    for value in values.values():
        value.mul_(share.clamp(max=1.0).to(value.device))


def _values(parameter: nn.Parameter) -> torch.Tensor:
    assert parameter.grad is not None
    if not parameter.grad.is_sparse:
        return parameter.grad
    parameter.grad = parameter.grad.coalesce()
    return parameter.grad.values()
