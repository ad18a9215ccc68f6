"""What the Trainer contenders share: the stop at the target, and the accuracy."""

from typing import Any

import numpy as np
from clock import Clock
from transformers import TrainerCallback


class StopAtTarget(TrainerCallback):
    """Stops the training when the target has held for two evaluations, or when it is time to give up."""

    def __init__(self, clock: Clock, size: int) -> None:
        """``size``: training examples in an epoch."""
        self.clock = clock
        self.size = size

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, float], **kwargs: Any) -> None:
        """Called by Trainer after each evaluation."""
        if self.clock.evaluated(metrics["eval_accuracy"], round(state.epoch * self.size)):
            control.should_training_stop = True


def accuracy(predicted: Any) -> dict[str, float]:
    """Share of the examples that the model gets right."""
    logits, labels = predicted
    return {"accuracy": float(np.mean(np.argmax(logits, axis=1) == labels))}
