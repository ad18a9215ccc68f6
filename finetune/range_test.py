"""The learning-rate range test (Smith 2017, arXiv 1506.01186): raise the rate with every step, watch the loss."""

import math
from collections.abc import Sequence

import torch

from .checkpoint import State
from .gradients import clip, sum_gradients
from .optimizer import set_learning_rate
from .setting import Setting
from .step import gradient
from .task import Batch

_STEPS = 40
_LOW, _HIGH = 1e-6, 1e-1
_SMOOTHING = 0.8  # of an exponential average, corrected for its start
_DIVERGED = 3.0  # times the lowest smoothed loss


def learning_rate_found(state: State, setting: Setting[Batch]) -> tuple[float, dict[str, float]]:
    """Tries rates from 1e-6 to 0.1 on real batches, then puts weights and optimizer back.

    Returns:
        The rate to peak at (a tenth of where the loss was lowest), and the smoothed loss by rate.
    """
    kept = _copied(state.model.state_dict()), _copied(state.optimizer.state_dict())
    rates = [_LOW * (_HIGH / _LOW) ** (n / (_STEPS - 1)) for n in range(_STEPS)]
    losses: list[float] = []
    average = 0.0
    for number, rate in enumerate(rates):
        step = setting.order.step(number % setting.plan.total)
        set_learning_rate(state.optimizer, rate)
        loss = gradient(state.model, setting, step, state.choices.precision, state.choices.micro_batch)
        if loss is None:
            break
        sum_gradients(state.model, setting.world)
        clip(state.model, setting.recipe, setting.world)
        state.optimizer.step()
        average = _SMOOTHING * average + (1 - _SMOOTHING) * float(setting.world.summed(loss))
        losses.append(average / (1 - _SMOOTHING ** (number + 1)))
        setting.report("learning-rate range test", number + 1, _STEPS)
        if not math.isfinite(losses[-1]) or losses[-1] > _DIVERGED * min(losses):
            break
    state.model.load_state_dict(kept[0])
    state.optimizer.load_state_dict(kept[1])
    state.model.zero_grad(set_to_none=True)
    found = below_minimum(rates, losses)
    return found, {f"{rate:.2e}": round(loss, 4) for rate, loss in zip(rates, losses, strict=False)}


def below_minimum(rates: Sequence[float], losses: Sequence[float]) -> float:
    """A tenth of the rate at which the smoothed loss was lowest.

    The steepest descent is the other usual answer; at small rates, where the loss hardly moves, it follows the
    differences between batches instead.
    """
    finite = [loss for loss in losses if math.isfinite(loss)]
    return rates[finite.index(min(finite))] / 10


def _copied(values: object) -> dict[str, object]:
    copied = torch.utils._pytree.tree_map(lambda x: x.detach().clone() if isinstance(x, torch.Tensor) else x, values)
    assert isinstance(copied, dict)
    return copied
