"""Steps of touched rows: torch's own where it has them, formulas of the papers on dense arrays where it has not."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from roadworthy.finetune.row_optimizers import RowAdam, RowWiseAdagrad, touched

Make = Callable[[list[nn.Parameter]], torch.optim.Optimizer]
Steps = list[tuple[torch.Tensor, torch.Tensor]]
ROWS = 40


def steps(width: int, *, count: int = 6, each: int = 25, seed: int = 0) -> Steps:
    """Rows and gradients of some steps; rows come several times in a step, and none is last in the table."""
    dice = torch.Generator().manual_seed(seed)
    return [
        (torch.randint(ROWS - 1, (each,), generator=dice), torch.randn(each, width, generator=dice))
        for _ in range(count)
    ]


def taken(make: Make, width: int, given: Steps, *, dense: bool = False) -> nn.Parameter:
    """A table after these steps."""
    table = nn.Parameter(torch.linspace(-1, 1, ROWS * width).reshape(ROWS, width))
    optimizer = make([table])
    for rows, gradient in given:
        sparse = torch.sparse_coo_tensor(rows[None], gradient, table.shape, check_invariants=False)
        table.grad = sparse.to_dense() if dense else sparse
        optimizer.step()
    return table


def summed(rows: torch.Tensor, gradient: torch.Tensor) -> NDArray[np.float64]:
    """The dense gradient, float64 [R, W], as numpy adds it up."""
    whole = np.zeros((ROWS, gradient.shape[1]))
    np.add.at(whole, rows.numpy(), gradient.double().numpy())
    return whole


@pytest.mark.parametrize("width", [1, 7, 64])
def test_adam_is_torchs_for_sparse_gradients(width: int) -> None:
    """Step for step, rows that come twice and rows that come again included."""
    given = steps(width)
    ours = taken(lambda tables: RowAdam(tables, lr=0.1, betas=(0.8, 0.99)), width, given)
    theirs = taken(lambda tables: torch.optim.SparseAdam(tables, lr=0.1, betas=(0.8, 0.99)), width, given)
    torch.testing.assert_close(ours, theirs, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("width", [1, 7, 64])
def test_row_wise_adagrad_is_its_formula(width: int) -> None:
    """On dense float64 arrays: the accumulator of a row grows by the mean of its squared gradients."""
    given = steps(width)
    table = np.linspace(-1, 1, ROWS * width).reshape(ROWS, width)
    total = np.zeros(ROWS)
    for rows, gradient in given:
        whole = summed(rows, gradient)
        total += (whole**2).mean(axis=1)
        table -= 0.1 * whole / (np.sqrt(total)[:, None] + 1e-10)
    ours = taken(lambda tables: RowWiseAdagrad(tables, lr=0.1), width, given)
    np.testing.assert_allclose(ours.detach().numpy(), table, atol=1e-5)


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")  # torch's, of its own Adagrad
@pytest.mark.parametrize("dense", [False, True])
def test_of_one_column_it_is_torchs_adagrad(dense: bool) -> None:
    """Of sparse and of dense gradients alike."""
    given = steps(1)
    theirs = taken(lambda tables: torch.optim.Adagrad(tables, lr=0.1), 1, given, dense=dense)
    torch.testing.assert_close(taken(lambda tables: RowWiseAdagrad(tables, lr=0.1), 1, given), theirs)


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
def test_it_is_not_adagrad_of_several_columns() -> None:
    """Which divides each element by a root of its own: the two tell apart."""
    given = steps(7)
    theirs = taken(lambda tables: torch.optim.Adagrad(tables, lr=0.1), 7, given)
    ours = taken(lambda tables: RowWiseAdagrad(tables, lr=0.1), 7, given)
    assert float((ours - theirs).detach().abs().max()) > 0.01


def test_what_a_batch_says_of_a_row_is_added_up_once() -> None:
    """Equal to numpy's sum, rows in order, the same bits each time; a gradient that is in order is taken as it is."""
    table = nn.Parameter(torch.zeros(ROWS, 5))
    assert touched(table) is None
    rows, gradient = steps(5)[0]
    table.grad = torch.sparse_coo_tensor(rows[None], gradient, table.shape, check_invariants=False)
    first, second = touched(table), touched(table)
    assert first is not None
    assert second is not None
    assert first[0].tolist() == sorted(set(rows.tolist()))
    np.testing.assert_allclose(first[1].numpy(), summed(rows, gradient)[first[0].numpy()], atol=1e-5)
    assert torch.equal(first[1], second[1])
    table.grad = table.grad.coalesce()
    known = touched(table)
    assert known is not None
    assert torch.equal(known[0], first[0])
    torch.testing.assert_close(known[1], first[1])


@pytest.mark.parametrize("make", [lambda t: RowAdam(t, lr=0.1), lambda t: RowWiseAdagrad(t, lr=0.1)])
def test_a_step_that_touches_nothing_moves_nothing(make: Make) -> None:
    """A gradient without rows, as a process has that took no part, or none at all."""
    nothing = (torch.empty(0, dtype=torch.int64), torch.empty(0, 3))
    before = taken(make, 3, [])
    assert torch.equal(taken(make, 3, [nothing]), before)
    table = nn.Parameter(torch.ones(ROWS, 3))
    make([table]).step()
    assert torch.equal(table, torch.ones(ROWS, 3))


def test_states_are_as_large_as_they_say() -> None:
    """Row-wise Adagrad: one number a row; Adam: two an element."""
    tables = [nn.Parameter(torch.zeros(ROWS, 8)) for _ in range(2)]
    given = steps(8)[0]
    for table in tables:
        table.grad = torch.sparse_coo_tensor(given[0][None], given[1], table.shape, check_invariants=False)
    adagrad, adam = RowWiseAdagrad(tables[:1], lr=0.1), RowAdam(tables[1:], lr=0.1)
    adagrad.step()
    adam.step()
    (state,), (moments,) = adagrad.state.values(), adam.state.values()
    assert state["sum"].numel() == ROWS
    assert moments["exp_avg"].numel() + moments["exp_avg_sq"].numel() == 2 * ROWS * 8
