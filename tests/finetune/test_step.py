"""One step: the same gradient however a batch is cut up, a way out of full memory, an end at a bad loss."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from roadworthy.finetune.finite import FiniteLosses
from roadworthy.finetune.step import gradient, take
from roadworthy.model_cards import CheckError

from .conftest import Begin
from .lines import Lines


@pytest.mark.parametrize("micro", [1, 3, 8, 31])
def test_micro_batches_add_up_to_the_whole_batch(micro: int, begin: Begin, tmp_path: Path) -> None:
    """The gradient of a batch in pieces, uneven ones too, is that of PyTorch's own mean over the whole batch."""
    work = Lines()
    state, setting = begin(work)
    loss = gradient(state.model, setting, setting.order.step(0), "float32", micro)
    found = [p.grad.clone() for p in state.model.parameters() if p.grad is not None]
    state.model.zero_grad()
    expected = nn.functional.mse_loss(state.model(work.x[::2]), work.y[::2])
    expected.backward()  # type: ignore[no-untyped-call]
    assert loss is not None
    assert torch.allclose(loss, expected)
    for ours, parameter in zip(found, state.model.parameters(), strict=True):
        assert parameter.grad is not None
        assert torch.allclose(ours, parameter.grad, atol=1e-6)


def test_out_of_memory_halves_the_micro_batch_and_keeps_the_batch(begin: Begin, tmp_path: Path) -> None:
    """32 do not fit, nor 16; 8 do: the weights end as those of a step that had the memory, and the log says so."""
    work = Lines(room=10)
    small, large = begin(work), begin(Lines())
    for state, setting in (small, large):
        take(state, setting, setting.order.step(0))
        take(state, setting, setting.order.step(1))
    assert small[0].choices.micro_batch == 8
    assert work.asked[:3] == [32, 16, 8]
    for ours, theirs in zip(small[0].model.parameters(), large[0].model.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)
    assert small[0].progress.samples == large[0].progress.samples == 64
    assert '"micro_batch": 8' in (tmp_path / "events.log").read_text()


def test_not_even_one_example_fits(begin: Begin, tmp_path: Path) -> None:
    """Then there is nothing to halve, and the message says what to make smaller."""
    state, setting = begin(Lines(room=0))
    with pytest.raises(CheckError, match="a single example of step 0 does not fit into the memory of this cpu"):
        take(state, setting, setting.order.step(0))


def test_an_error_that_is_not_memory_is_not_swallowed(begin: Begin, tmp_path: Path) -> None:
    """A mistake in a task comes out as it is."""

    class Wrong(Lines):
        def loss(self, model: nn.Module, batch: list[int]) -> torch.Tensor:
            """Shapes that do not fit."""
            return model(torch.zeros(len(batch), 7)).sum()  # type: ignore[no-any-return]

    state, setting = begin(Wrong())
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        take(state, setting, setting.order.step(0))


def test_a_loss_that_is_no_number_stops_with_its_batch_saved(begin: Begin, tmp_path: Path) -> None:
    """Point 41 is spoilt: the run ends at step 1, and the file names the 32 points of that batch."""
    state, setting = begin(Lines(spoilt=41))
    setting.losses.note(setting.order.step(0), take(state, setting, setting.order.step(0)))
    with pytest.raises(CheckError, match=r"the loss became nan at step 1; .*The batch is in .*bad-batch\.json"):
        setting.losses.note(setting.order.step(1), take(state, setting, setting.order.step(1)))
    saved = json.loads((tmp_path / "bad-batch.json").read_text())
    assert saved["step"] == 1
    assert saved["examples"] == [f"points.csv:{n}" for n in range(1, 64, 2)]


def test_on_a_gpu_losses_are_looked_at_together(begin: Begin, tmp_path: Path) -> None:
    """Eight at a time, and before every checkpoint; the first bad one is named."""
    _, setting = begin(Lines())
    losses = FiniteLosses(torch.device("cuda"), tmp_path, setting.work.names)
    steps = [setting.order.step(n) for n in range(2)]
    losses.note(steps[0], torch.tensor(1.0))
    losses.note(steps[1], torch.tensor(torch.inf))
    with pytest.raises(CheckError, match="the loss became inf at step 1"):
        losses.check()


def test_the_gradient_is_clipped_as_a_whole(begin: Begin, tmp_path: Path) -> None:
    """With a norm of 0.5, the step of plain SGD is at most 0.5 times the learning rate long."""
    state, setting = begin(Lines(), optimizer="sgd", momentum=0.0, weight_decay=0.0, clip_norm=0.5)
    before = torch.cat([p.detach().clone().reshape(-1) for p in state.model.parameters()])
    take(state, setting, setting.order.step(3 % 2))
    after = torch.cat([p.detach().reshape(-1) for p in state.model.parameters()])
    rate = state.optimizer.param_groups[0]["lr"]
    assert (after - before).norm() == pytest.approx(0.5 * rate, rel=1e-4)
