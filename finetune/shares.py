"""Tables whose rows are shared out over the processes, each with its moments: ids travel there, vectors back.

Row r lies in process r % size, at place r // size there. Categories are numbered by how frequent they are, so
neighbours are looked up about equally often and every process has about as much to do; ranges of rows would give the
first one nearly all of it.

Shapes: N rows of a table, R rows that are looked up, U of them different, W width, P processes.
"""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch

from .world import World

_ROOM: ContextVar["Shares | None"] = ContextVar("shares", default=None)
_IDLE: ContextVar[bool] = ContextVar("idle", default=False)


@dataclass(frozen=True, slots=True)
class Shares:
    """How rows are shared out over the processes of ``world``."""

    world: World

    def own(self, rows: int) -> slice:
        """Which of so many rows are this process's."""
        return slice(self.world.rank, rows, self.world.size)

    def count(self, rows: int) -> int:
        """How many of so many."""
        return len(range(rows)[self.own(rows)])


@contextlib.contextmanager
def shared_out(shares: Shares | None) -> Iterator[None]:
    """Tables that are made in here have this process's rows alone; all of them with ``None``."""
    token = _ROOM.set(shares)
    try:
        yield
    finally:
        _ROOM.reset(token)


def shares_now() -> Shares | None:
    """What a table that is made now has of its rows."""
    return _ROOM.get()


@contextlib.contextmanager
def idle(on: bool) -> Iterator[None]:
    """A pass that only answers the other processes: it looks up nothing of its own, and touches no row."""
    token = _IDLE.set(on)
    try:
        yield
    finally:
        _IDLE.reset(token)


def looked_up(weight: torch.Tensor, rows: torch.Tensor, shares: Shares) -> torch.Tensor:
    """The vectors [R, W] of ``rows``, int64 [R], out of all processes; ``weight`` are the rows of this one.

    Every process calls this equally often, and passes backward through it as often. The gradient is sparse, and is
    already the sum over all processes.
    """
    found: torch.Tensor = _LookedUp.apply(weight, rows, shares)
    return found


class _LookedUp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: torch.Tensor, rows: torch.Tensor, shares: Shares) -> torch.Tensor:
        world = shares.world
        # By owner first, so that what goes to one process lies together; what is named twice travels once.
        most = len(weight) + 1  # places in any process: none has more than one row more than another
        keys, inverse = torch.unique(rows % world.size * most + rows // world.size, return_inverse=True)
        if _IDLE.get():
            keys = keys[:0]
        give = torch.bincount(keys // most, minlength=world.size)
        ones = [1] * world.size
        take = world.exchanged(give, ones, ones)
        ctx.give, ctx.take, ctx.shares, ctx.shape = give.tolist(), take.tolist(), shares, weight.shape
        ctx.asked = world.exchanged(keys % most, ctx.give, ctx.take).to(weight.device)
        answers = weight[ctx.asked].to(rows.device)
        vectors = world.exchanged(answers, ctx.take, ctx.give)
        ctx.inverse = None if _IDLE.get() else inverse
        return vectors.new_zeros(len(rows), weight.shape[1]) if ctx.inverse is None else vectors[inverse]

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        sums = gradient.new_zeros(sum(ctx.give), gradient.shape[1])
        if ctx.inverse is not None:
            sums.index_add_(0, ctx.inverse, gradient)
        arrived = ctx.shares.world.exchanged(sums, ctx.give, ctx.take).to(ctx.asked.device)
        sparse = torch.sparse_coo_tensor(ctx.asked[None], arrived, ctx.shape, check_invariants=False)
        return sparse, None, None
