"""A loss that is no longer a number stops the run, with the batch that did it saved."""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from roadworthy.model_cards import CheckError

from .plan import Step

# On a GPU each look at a loss waits for the device, so several are looked at together.
_TOGETHER = {"cuda": 8}


class FiniteLosses:
    """Takes the loss of each step and refuses to go on after one that is infinite or not a number."""

    def __init__(
        self, device: torch.device, folder: Path, names: Callable[[Sequence[int]], list[str]], *, writes: bool = True
    ) -> None:
        """``folder``: where a bad batch is described, by the one process that ``writes``."""
        self._together = _TOGETHER.get(device.type, 1)
        self._folder = folder
        self._writes = writes
        self._names = names
        self._unseen: list[tuple[Step, torch.Tensor]] = []
        self._fresh: list[float] = []

    def note(self, step: Step, loss: torch.Tensor) -> None:
        """Raises CheckError no more than a few steps late, and before any later checkpoint."""
        self._unseen.append((step, loss))
        if len(self._unseen) >= self._together:
            self.check()

    def fresh(self) -> float | None:
        """The mean of the losses that were looked at since this was last asked; ``None`` where there are none."""
        losses, self._fresh = self._fresh, []
        return sum(losses) / len(losses) if losses else None

    def check(self) -> None:
        """Looks at every loss that was not looked at yet.

        Raises:
            CheckError: one of them is no finite number; its batch is described in ``bad-batch.json``.
        """
        waiting, self._unseen = self._unseen, []
        if not waiting:
            return
        losses: list[float] = torch.stack([loss for _, loss in waiting]).tolist()
        if all(map(math.isfinite, losses)):
            self._fresh += losses
            return
        place = next(place for place, loss in enumerate(losses) if not math.isfinite(loss))
        step, loss = waiting[place][0], losses[place]
        path = self._folder / "bad-batch.json"
        if self._writes:
            self._describe(path, step, loss)
        raise CheckError(
            f"the loss became {loss} at step {step.number}; expected a finite number. The batch is in {path}; "
            "the last checkpoint is kept. Look at its examples, or lower the learning rate with --learning-rate and "
            "start a new run."
        )

    def _describe(self, path: Path, step: Step, loss: float) -> None:
        document = {
            "step": step.number,
            "epoch": step.epoch,
            "seed": step.seed,
            "loss": str(loss),
            "examples": self._names(step.examples),
        }
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
