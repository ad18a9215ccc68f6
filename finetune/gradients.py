"""What happens to a gradient between backward and the optimizer."""

import torch
import torch.distributed as dist
from torch import nn

from .recipe import Recipe
from .world import World

_BUCKET = 64 * 2**20  # bytes; large enough that a network's latency does not count


def sum_gradients(model: nn.Module, world: World) -> None:
    """Adds the gradients of all processes up, in buckets, in the same order everywhere.

    After backward and not during it, as DistributedDataParallel has it: a process that runs out of memory in its
    backward pass can then say so, and all begin the step again with a smaller micro-batch.
    """
    if world.size == 1:
        return
    bucket: list[torch.Tensor] = []
    filled = 0
    for parameter in model.parameters():
        if not parameter.requires_grad:
            continue
        if parameter.grad is None:  # unused in this process's share, perhaps not in another's
            parameter.grad = torch.zeros_like(parameter)
        bucket.append(parameter.grad)
        filled += parameter.grad.nbytes
        if filled >= _BUCKET:
            _sum(bucket)
            bucket, filled = [], 0
    _sum(bucket)


def _sum(bucket: list[torch.Tensor]) -> None:
    if not bucket:
        return
    flat = torch.cat([gradient.reshape(-1) for gradient in bucket])
    dist.all_reduce(flat)
    pieces = torch.split(flat, [gradient.numel() for gradient in bucket])
    for gradient, piece in zip(bucket, pieces, strict=True):
        gradient.copy_(piece.view_as(gradient))


def clip(model: nn.Module, recipe: Recipe) -> None:
    """Scales the whole gradient down to the recipe's norm, where it has one."""
    if recipe.clip_norm is not None:
        nn.utils.clip_grad_norm_([p for p in model.parameters() if p.grad is not None], recipe.clip_norm)
