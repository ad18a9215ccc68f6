"""The train_only clock: time in steps of the optimizer, the device's queue included."""

import time

import torch

from .checkpoint import Progress


class Stopwatch:
    """Runs while steps are taken; it is stopped for whatever is not a step."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._began: float | None = None

    def start(self) -> None:
        """Goes on; nothing happens where it runs already."""
        if self._began is None:
            self._began = time.perf_counter()

    def stop(self, progress: Progress) -> None:
        """Waits for the device and adds what has passed to ``progress``; nothing where it stands already."""
        if self._began is None:
            return
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        progress.train_seconds += time.perf_counter() - self._began
        self._began = None
