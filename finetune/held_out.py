"""What a fitted head says of examples that it had not seen: enough to suspect some of their labels.

Shapes: N examples, C classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .examples import Example
from .split import Part

if TYPE_CHECKING:
    import torch

_MOST = 1 << 26  # probabilities kept with a run, in half precision: 128 MiB


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Where the user finds each example, its part, its class, and float32 [N, C]: the probability of each class."""

    names: tuple[str, ...]
    parts: tuple[Part, ...]
    truths: NDArray[np.int64]
    probabilities: NDArray[np.float32]


def held_out(examples: Sequence[Example], scores_NC: "torch.Tensor") -> HeldOut:
    """From the scores of fits that had not seen ``examples``."""
    return HeldOut(
        names=tuple(example.name for example in examples),
        parts=tuple(example.part for example in examples),
        truths=np.array([example.truth for example in examples], dtype=np.int64),
        probabilities=scores_NC.float().softmax(1).cpu().numpy(),
    )


def save(path: Path, answers: HeldOut) -> None:
    """Writes ``answers`` in half precision; nothing where they would take more room than they are worth."""
    if answers.probabilities.size <= _MOST:
        with path.open("wb") as file:
            np.savez(
                file,
                names=np.array(answers.names),
                parts=np.array(answers.parts),
                truths=answers.truths,
                probabilities=answers.probabilities.astype(np.float16),
            )


def load(path: Path) -> HeldOut | None:
    """What was saved; ``None`` where nothing was."""
    if not path.is_file():
        return None
    with np.load(path) as saved:
        return HeldOut(
            names=tuple(saved["names"].tolist()),
            parts=tuple(saved["parts"].tolist()),
            truths=saved["truths"],
            probabilities=saved["probabilities"].astype(np.float32),
        )
