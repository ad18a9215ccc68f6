"""Timing single calls on a device that works on its own while Python goes on."""

import time
from collections.abc import Callable

import torch

AT_LEAST = 10  # calls, so that a percentile means something
WARMUP = 3  # calls; the first ones choose kernels and fill caches
_MOST = 10  # times the wished duration, after which a cell ends with fewer calls: one that takes minutes a call


def time_calls(
    call: Callable[[], object],
    wait: Callable[[], object],
    *,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[list[float], int]:
    """Seconds of each call, ``wait`` for its result included, and how many calls warmed up before.

    It goes on for about ``seconds`` and at least ``AT_LEAST`` calls; after 10 times ``seconds`` two are enough.
    """
    began = clock()
    warmup = 0
    while warmup < WARMUP and (warmup == 0 or clock() - began < seconds):
        call()
        wait()
        warmup += 1
    times: list[float] = []
    began = now = clock()
    while len(times) < 2 or now - began < (seconds if len(times) >= AT_LEAST else _MOST * seconds):
        call()
        wait()
        before, now = now, clock()
        times.append(now - before)
    return times, warmup


def waiter(device: torch.device) -> Callable[[], None]:
    """What waits until ``device`` has done all that it was given; on the CPU nothing has to."""
    if device.type == "cuda":
        return lambda: torch.cuda.synchronize(device)
    return lambda: None
