"""The micro-batch finder: which number of examples in a forward pass is fastest, and fits."""

import dataclasses
from collections.abc import Iterator

from .checkpoint import State
from .choices import Choices
from .setting import Setting
from .task import Batch
from .trial import seconds_of, without_trace

_LEAST_GAIN = 1.03  # a larger micro-batch must be faster by this much to be worth its memory


def fastest_micro_batch(state: State, setting: Setting[Batch]) -> tuple[Choices, dict[str, float]]:
    """Doubles the micro-batch while that is faster. The whole batch stays, so what is learned does not change.

    Returns:
        The choices with the micro-batch found, and seconds for one whole batch by micro-batch.
    """
    step = setting.order.step(state.progress.step)
    measured: dict[str, float] = {}
    best = state.choices
    with without_trace(state.model):
        for micro in _candidates(setting.world.largest_share(len(step.examples))):
            tried = dataclasses.replace(state.choices, micro_batch=micro)
            seconds = seconds_of(state.model, setting, step, tried)
            if seconds is None:
                break
            fastest = min(measured.values(), default=float("inf"))
            measured[str(micro)] = round(seconds, 4)
            if seconds * _LEAST_GAIN <= fastest:
                best = tried
            elif seconds > 2 * fastest:
                break
    return best, measured


def _candidates(share: int) -> Iterator[int]:
    micro = min(8, share)
    while micro < share:
        yield micro
        micro *= 2
    yield share
