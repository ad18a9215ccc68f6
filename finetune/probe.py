"""The probe: is another precision, memory format or compilation faster, and does the run last long enough for it?"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import torch

from .checkpoint import State
from .choices import Choices, Decision
from .layout import lay_out
from .setting import Setting
from .sharding import is_joint
from .task import Batch
from .trial import seconds_of, without_trace

_AFTER = 3  # steps; they are part of the training anyway, and say how long the rest will take
_SHARE = 0.02  # of what is left of the run that trying one thing may cost
_TRIED = 3  # gradients for each candidate
# Seconds until a compiled model has taken its first step. torch.compile's cold start was 129 s for ResNet-152
# (pytorch/pytorch issue 111180); what it really took is measured and written down.
_COMPILE_SECONDS = 60.0
_LEAST_GAIN = 1.05


def probe_is_due(state: State, setting: Setting[Batch]) -> bool:
    """Once, after a few real steps."""
    due = setting.recipe.probe and not state.progress.probed and state.progress.step >= _AFTER
    return due and not is_joint(state.model)


def better_choices(state: State, setting: Setting[Batch]) -> Decision:
    """Tries what the rest of the run is long enough for, on its next batch, and keeps what is faster."""
    progress = state.progress
    progress.probed = True
    # By the leading process's clock, so that all decide the same.
    per_step = setting.world.same(progress.train_seconds / progress.step)
    left = per_step * (setting.plan.total - progress.step)
    step = setting.order.step(min(progress.step, setting.plan.total - 1))
    best, measured = state.choices, dict[str, Any]({"seconds_left": round(left, 1)})
    if _TRIED * per_step > _SHARE * left:
        return Decision(choices=best, why="too little is left to measure anything", measured=measured)
    # Memory formats differ in what a convolution's kernel has: four dimensions.
    has_kernels = any(parameter.ndim == 4 for parameter in state.model.parameters())
    with without_trace(state.model):
        lay_out(state.model, best)
        fastest = seconds_of(state.model, setting, step, best)
        measured["as_begun"] = fastest and round(fastest, 4)
        for name, tried in _candidates(best, setting, left, has_kernels=has_kernels):
            lay_out(state.model, tried)
            seconds = _seconds_if_it_works(state, setting, step, tried)
            measured[name] = seconds if isinstance(seconds, str) else round(seconds, 4)
            if isinstance(seconds, float) and fastest is not None and seconds * _LEAST_GAIN < fastest:
                best, fastest = tried, seconds
    return Decision(choices=best, why="measured on the run's next batch", measured=measured)


def _candidates(
    now: Choices, setting: Setting[Batch], left: float, *, has_kernels: bool
) -> Iterator[tuple[str, Choices]]:
    if now.precision == "float32" and setting.world.same(_has_bfloat16(setting.device)):
        yield "bfloat16", dataclasses.replace(now, precision="bfloat16")
    if has_kernels:
        yield "contiguous", dataclasses.replace(now, channels_last=False)
    if _SHARE * left > _COMPILE_SECONDS:
        yield "compiled", dataclasses.replace(now, compiled=True)


def _has_bfloat16(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 have instructions of their own; emulated they are slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())


def _seconds_if_it_works(state: State, setting: Setting[Batch], step: Any, tried: Choices) -> float | str:
    try:
        seconds = seconds_of(state.model, setting, step, tried)
    except Exception as error:  # the seam to a compiler: it documents no list of what it raises
        if not tried.compiled:
            raise
        return f"failed: {type(error).__name__}"
    return "out of memory" if seconds is None else seconds
