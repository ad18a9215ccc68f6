"""Embedding tables: a category's number in, its vector out.

Tables of one width are kept as one matrix, each from its own row on. A step is then one lookup and has one sparse
gradient, which names the rows that were looked up and no others: it costs what it touches and not what there is.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

from roadworthy.finetune.shares import looked_up, shares_now
from roadworthy.finetune.sparse_rows import MovableTable

_BLOCK = 65_536  # rows that are drawn at a time
PADDING = -1  # the number of no category, where a column of several has fewer


class Tables(MovableTable):
    """F tables of ``width`` columns; table f has ``sizes[f]`` rows. One parameter, [sum of sizes, width].

    Made within `shares.shared_out`, the parameter has this process's rows alone.

    ``hotness``: how many categories an example may have of each table, one by default; they are added up, or their
    ``combine`` is the mean.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        width: int,
        *,
        hotness: Sequence[int] | None = None,
        combine: Literal["sum", "mean"] = "mean",
    ) -> None:
        super().__init__()
        hotness = tuple(hotness or (1,) * len(sizes))
        self.sizes = tuple(sizes)
        self.width = width
        self.combine = combine
        self.several = any(count > 1 for count in hotness)
        self.rows, self.shares = sum(sizes), shares_now()
        own = self.rows if self.shares is None else self.shares.count(self.rows)
        self.weight = nn.Parameter(torch.empty(own, width))
        self.register_load_state_dict_pre_hook(_own_rows)  # type: ignore[no-untyped-call]
        first = itertools.accumulate((0, *sizes[:-1])) if sizes else ()
        table = [f for f, count in enumerate(hotness) for _ in range(count)]
        begins = list(first)
        # Not part of a snapshot: they follow from its configuration.
        self.register_buffer("table", torch.tensor(table, dtype=torch.int64), persistent=False)
        self.register_buffer("begin", torch.tensor([begins[f] for f in table], dtype=torch.int64), persistent=False)
        self.table: torch.Tensor
        self.begin: torch.Tensor

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Vectors [B, F, W] of the categories ``ids``, int64 [B, sum of hotness], looked up where the weight lies.

        Where that is another device (host memory, for what is larger than the device's), only the rows travel.
        """
        rows = ids + self.begin
        if self.several:
            there = ids != PADDING
            rows = rows.where(there, self.begin)
        found = self._found(rows)
        if not self.several:
            return found
        there = there.to(found.dtype)
        found = found * there[..., None]
        pooled = found.new_zeros(ids.shape[0], len(self.sizes), self.width).index_add(1, self.table, found)
        if self.combine == "mean":
            count = there.new_zeros(ids.shape[0], len(self.sizes)).index_add(1, self.table, there)
            pooled = pooled / count.clamp(min=1)[..., None]
        return pooled

    def _found(self, rows: torch.Tensor) -> torch.Tensor:
        if self.shares is not None:
            return looked_up(self.weight, rows.flatten(), self.shares).reshape(*rows.shape, self.width)
        return functional.embedding(rows.to(self.weight.device), self.weight, sparse=True).to(rows.device)

    @torch.no_grad()
    def fill(self, draw: Callable[[torch.Tensor, int], Any]) -> None:
        """Fills the tables; ``draw(block, size)`` fills some rows [B, W] of a table of ``size`` in place.

        One block after another, of which a process keeps its rows: whoever has a share draws the numbers that a whole
        has, and no process has it all.
        """
        if self.weight.is_meta:
            return
        begin = 0
        for size in self.sizes:
            for start in range(0, size, _BLOCK):
                block = self.weight.new_empty(min(_BLOCK, size - start), self.width)
                draw(block, size)
                self._keep(block, begin + start)
            begin += size

    def _keep(self, block: torch.Tensor, begin: int) -> None:
        rank, many = (0, 1) if self.shares is None else (self.shares.world.rank, self.shares.world.size)
        mine = block[(rank - begin) % many :: many]
        first = -(-(begin - rank) // many)  # place of the first own row that is not before the block
        self.weight[first : first + len(mine)] = mine


def _own_rows(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Of a whole table that is loaded, a process takes its share."""
    assert isinstance(module, Tables)
    value = state.get(f"{prefix}weight")
    if module.shares is not None and value is not None and len(value) == module.rows:
        state[f"{prefix}weight"] = value[module.shares.own(module.rows)]
