"""The processes that train together: one, or those that torchrun started, on one machine or on many.

Everything that must be the same number of times in one process and in many goes through here: which examples a
process takes, what is added up over all, who writes.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """``rank`` of ``size`` processes; ``local_rank`` on this machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def leads(self) -> bool:
        """Whether this process writes the log, the checkpoints and the candidate."""
        return self.rank == 0

    def share(self, items: Sequence[Item]) -> Sequence[Item]:
        """What this process does of a list; the shares of all processes are disjoint and make it up."""
        return items[self.rank :: self.size]

    def total(self, number: int) -> int:
        """The sum over all processes."""
        if self.size == 1:
            return number
        summed = torch.tensor(number, dtype=torch.int64, device=_device())
        dist.all_reduce(summed)
        return int(summed)

    def summed(self, value: torch.Tensor) -> torch.Tensor:
        """The sum of a tensor over all processes."""
        if self.size > 1:
            dist.all_reduce(value)
        return value

    def any(self, flag: bool) -> bool:
        """Whether it holds in any process."""
        return self.total(int(flag)) > 0

    def gathered(self, items: list[Item]) -> list[Item]:
        """The items of all processes, in the order of their ranks, in every process."""
        if self.size == 1:
            return items
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, items)
        return [item for share in found for item in share]

    def same(self, value: Item) -> Item:
        """The leading process's value, in every process: a clock's reading, a measured choice, a system seed."""
        if self.size == 1:
            return value
        held: list[Any] = [value]
        dist.broadcast_object_list(held, src=0)
        chosen: Item = held[0]
        return chosen

    def wait(self) -> None:
        """Until every process is here."""
        if self.size > 1:
            dist.barrier()


def join(device_type: str) -> World:
    """The world this process was started in: alone, or by torchrun (which sets RANK, WORLD_SIZE, LOCAL_RANK)."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1 or "RANK" not in os.environ:
        return World()
    if not dist.is_initialized():
        if device_type == "cuda":
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        dist.init_process_group("nccl" if device_type == "cuda" else "gloo")
    return World(rank=dist.get_rank(), size=size, local_rank=int(os.environ["LOCAL_RANK"]))


def _device() -> torch.device:
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
