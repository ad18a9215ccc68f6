"""In which precision matrix products are computed; weights stay float32."""

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def autocast(precision: str, device: torch.device) -> Iterator[None]:
    """``"bfloat16"`` or ``"float32"``, for what is computed inside."""
    with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        yield
