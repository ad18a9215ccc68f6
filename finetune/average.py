"""The exponential moving average of the weights, where a recipe has one; otherwise nothing."""

import contextlib
from collections.abc import Iterator

import torch
from torch import nn


class Average:
    """Floating-point parameters and buffers, averaged; the rest is taken over as it is."""

    def __init__(self, model: nn.Module, decay: float | None) -> None:
        self._decay = decay
        self._average: dict[str, torch.Tensor] = {}
        self.restart(model)

    def restart(self, model: nn.Module) -> None:
        """Begins again from the model's weights."""
        if self._decay is not None:
            self._average = {key: value.detach().clone() for key, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """average = decay * average + (1 - decay) * weights, after each step."""
        if self._decay is None:
            return
        now = model.state_dict()
        floating = [key for key, value in now.items() if value.is_floating_point()]
        torch._foreach_lerp_([self._average[k] for k in floating], [now[k] for k in floating], 1 - self._decay)
        for key in now.keys() - set(floating):
            self._average[key].copy_(now[key])

    @contextlib.contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """The model with averaged weights, for an evaluation."""
        if self._decay is None:
            yield
            return
        own = {key: value.detach().clone() for key, value in model.state_dict().items()}
        model.load_state_dict(self._average)
        try:
            yield
        finally:
            model.load_state_dict(own)

    def adopt(self, model: nn.Module) -> None:
        """Leaves the averaged weights in the model, for good."""
        if self._decay is not None:
            model.load_state_dict(self._average)

    def state(self) -> dict[str, torch.Tensor]:
        """For a checkpoint."""
        return self._average

    def load(self, state: dict[str, torch.Tensor]) -> None:
        """From a checkpoint."""
        for key, value in state.items():
            self._average[key].copy_(value)
