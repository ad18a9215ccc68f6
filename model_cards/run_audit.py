"""What an audit replays of every run in a snapshot, the shipped one and other attempts: its end, its log, its pace."""

from collections.abc import Iterator
from pathlib import Path

from . import clocks
from .certificate import Claim, Training
from .consistency import consistency_checks
from .crossing import crossing_differs, validation_differs
from .plausibility import plausibility_check
from .snapshot import EVENTS, attempt_log

Check = tuple[str, list[str]]


def run_checks(folder: Path, claim: Claim) -> Iterator[Check]:
    """Each check in words, and what speaks against it. A log that is missing is another check's business."""
    training = claim.training
    if training is None or not (folder / EVENTS).is_file():
        return
    yield from _of_run(folder / EVENTS, claim, training)
    events = clocks.parse((folder / EVENTS).read_text(encoding="utf-8"))
    yield "the validation figure is the log's last one", list(validation_differs(events, training.validation))
    if training.series is not None:
        wrong = []
        for number in range(1, len(training.series.attempts) + 1):
            log = folder / attempt_log(number)
            if number != training.series.shipped and log.is_file():
                found = [reason for _, reasons in _of_run(log, claim, training) for reason in reasons]
                wrong += [f"attempt {number}: {reason}" for reason in found]
        yield "every other attempt's end, log and pace replayed", wrong


def _of_run(log: Path, claim: Claim, training: Training) -> Iterator[Check]:
    events = clocks.parse(log.read_text(encoding="utf-8"))
    found = clocks.read(events).clocks
    if found is None:  # it died before anything was trained
        return
    check = (
        "target met and held at the end, by the evaluations"
        if found.target_met
        else "target not held, by the evaluations"
    )
    yield check, list(crossing_differs(events, training, success=found.target_met))
    yield from consistency_checks(events, found, claim.data, claim.measured_at)
    yield plausibility_check(claim, training, found, events)
