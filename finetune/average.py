"""The exponential moving average of the weights, where a recipe has one; otherwise nothing."""

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

from .sharding import laid_like, own_part


class Average:
    """What training changes, averaged: parameters that are trained, and floating-point buffers."""

    def __init__(self, model: nn.Module, decay: float | None) -> None:
        self._decay = decay
        self._average: dict[str, torch.Tensor] = {}
        self.restart(model)

    def restart(self, model: nn.Module) -> None:
        """Begins again from the model's weights."""
        if self._decay is not None:
            self._average = {name: value.detach().clone() for name, value in _changing(model).items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """average = decay * average + (1 - decay) * weights, after each step."""
        if self._decay is not None:
            now = _changing(model)
            held, new = ([own_part(values[name]) for name in self._average] for values in (self._average, now))
            torch._foreach_lerp_(held, new, 1 - self._decay)

    @contextlib.contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """The model with averaged weights, for an evaluation."""
        own = {name: value.detach().clone() for name, value in _changing(model).items() if name in self._average}
        _put(model, self._average)
        try:
            yield
        finally:
            _put(model, own)

    def adopt(self, model: nn.Module) -> None:
        """Leaves the averaged weights in the model, for good."""
        _put(model, self._average)

    def state(self) -> dict[str, torch.Tensor]:
        """For a checkpoint."""
        return self._average

    def load(self, state: dict[str, torch.Tensor]) -> None:
        """From a checkpoint."""
        for name, value in state.items():
            self._average[name].copy_(laid_like(value, self._average[name]))


def _changing(model: nn.Module) -> dict[str, torch.Tensor]:
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    return parameters | {name: b for name, b in model.named_buffers() if b.is_floating_point()}


@torch.no_grad()
def _put(model: nn.Module, values: dict[str, torch.Tensor]) -> None:
    now = _changing(model)
    for name, value in values.items():
        now[name].copy_(value)
