"""A run's figures as TensorBoard events, over the examples seen."""

from importlib.util import find_spec
from pathlib import Path
from types import TracebackType

from roadworthy.model_cards import InputError

_OF_A_STEP = {
    "loss": "training/loss",
    "learning_rate": "training/learning rate",
    "rate": "training/examples per second",
}


class TensorBoard:
    """A ``progress.Report`` that writes event files below ``folder``; a context manager that closes them.

    A run that is resumed adds to them: what it had written after its last checkpoint it writes again, the same.

    Raises:
        InputError: the package tensorboard is not installed.

    Example:
        >>> from pathlib import Path
        >>> from roadworthy.finetune import finetune
        >>> from roadworthy.finetune.tensorboard import TensorBoard
        >>> with TensorBoard(Path("events")) as board:
        ...     run = finetune(Path("base"), data="photos", out="watched", epochs=1, image_size=48, report=board)
        >>> len(list(Path("events").iterdir()))
        1
    """

    def __init__(self, folder: Path) -> None:
        if find_spec("tensorboard") is None:
            raise InputError(
                "--tensorboard needs the package tensorboard, which is not installed. "
                "Run: pip install 'roadworthy[tensorboard]'"
            )
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder))

    def __enter__(self) -> "TensorBoard":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def __call__(self, stage: str, done: int, total: int, **facts: float | str) -> None:
        """Writes what of ``facts`` is a figure over examples; anything else is passed over."""
        if "value" in facts:
            self._write(f"{facts['phase']}/{facts['look']} {facts['metric']}", facts["value"], facts)
        if "loss" in facts:
            for fact, name in _OF_A_STEP.items():
                if fact in facts:
                    self._write(name, facts[fact], facts)

    def _write(self, name: str, value: float | str, facts: dict[str, float | str]) -> None:
        self._writer.add_scalar(name, float(value), int(facts["samples"]))
