"""What a long operation tells whoever waits for it."""

from typing import Protocol as Interface


class Report(Interface):
    """Called with a stage's name, how much of it is done, and facts worth showing beside the bar.

    Facts that a display may count on, each only where it is known:

    - of an evaluation: ``metric`` (its name), ``value``, ``look`` ("validation", or "out-of-fold": training
      examples answered by fits that had not seen them), ``phase`` ("head" while that is fitted, or "training"),
      ``met`` of ``hold`` evaluations in a row meet the target;
    - of a step: ``loss`` (the mean since the last report of one), ``learning_rate``, ``rate`` (examples a second);
    - of both: ``target`` (as text), ``samples`` (so far), ``epoch``, ``seconds`` (on the run clock), ``memory`` and
      ``memory_total`` (of the device, bytes);
    - ``summary``: a sentence on the data, once;
    - of anything else: ``pace``, in words.
    """

    def __call__(self, stage: str, done: int, total: int, **facts: float | str) -> None:
        """One step of progress."""


def silent(stage: str, done: int, total: int, **facts: float | str) -> None:
    """A report that nobody reads."""


def together(*reports: Report) -> Report:
    """One report that is passed on to all of ``reports``."""

    def pass_on(stage: str, done: int, total: int, **facts: float | str) -> None:
        for report in reports:
            report(stage, done, total, **facts)

    return pass_on
