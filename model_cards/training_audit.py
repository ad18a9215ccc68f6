"""What an audit replays of a training: the clocks of every attempt, and what was made of them."""

from collections.abc import Iterator
from dataclasses import replace
from math import isclose
from pathlib import Path

from . import clocks
from .certificate import Training
from .convergence import Convergence, compare_convergence
from .run_log import choices_of, energy_of
from .series import Attempt, Series, series_of
from .snapshot import EVENTS, attempt_log


def road_of(log: Path) -> clocks.Road | None:
    """What the event log tells; ``None`` where there is none.

    Raises:
        DamagedError, LookupError, TypeError, ValueError, ArithmeticError: a log that cannot be read.
    """
    return clocks.read(clocks.parse(log.read_text(encoding="utf-8"))) if log.is_file() else None


def training_checks(folder: Path, training: Training) -> Iterator[tuple[str, list[str]]]:
    """Each check in words, and what speaks against it."""
    road = road_of(folder / EVENTS)
    same = road is not None and road.clocks == training.clocks
    wrong = [] if same else ["the clocks in the certificate are not those of the event log"]
    yield "clocks recomputed from the event log", wrong
    if training.choices or training.energy_joules is not None:
        yield "energy and choices read off the event log again", list(_log_figures(folder / EVENTS, training))
    series, left_out = training.series, list(_left_out(folder, training.series))
    if series is not None:
        check = f"series of {len(series.attempts)} attempts recomputed from their event logs"
        yield check, [*_series(folder, series), *left_out]
    elif left_out:
        yield "every attempt counted", left_out
    if training.convergence is not None:
        yield "convergence compared with its reference again", list(_convergence(training, training.convergence))


def _log_figures(log: Path, training: Training) -> Iterator[str]:
    events = clocks.parse(log.read_text(encoding="utf-8"))
    if training.choices and choices_of(events) != training.choices:
        yield "the choices in the certificate are not the last ones of the event log"
    energy = energy_of(events)
    read = (energy.joules, energy.counter) if energy else (None, None)
    if training.energy_joules is not None and read != (training.energy_joules, training.energy_counter):
        yield "the energy in the certificate is not that of the event log"


def _series(folder: Path, series: Series) -> Iterator[str]:
    for number, attempt in enumerate(series.attempts, start=1):
        path = EVENTS if number == series.shipped else attempt_log(number)
        road = road_of(folder / path)
        if road is None:
            yield f"{path} is missing: attempt {number} of the series has no event log"
        elif Attempt(seed=-1 if road.seed is None else road.seed, clocks=road.clocks) != attempt:
            yield f"attempt {number} of the series is not what {path} tells"
    if series_of(series.attempts) != series:
        yield "the median, the olympic mean, the pass rate or the shipped attempt does not follow from the attempts"


def _left_out(folder: Path, series: Series | None) -> Iterator[str]:
    """Logs of attempts that are not counted: a slow or failed one may not be forgotten."""
    counted = set()
    if series is not None:
        counted = {attempt_log(n) for n in range(1, len(series.attempts) + 1) if n != series.shipped}
    for log in sorted(folder.glob("log/attempt-*.log")):
        path = log.relative_to(folder).as_posix()
        if path not in counted:
            yield f"{path} tells of an attempt that the certificate does not count"


def _convergence(training: Training, stated: Convergence) -> Iterator[str]:
    if stated.samples != training.clocks.samples:
        yield (
            f"the convergence was compared at {stated.samples:,} samples; the event log gives "
            f"{training.clocks.samples:,}"
        )
    again = compare_convergence(stated.reference, stated.samples, stated.confidence)
    stated_of = replace(again, bound=stated.bound, certificate_sha256=stated.certificate_sha256)
    if stated_of != stated or not isclose(again.bound, stated.bound, rel_tol=1e-6):
        yield "the verdict on convergence does not follow from the reference's runs"
