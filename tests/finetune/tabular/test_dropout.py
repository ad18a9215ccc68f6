"""Dropout of many elements at once: its share, its scale, its gradient, and that it follows the seed."""

import pytest
import torch
from scipy.stats import binomtest
from torch import nn

from roadworthy.finetune.tabular.dropout import Dropout


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_so_many_are_zero_and_the_rest_is_scaled(share: float) -> None:
    """As nn.Dropout has it; no two neighbours of a word go together, and their gradients are those of the mask."""
    torch.manual_seed(3)
    given = torch.ones(301, 333, requires_grad=True)
    found = Dropout(share)(given)
    zeros = found == 0
    assert binomtest(int(zeros.sum()), zeros.numel(), share).pvalue > 1e-4
    assert torch.allclose(found[~zeros], torch.tensor(1 / (1 - share)), rtol=1e-3)
    flat = zeros.flatten().to(torch.int64)
    for apart in (1, 2, 3, 4):
        both = int((flat[apart:] * flat[:-apart]).sum())
        assert binomtest(both, len(flat) - apart, share**2).pvalue > 1e-4
    found.sum().backward()
    assert given.grad is not None
    assert torch.equal(given.grad, found.detach())


def test_it_follows_the_seed() -> None:
    """The same bits again, others with another seed."""
    layer, given = Dropout(0.5), torch.ones(7, 9)
    masks = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        masks.append(layer(given))
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_otherwise_it_is_torchs(share: float) -> None:
    """In evaluation, and for all or nothing."""
    ours, theirs = Dropout(share), nn.Dropout(share)
    given = torch.randn(5, 4)
    if share == 0.3:
        ours.eval()
        theirs.eval()
    assert torch.equal(ours(given), theirs(given))


def test_lower_precision_stays_lower() -> None:
    """As under autocast."""
    assert Dropout(0.5)(torch.ones(8, dtype=torch.bfloat16)).dtype == torch.bfloat16
