"""What a checkpoint says of tables: nothing where processes share them, whose rows lie in parts; all of it otherwise.

A table goes by the name of its parameter and has kinds of numbers: its weight, its moments, an average.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .average import Average
from .sparse_rows import MovableTable, named_tables, shared_tables
from .table_parts import AVERAGE, WEIGHT, Parts


def shares_of(
    model: nn.Module, optimizer: torch.optim.Optimizer, average: Average
) -> dict[str, dict[str, torch.Tensor]]:
    """This process's rows, by table and kind, of the tables that are shared; no copies."""
    found: dict[str, dict[str, torch.Tensor]] = {}
    averages = average.state()
    for name, table in shared_tables(model).items():
        moments = optimizer.state.get(table.weight, {})
        found[name] = {kind: value for kind, value in moments.items() if _is_like(value, table.weight.shape)}
        found[name][WEIGHT] = table.weight.detach()
        if name in averages:
            found[name][AVERAGE] = averages[name]
    return found


def without_shares(document: dict[str, Any], model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """A checkpoint's document, ``None`` in the places of what is shared."""
    copied = {
        **document,
        "model": dict(document["model"]),
        "average": dict(document["average"]),
        "optimizer": {
            **document["optimizer"],
            "state": {number: dict(values) for number, values in document["optimizer"]["state"].items()},
        },
    }
    for name, table in shared_tables(model).items():
        for held, key, _ in _places(copied, name, table, optimizer):
            if _is_like(held[key], table.weight.shape):
                held[key] = None
    return copied


def put_shares(document: dict[str, Any], folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Puts into ``document`` what this process has of each table, out of parts or of whole tensors.

    Raises:
        DamagedError: a part is missing or damaged.
    """
    told = document.get("tables")
    parts = Parts(folder=folder, **told) if told else None
    for name, table in named_tables(model).items():
        for held, key, kind in _places(document, name, table, optimizer):
            if held[key] is None and parts is not None:
                held[key] = torch.empty_like(table.weight, device="cpu", requires_grad=False)
                parts.fill(held[key], kind, name, table.rows, table.shares)
            elif table.shares is not None and _is_like(held[key], (table.rows, *table.weight.shape[1:])):
                held[key] = held[key][table.shares.own(table.rows)].clone()


def _places(
    document: dict[str, Any], name: str, table: MovableTable, optimizer: torch.optim.Optimizer
) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Where a document speaks of a table: a dictionary, the key in it, and the kind of numbers."""
    for held, kind in ((document["model"], WEIGHT), (document["average"], AVERAGE)):
        if name in held:
            yield held, name, kind
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    number = next((n for n, parameter in enumerate(parameters) if parameter is table.weight), None)
    moments = document["optimizer"]["state"].get(number, {})
    for kind in moments:
        yield moments, kind, kind


def _is_like(value: Any, shape: tuple[int, ...]) -> bool:
    return isinstance(value, torch.Tensor) and value.ndim > 0 and value.shape == shape
