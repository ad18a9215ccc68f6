"""Steps that are tried out and timed without leaving a trace in the model."""

import contextlib
import time
from collections.abc import Iterator

import torch
from torch import nn

from .choices import Choices
from .plan import Step
from .setting import Setting
from .step import gradient
from .task import Batch

_TIMED = 2  # steps that count; one before them is not timed


@contextlib.contextmanager
def without_trace(model: nn.Module) -> Iterator[None]:
    """Buffers (batch normalisation's statistics) are put back and gradients dropped at the end."""
    kept = {name: value.detach().clone() for name, value in model.named_buffers()}
    try:
        yield
    finally:
        with torch.no_grad():
            for name, value in model.named_buffers():
                value.copy_(kept[name])
        model.zero_grad(set_to_none=True)


def seconds_of(model: nn.Module, setting: Setting[Batch], step: Step, choices: Choices) -> float | None:
    """The fastest of some gradients of ``step``, in seconds of the leading process; ``None`` without memory."""
    best = float("inf")
    for attempt in range(1 + _TIMED):
        _settled(setting)
        began = time.perf_counter()
        if gradient(model, setting, step, choices.precision, choices.micro_batch) is None:
            return None
        _settled(setting)
        if attempt:
            best = min(best, time.perf_counter() - began)
    return setting.world.same(best)


def _settled(setting: Setting[Batch]) -> None:
    if setting.device.type == "cuda":
        torch.cuda.synchronize(setting.device)
    setting.world.wait()
