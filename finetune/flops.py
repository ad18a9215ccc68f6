"""What a forward pass of a packaged model costs, counted by torch."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from roadworthy.model_cards.flops import Flops

from .inputs import Inputs
from .open_model import Opened

_FEWEST = 2  # of tokens, or of whatever a batch may have any number of: a text has its first and its last token


def count_flops(opened: Opened, device: torch.device) -> Flops | None:
    """For one example of the protocol's size, and for the smallest; ``None`` where torch cannot count, or counts none.

    What torch's counter has no formula for is left out, so that the figure is a lower bound.
    """
    try:
        inputs = opened.task.example(opened.config, 1, device)
        model = opened.task.traceable(opened.model)
        counted = Flops(example=_count(model, inputs.tensors), least=_count(model, _smallest(inputs)))
    except (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return None  # a task or a model of another package, as it likes
    return counted if counted.least > 0 else None


def _smallest(inputs: Inputs) -> tuple[torch.Tensor, ...]:
    tensors = inputs.tensors
    for dimension in sorted(inputs.variable.keys() - {0}):
        tensors = tuple(tensor.narrow(dimension, 0, min(_FEWEST, tensor.shape[dimension])) for tensor in tensors)
    return tensors


@torch.no_grad()
def _count(model: nn.Module, tensors: tuple[torch.Tensor, ...]) -> int:
    with FlopCounterMode(display=False) as counter:
        model(*tensors)
    return int(counter.get_total_flops())
