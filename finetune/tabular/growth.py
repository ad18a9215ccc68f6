"""A trained model whose tables get rows for categories that it did not know; what it knew stays where it was.

A new row begins as that of the unseen, so that at first the model answers as before it grew.
"""

import itertools
from collections.abc import Mapping

import torch
from torch import nn

from .tables import Tables
from .vocabulary import UNSEEN


def grown(tensors: Mapping[str, torch.Tensor], model: nn.Module, larger: nn.Module) -> dict[str, torch.Tensor]:
    """The tensors of ``model`` as those of ``larger``, the same architecture with more rows; both may be on meta."""
    found, modules = dict(tensors), dict(larger.named_modules())
    for name, module in model.named_modules():
        if isinstance(module, Tables):
            wanted = modules[name]
            assert isinstance(wanted, Tables)
            found[f"{name}.weight"] = _with_rows(tensors[f"{name}.weight"], module.sizes, wanted.sizes)
    return found


def _with_rows(weight: torch.Tensor, sizes: tuple[int, ...], wanted: tuple[int, ...]) -> torch.Tensor:
    pieces = []
    begins = itertools.accumulate((0, *sizes[:-1])) if sizes else ()
    for begin, size, rows in zip(begins, sizes, wanted, strict=True):
        table = weight[begin : begin + size]
        pieces += [table, table[UNSEEN].expand(rows - size, -1)]
    return torch.cat(pieces) if pieces else weight
