"""A model at a precision: float32 as it is stored, or lower by torch's autocast.

Autocast keeps the weights in float32 and casts them, with the activations, where an operation is safe in the
lower precision; the casts are part of every call, and of its time.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn

from roadworthy.model_cards import InputError

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@contextlib.contextmanager
def autocast(precision: str, device: torch.device) -> Iterator[None]:
    """Matrix products in ``precision`` for what is computed inside."""
    dtype = _DTYPES[precision]
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        yield


class AtPrecision(nn.Module):
    """``model``, each call at ``precision``, whatever the caller's own autocast says."""

    def __init__(self, model: nn.Module, precision: str, device: torch.device) -> None:
        super().__init__()
        self.model = model
        self._precision = precision
        self._device = device

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """What the model answers."""
        with autocast(self._precision, self._device):
            return self.model(*inputs, **named)


def method(precision: str) -> str:
    """How a model is brought to ``precision``, for the record."""
    return "as stored" if precision == "float32" else "autocast"


def check_precisions(precisions: Sequence[str], device: torch.device) -> None:
    """Checks that ``device`` can run every one of ``precisions``.

    Raises:
        InputError: an unknown precision, or float16 without a GPU.
    """
    for precision in precisions:
        if precision not in _DTYPES:
            raise InputError(f"precision {precision!r} is not known. Expected one of: {', '.join(_DTYPES)}.")
        if precision == "float16" and device.type != "cuda":
            raise InputError("float16 runs on a GPU only. On the CPU, measure float32 or bfloat16.")
