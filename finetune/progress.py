"""What a long operation tells whoever waits for it."""

from typing import Protocol as Interface


class Report(Interface):
    """Called with a stage's name, how much of it is done, and facts worth showing beside the bar.

    Facts that a display may count on: ``metric`` (its name), ``value``, ``target`` (as text), ``rate`` (examples a
    second), ``seconds`` (on the run clock), ``memory`` (of the device, bytes).
    """

    def __call__(self, stage: str, done: int, total: int, **facts: float | str) -> None:
        """One step of progress."""


def silent(stage: str, done: int, total: int, **facts: float | str) -> None:
    """A report that nobody reads."""
