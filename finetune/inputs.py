"""One batch as a model takes it, for timing and for tracing."""

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """``tensors`` with the batch first, their ``names``, and one example's shape in words.

    ``variable`` names the dimensions, by number, that may have any size in an exported model: the batch, and what
    else differs from batch to batch.
    """

    tensors: tuple[torch.Tensor, ...]
    names: tuple[str, ...]
    example: str
    variable: dict[int, str]

    def dynamic(self) -> tuple[dict[int, object], ...]:
        """torch.export's ``dynamic_shapes``."""
        dimensions: dict[int, object] = {
            number: torch.export.Dim(name, min=1) for number, name in self.variable.items()
        }
        return tuple(dict(dimensions) for _ in self.tensors)
