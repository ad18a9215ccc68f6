"""Embedding tables: a category's number in, its vector out.

Tables of one width are kept as one matrix, each from its own row on. A step is then one lookup and has one sparse
gradient, which names the rows that were looked up and no others: it costs what it touches and not what there is.
"""

import itertools
from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

PADDING = -1  # the number of no category, where a column of several has fewer


class Tables(nn.Module):
    """F tables of ``width`` columns; table f has ``sizes[f]`` rows. One parameter, [sum of sizes, width].

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
        self.sparse = True  # its gradient is: see `sparse_rows`
        self.several = any(count > 1 for count in hotness)
        self.weight = nn.Parameter(torch.empty(sum(sizes), width))
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
        found = functional.embedding(rows.to(self.weight.device), self.weight, sparse=True).to(ids.device)
        if not self.several:
            return found
        there = there.to(found.dtype)
        found = found * there[..., None]
        pooled = found.new_zeros(ids.shape[0], len(self.sizes), self.width).index_add(1, self.table, found)
        if self.combine == "mean":
            count = there.new_zeros(ids.shape[0], len(self.sizes)).index_add(1, self.table, there)
            pooled = pooled / count.clamp(min=1)[..., None]
        return pooled

    def each(self) -> list[torch.Tensor]:
        """The tables, as views of the weight, for who fills them."""
        return list(torch.split(self.weight, list(self.sizes)))
