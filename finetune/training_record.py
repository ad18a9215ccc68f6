"""What a certificate says of a training: read off the run's own files, by whoever measures its candidate."""

from collections.abc import Sequence
from pathlib import Path

from roadworthy.model_cards import Attempt, Series, clocks, series_of
from roadworthy.model_cards.certificate import Training
from roadworthy.model_cards.run_log import choices_of, energy_of

from .run_folder import RunData, RunSpec


def attempt_told_by(log: Path) -> Attempt:
    """An attempt as its log tells it; one that died before it wrote anything has no seed (-1) and no clocks."""
    text = log.read_text(encoding="utf-8") if log.is_file() else ""
    road = clocks.read(clocks.parse(text))
    return Attempt(seed=-1 if road.seed is None else road.seed, clocks=road.clocks)


def series_told_by(logs: Sequence[Path]) -> Series:
    """The series of these attempts, in the order they were made."""
    return series_of([attempt_told_by(log) for log in logs])


def training_of(spec: RunSpec, seen: RunData | None, log: Path, series: Series | None) -> Training | None:
    """The training that ``log`` tells of; ``None`` where nothing was trained."""
    if not log.is_file():
        return None
    events = clocks.parse(log.read_text(encoding="utf-8"))
    road, energy = clocks.read(events), energy_of(events)
    if road.clocks is None:
        return None
    return Training(
        recipe=spec.recipe,
        seed=spec.seed,
        target=spec.target,
        clocks=road.clocks,
        environment=spec.environment,
        validation=seen.validation if seen else None,
        series=series,
        energy_joules=energy.joules if energy else None,
        energy_counter=energy.counter if energy else None,
        choices=choices_of(events),
    )
