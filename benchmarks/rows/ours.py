"""The engine, called as its user calls it; a step is all that passes between two reports of one."""

import tempfile
from pathlib import Path

from turns import told

from roadworthy.finetune import finetune


def main() -> None:
    """Trains until its turns are over."""
    asked, turns = told()

    def report(stage: str, done: int, total: int, **facts: float | str) -> None:
        if stage == "training" and "metric" not in facts:
            turns.stepped(asked["samples"])

    with tempfile.TemporaryDirectory() as folder:
        finetune(
            asked["system"],
            data=asked["data"],
            out=Path(folder) / "run",
            recipe=asked["recipe"],
            seed=asked["seed"],
            epochs=50,
            batch_size=asked["batch"],
            evaluations_per_epoch=1,
            checkpoint_seconds=1e9,
            width=asked["width"],
            device="cpu",
            report=report,
        )


if __name__ == "__main__":
    main()
