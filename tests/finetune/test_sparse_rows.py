"""Tables whose steps touch few rows: torch's own steps, nothing moved elsewhere, the same bits after a checkpoint."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import nn

from roadworthy.finetune.image_recipes import from_scratch
from roadworthy.finetune.optimizer import make_optimizer, set_learning_rate
from roadworthy.finetune.sparse_rows import Apart, tables_of

from .many import ALONE, environment, torchrun

RECIPE = replace(from_scratch(on_gpu=False), learning_rate=0.1, momentum=0.5, weight_decay=0.01)
Kind = Literal["sgd", "adamw", "adagrad"]
OPTIMIZERS: tuple[Kind, ...] = ("sgd", "adamw", "adagrad")


class Net(nn.Module):
    """A table of 50 rows, and a layer over what it finds."""

    def __init__(self, *, sparse: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(50, 3, sparse=sparse)
        self.layer = nn.Linear(3, 1)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """One number for each id."""
        scores: torch.Tensor = self.layer(self.table(ids))
        return scores.squeeze(1)


def taken(net: Net, optimizer: torch.optim.Optimizer, steps: range) -> None:
    """Steps on ids that follow from the number of the step."""
    for step in steps:
        set_learning_rate(optimizer, 0.1 / (step + 1))
        optimizer.zero_grad()
        net(torch.tensor([step % 5, 7, 7, 2 * step % 50])).square().sum().backward()
        optimizer.step()


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_step_moves_what_it_touches(kind: Kind) -> None:
    """Every row that was looked up, and no other, by not one bit; by decay neither."""
    net = Net()
    before = net.table.weight.detach().clone()
    optimizer = make_optimizer(net, replace(RECIPE, optimizer=kind, row_decay=0.5))
    assert isinstance(optimizer, Apart)
    taken(net, optimizer, range(3))
    touched = {0, 1, 2, 4, 7}
    for row in range(50):
        assert torch.equal(net.table.weight[row], before[row]) == (row not in touched), row


def test_sgd_is_that_of_dense_gradients() -> None:
    """Without decay and momentum both are one formula."""
    plain = replace(RECIPE, momentum=0.0, weight_decay=0.0)
    sparse, dense = Net(), Net(sparse=False)
    for net in (sparse, dense):
        taken(net, make_optimizer(net, plain), range(9))
    torch.testing.assert_close(sparse.state_dict(), dense.state_dict())


def test_adam_is_torchs_where_every_row_is_touched() -> None:
    """Then being lazy changes nothing but where epsilon stands."""
    plain = replace(RECIPE, optimizer="adamw", momentum=0.9, weight_decay=0.0)
    ids = torch.arange(50)
    sparse, dense = Net(), Net(sparse=False)
    for net in (sparse, dense):
        optimizer = make_optimizer(net, plain)
        for _ in range(5):
            optimizer.zero_grad()
            net(ids).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(sparse.state_dict(), dense.state_dict(), atol=1e-4, rtol=1e-3)


def test_decay_is_torchs_adamw_where_every_row_is_touched() -> None:
    """A decay that is large enough to be seen; and doubled rows decay once."""
    plain = replace(RECIPE, optimizer="adamw", learning_rate=0.02, momentum=0.9, weight_decay=0.5, row_decay=0.5)
    ids = torch.arange(50).repeat(2)
    sparse, dense, without = Net(), Net(sparse=False), Net()
    for net, recipe in ((sparse, plain), (dense, plain), (without, replace(plain, row_decay=0.0))):
        optimizer = make_optimizer(net, recipe)
        for _ in range(5):
            optimizer.zero_grad()
            net(ids).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(sparse.state_dict(), dense.state_dict(), atol=1e-4, rtol=1e-3)
    assert (sparse.table.weight - without.table.weight).abs().max() > 0.01


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_checkpoint_goes_on_with_the_same_bits(kind: Kind, tmp_path: Path) -> None:
    """Moments and rates of both optimizers are in it."""
    recipe = replace(RECIPE, optimizer=kind, row_decay=0.5)
    whole = Net()
    taken(whole, make_optimizer(whole, recipe), range(8))
    first = Net()
    optimizer = make_optimizer(first, recipe)
    taken(first, optimizer, range(5))
    torch.save({"model": first.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "c.pt")
    kept = torch.load(tmp_path / "c.pt", weights_only=True)
    second = Net()
    optimizer = make_optimizer(second, recipe)
    second.load_state_dict(kept["model"])
    optimizer.load_state_dict(kept["optimizer"])
    taken(second, optimizer, range(5, 8))
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), second.parameters(), strict=True))


def test_a_table_that_is_frozen_or_shared_is_none_or_one() -> None:
    """As the optimizer sees them."""
    net = Net()
    shared = nn.ModuleList([net, nn.Embedding(50, 3, sparse=True)])
    shared[1].weight = net.table.weight
    assert tables_of(shared) == [net.table.weight]
    net.table.weight.requires_grad_(False)
    assert tables_of(shared) == []
    assert not isinstance(make_optimizer(net, RECIPE), Apart)


def test_the_rows_of_two_processes_are_added_up() -> None:
    """Once where only one has a gradient, once where both do; both end with the same."""
    script = str(Path(__file__).with_name("sum_rows_of_two.py"))
    done = subprocess.run(
        [*torchrun(*ALONE, "--nproc-per-node", "2"), script],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    # gloo says on the same stream whom it is connected to.
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[[[")]
    first = [[10.0, 20.0], [0.0, 0.0], [0.0, 0.0], [101.0, 202.0], [0.0, 0.0]]
    second = [[2.0, 2.0], [0.5, 0.25], [0.5, 0.25], [0.0, 0.0], [0.0, 0.0]]
    assert told == [[first, second, 3]] * 2
