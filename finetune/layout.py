"""How a model computes its steps: memory format and compilation, put on and taken off in place."""

from typing import Any

import torch
from torch import nn

from .choices import Choices
from .placement import device_of
from .sharding import is_sharded

_HOOK = "_roadworthy_layout"


def lay_out(model: nn.Module, choices: Choices) -> None:
    """Makes ``model`` compute as chosen. What it computes, and the names of its weights, stay.

    Four-dimensional inputs are brought into the chosen memory format on their way in: a convolution would
    otherwise follow whichever of its input and its weight is channels-last.
    """
    if is_sharded(model):  # its parts are flat; they take the layout they had when it was split
        return
    wanted = torch.channels_last if choices.channels_last else torch.contiguous_format
    model.to(memory_format=wanted)
    handle = getattr(model, _HOOK, None)
    if handle is not None:
        handle.remove()

    def into_format(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(
            x.contiguous(memory_format=wanted) if isinstance(x, torch.Tensor) and x.ndim == 4 else x for x in inputs
        )

    object.__setattr__(model, _HOOK, model.register_forward_pre_hook(into_format))
    if choices.compiled:
        on_gpu = device_of(model).type == "cuda"
        # On a GPU this mode also captures CUDA graphs, which is where small batches gain most.
        model.compile(mode="reduce-overhead" if on_gpu else "default")
    else:
        model._compiled_call_impl = None  # how nn.Module.compile is undone
