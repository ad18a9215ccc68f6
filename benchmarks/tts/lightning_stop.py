"""What the Lightning contenders share: the stop at the target, and the settings that cost time and help nobody."""

from typing import Any

from clock import Clock
from lightning.pytorch import Callback

# Nobody resumes or reads these runs: no checkpoints, no log files, no progress bar. In Lightning's favour.
QUIET = {"enable_checkpointing": False, "logger": False, "enable_progress_bar": False, "enable_model_summary": False}


class StopAtTarget(Callback):
    """Stops the training when the target has held for two evaluations, or when it is time to give up."""

    def __init__(self, clock: Clock, batch: int) -> None:
        """``batch``: examples in a step."""
        self.clock = clock
        self.batch = batch

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Called by Lightning once an evaluation's metrics are complete."""
        if trainer.sanity_checking:
            return
        value = float(trainer.callback_metrics["accuracy"])
        if self.clock.evaluated(value, trainer.global_step * self.batch):
            trainer.should_stop = True
