"""A model that does not fit into one device, split over the processes (FSDP2, ``torch.distributed.fsdp.fully_shard``).

Each process holds a part of every parameter, its gradient and its moments; a layer is put together for as long as it
computes. Names and shapes stay, so checkpoints and snapshots are the same files as without it.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.utils._pytree import tree_map_only

from .sparse_rows import shared_tables
from .world import World


def shard(model: nn.Module, groups: Sequence[Sequence[str]], world: World, device: torch.device) -> None:
    """Splits ``model`` in place and moves its parts to ``device``, one of ``groups`` of parameters after another."""
    mesh = init_device_mesh(device.type, (world.size,))
    for module in (*_layers(model, groups), model):
        # Taken apart again after each forward pass, the outermost too: between steps every parameter is a part.
        fully_shard(module, mesh=mesh, reshard_after_forward=True)
    for part in model.modules():
        if isinstance(part, FSDPModule):
            # Losses are divided by the whole batch already, so gradients are added up and not averaged.
            part.set_gradient_divide_factor(1.0)
            part.set_force_sum_reduction_for_comms(True)


def is_sharded(model: nn.Module) -> bool:
    """Whether ``model`` is split over processes."""
    return isinstance(model, FSDPModule)


def is_joint(model: nn.Module) -> bool:
    """Whether the processes pass through ``model`` together, because each has a part of it or of its tables."""
    return is_sharded(model) or bool(shared_tables(model))


def own_part(tensor: torch.Tensor) -> torch.Tensor:
    """What this process holds of a tensor, without a copy: all of it, where it is not split."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def whole(values: Any) -> Any:
    """A tree of tensors with those that are split put together, on the CPU; every process must call this."""
    found: Any = tree_map_only(DTensor, lambda tensor: tensor.full_tensor().cpu(), values)
    return found


def laid_like(value: torch.Tensor, example: torch.Tensor) -> torch.Tensor:
    """A whole tensor, which every process has, split as ``example`` is."""
    if not isinstance(example, DTensor):
        return value
    there = value.to(example.device)
    return distribute_tensor(there, example.device_mesh, example.placements, src_data_rank=None)


def _layers(model: nn.Module, groups: Sequence[Sequence[str]]) -> list[nn.Module]:
    """The modules that the groups make up, inner ones first; what is in none stays with the whole model."""
    paths = {_common([name.split(".")[:-1] for name in group]) for group in groups}
    ordered = sorted((path for path in paths if path), key=len, reverse=True)
    found = [model.get_submodule(".".join(path)) for path in ordered]
    # A list of layers is not called itself, so there is no moment to put it together.
    return [module for module in found if not isinstance(module, (nn.ModuleList, nn.ModuleDict))]


def _common(paths: Sequence[Sequence[str]]) -> tuple[str, ...]:
    shared: list[str] = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return tuple(shared)
