"""The loop that one writes for one model and one table: tensors in memory, shuffled by ``randperm``.

The model is ours but for torch's own dropout, so that what differs is what surrounds it. ``dense``: one AdamW over
everything, and gradients as large as the tables. ``sparse``: AdamW and torch's SparseAdam.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from turns import told

from roadworthy.finetune.tabular.dlrm import Dlrm
from roadworthy.finetune.tabular.dropout import Dropout
from roadworthy.finetune.tabular.neumf import NeuMf
from roadworthy.finetune.tabular.wide_deep import WideDeep

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def main() -> None:
    """Trains until its turns are over."""
    asked, turns = told()
    torch.manual_seed(asked["seed"])
    Dropout.forward = nn.Dropout.forward  # type: ignore[method-assign]
    if asked["kind"] == "dense":
        look_up = functional.embedding
        functional.embedding = lambda rows, weight, sparse=False, **how: look_up(rows, weight, **how)
    arrays = np.load(asked["arrays"])
    model = made(asked["system"], asked["width"], arrays["sizes"].tolist(), arrays["numeric"].shape[1])
    tables = [m.weight for m in model.modules() if getattr(m, "sparse", False)] if asked["kind"] == "sparse" else []
    rest = [p for p in model.parameters() if all(p is not table for table in tables)]
    optimizers: list[torch.optim.Optimizer] = [torch.optim.AdamW(rest, lr=1e-3, weight_decay=1e-5)]
    if tables:
        optimizers.append(torch.optim.SparseAdam(tables, lr=1e-3))
    batches = pairs if asked["system"] == "ncf" else rows
    model.train()
    while True:
        for numeric, ids, labels in batches(arrays, asked):
            loss = functional.binary_cross_entropy_with_logits(model(numeric, ids), labels)
            model.zero_grad()
            loss.backward()
            for optimizer in optimizers:
                optimizer.step()
            loss.item()
            turns.stepped(len(labels))


def made(system: str, width: int, sizes: list[int], numeric: int) -> nn.Module:
    """As the engine builds it."""
    if system == "dlrm":
        return Dlrm(numeric=numeric, sizes=sizes, bottom=(4 * width, 2 * width, width))
    if system == "ncf":
        return NeuMf(users=sizes[0], items=sizes[1], factors=width, layers=(4 * width, 4 * width, 2 * width, width))
    return WideDeep(numeric=numeric, sizes=sizes, widths=(width,) * len(sizes))


def rows(arrays: Any, asked: dict[str, Any]) -> Iterator[Batch]:
    """An epoch of a table."""
    numeric, ids, labels = (torch.from_numpy(arrays[name]) for name in ("numeric", "ids", "labels"))
    for chosen in torch.randperm(len(labels)).split(asked["samples"]):
        if len(chosen) == asked["samples"]:
            yield numeric[chosen], ids[chosen], labels[chosen]


def pairs(arrays: Any, asked: dict[str, Any]) -> Iterator[Batch]:
    """An epoch of ratings, four drawn items to each."""
    ids, items = torch.from_numpy(arrays["ids"]), int(arrays["sizes"][1])
    for chosen in torch.randperm(len(ids)).split(asked["batch"]):
        if len(chosen) < asked["batch"]:
            continue
        taken = ids[chosen]
        others = torch.randint(2, items, (len(taken), 4))
        users = taken[:, :1].expand(-1, 5)
        both = torch.stack([users, torch.cat([taken[:, 1:], others], dim=1)], dim=2).reshape(-1, 2)
        labels = torch.zeros(len(taken), 5)
        labels[:, 0] = 1
        yield torch.empty(len(both), 0), both, labels.reshape(-1)


if __name__ == "__main__":
    main()
