"""Joining the other processes of a run, and giving each its own device."""

import atexit
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.distributed import rendezvous  # type: ignore[attr-defined]  # public, but not typed as such

from roadworthy.model_cards import InputError

from .environment import choose_device
from .launch import launched
from .meeting import own_corner
from .world import World

# The leading process may decode a large data set while the others wait. A partner that died is noticed by its
# closed connection, and a machine that is gone by torchrun's heartbeat; neither needs this to pass.
_PATIENCE = timedelta(days=7)


def join() -> World:
    """The world this process was started in: alone, or by torchrun."""
    launch = launched()
    if launch.size == 1:
        return World()
    if not dist.is_initialized():
        store, rank, size = next(rendezvous("env://"))
        # What travels from GPU to GPU goes through nccl, the rest through gloo.
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo",
            store=own_corner(store, rank, size),
            rank=rank,
            world_size=size,
        )
    facts = dist.new_group(backend="gloo", timeout=_PATIENCE)
    return World(rank=dist.get_rank(), size=dist.get_world_size(), local_rank=launch.local_rank, facts=facts)


def own_device(name: str | None, world: World) -> torch.device:
    """The device of this process: the CPU, or a GPU that no other process of this machine has.

    Raises:
        InputError: no GPU where one was asked for, or fewer than processes.
    """
    device = choose_device(name)
    if device.type != "cuda" or world.size == 1:
        return device
    seen = torch.cuda.device_count()
    if world.local_rank >= seen:
        raise InputError(
            f"process {world.local_rank} of this machine has no GPU of its own: torch sees {seen}. "
            "Expected one for each process; start fewer with torchrun --nproc-per-node."
        )
    device = torch.device("cuda", world.local_rank)
    torch.cuda.set_device(device)
    return device


def part_at_exit(world: World) -> None:
    """Ends the connections in good order when the interpreter ends; only after success, since others must answer."""
    if world.size > 1:
        atexit.register(_part)


def _part() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()
