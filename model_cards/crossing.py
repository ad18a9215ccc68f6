"""Whether the evaluations in a log bear out how its run says that it ended: target met, held, and then stopped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .certificate import Training
from .clocks import NOT_VALIDATION, Event, segments
from .metric import Metric, told
from .stopping import StoppingRule
from .target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One evaluation that counts towards the hold; on ``validation``, or else out of fold."""

    value: float
    samples: int
    validation: bool


def evaluations(events: Sequence[Event]) -> tuple[Evaluation, ...]:
    """Every evaluation that the run's stopping rule saw, the first one first.

    What a killed process measured after its last checkpoint, and the next one measured again, counts once.

    Raises:
        LookupError, TypeError, ValueError: an event lacks what its key promises.
    """
    kept: list[Evaluation] = []
    for segment in segments(events):
        measured = _measured(segment)
        if measured:
            kept = [one for one in kept if one.samples < measured[0].samples] + measured
    return tuple(kept)


def crossing_differs(events: Sequence[Event], training: Training, *, success: bool) -> Iterator[str]:
    """What speaks against an end in ``success``, or without: by the target and the hold stated at the run's start."""
    target, hold = training.target, _hold(training)
    stated = next((event for event in events if event.key == "target"), None)
    if stated is not None:
        found = (stated.value, stated.metadata["hold"])
        if found != (None if target is None else str(target), hold if hold is not None else found[1]):
            yield (
                f"the run was begun with the target {found[0]} held {found[1]} times; the certificate says {target} "
                f"held {hold} times"
            )
            return
        hold = int(found[1])
    if target is None:
        if success:
            yield "the log says that a target held, and the run had none"
        return
    yield from _held(evaluations(events), target, hold, success)


def validation_differs(events: Sequence[Event], stated: Metric | None) -> Iterator[str]:
    """The reason, where the certificate states another last validation figure than the log has."""
    # One that was at its end already when it went on measured nothing anew that is in its log.
    if stated is None or not _measured(segments(events)[-1] if segments(events) else ()):
        return
    last = [one.value for one in evaluations(events) if one.validation][-1:]
    if last != [stated.value]:
        found = told(stated.name, last[0]) if last else "none"
        yield (
            f"validation ended at {stated.name} {told(stated.name, stated.value)} in the certificate; expected the "
            f"last evaluation in the log, {found}"
        )


def _held(seen: Sequence[Evaluation], target: Target, hold: int | None, success: bool) -> Iterator[str]:
    # A log that does not say how often asks for one at least.
    rule = StoppingRule(target=target, hold=hold or 1)
    values = [one.value for one in seen]
    if success != rule.holds(values) and (success or hold is not None):
        last = ", ".join(told(target.metric, value) for value in values[-rule.hold :]) or "none"
        yield (
            f"the log says that the target {target} was {'met and held' if success else 'not held'}; expected that of "
            f"its last {rule.hold} evaluations in a row, found {last}"
        )
    elif hold is not None:
        for number, one in enumerate(seen[:-1], start=1):
            # Looks come in pairs, and the run stops after the second one of a pair, which is on validation.
            if one.validation and rule.holds(values[:number]):
                yield (
                    f"the target {target} held after {one.samples:,} samples already; expected the run to end there, "
                    f"found one that went on to {seen[-1].samples:,}"
                )
                return


def _measured(segment: Sequence[Event]) -> list[Evaluation]:
    found = []
    for event in segment:
        if event.key == "run_stop":
            break
        if event.key == "eval_accuracy":
            found.append(
                Evaluation(
                    value=float(event.value),
                    samples=int(event.metadata["samples_count"]),
                    validation=event.metadata.get("look") not in NOT_VALIDATION,
                )
            )
    return found


def _hold(training: Training) -> int | None:
    hold = training.recipe.get("hold")
    return hold if type(hold) is int and hold > 0 else None
