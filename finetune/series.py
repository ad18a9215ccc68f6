"""Several attempts at one target, one after another, none of them left out: all times, the median, the olympic mean."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadworthy.model_cards import CheckError, InputError, Metric, Series, StorageError, Target

from . import attempt
from .attempt_request import Plan
from .progress import Report, silent
from .run_folder import RunFolder
from .series_folder import SeriesFolder
from .training_record import attempt_told_by


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetunedSeries:
    """A finished series: its folder, all attempts, the run that is shipped and that run's last validation metric.

    ``failures`` says of each attempt that ended without an answer why it did, by its number.
    """

    folder: Path
    series: Series
    run: Path
    target_met: bool
    metric: Metric | None
    failures: dict[int, str]


def finetune_series(
    start: Path | str,
    *,
    data: Path | str,
    out: Path | str,
    target: Target | str | None,
    runs: int,
    seed: int | None = None,
    device: str | None = None,
    recipe: str | None = None,
    leave_out_leaked: bool = False,
    reference: str | None = None,
    report: Report = silent,
    **settings: Any,
) -> FinetunedSeries:
    """Makes ``runs`` attempts to fine-tune ``start`` until ``target`` holds, and ships the one nearest the median.

    Each attempt has a process, a seed from the system's entropy and decoded data of its own, so that none shortens
    another's road. An attempt that did not reach the target, or whose process died, is kept as failed and not
    repeated. Called again with the same ``out``, a series that was killed goes on with the attempt it was in.

    Args:
        runs: how many, 2 or more; decided beforehand, like the target.
        seed: not for a series: replays are no independent attempts.
        device, recipe, leave_out_leaked, reference, report, settings: as for ``finetune``; besides each attempt's own
            stages, ``report`` is told of "attempts".

    Raises:
        InputError: no target, a seed, too few runs, or what an attempt cannot be made with.
        StorageError: a folder cannot be written; the same call goes on.

    Example:
        >>> from pathlib import Path
        >>> from roadworthy.finetune import finetune_series
        >>> found = finetune_series(
        ...     Path("base"), data="photos", out="series", target="top1>=0.3", runs=2, epochs=2, image_size=48
        ... )
        >>> len(found.series.attempts), found.series.pass_rate
        (2, 1.0)
    """
    plan = plan_of(
        start,
        data=data,
        target=_check(runs, target, seed),
        runs=runs,
        device=device,
        recipe=recipe,
        leave_out_leaked=leave_out_leaked,
        reference=reference,
        settings=settings,
    )
    folder = SeriesFolder(Path(out))
    begin(folder, plan)
    for number in range(1, runs + 1):
        report("attempts", number - 1, runs)
        make_attempt(folder, number, report)
    report("attempts", runs, runs)
    return conclude(folder)


def _check(runs: int, target: Target | str | None, seed: int | None) -> Target:
    if runs < 2:
        raise InputError(f"--runs {runs} is no series. Expected 2 or more; leave it out for one run.")
    if target is None:
        raise InputError("a series needs a target, the same for all attempts: --target 'top1>=0.95'.")
    if seed is not None:
        raise InputError(
            f"--seed {seed} with --runs {runs}: replays of one seed are no independent attempts. Leave --seed out; "
            "each attempt takes one from the system's entropy."
        )
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError("--runs starts a process for each attempt itself. Start it without torchrun.")
    return Target.parse(target) if isinstance(target, str) else target


def plan_of(
    start: Path | str,
    *,
    data: Path | str,
    target: Target,
    runs: int,
    device: str | None,
    recipe: str | None,
    leave_out_leaked: bool,
    reference: str | None,
    settings: dict[str, Any],
) -> Plan:
    """The plan of a series, places on the disk made absolute."""
    return Plan(
        runs=runs,
        start_folder=str(start.resolve()) if isinstance(start, Path) else None,
        named=None if isinstance(start, Path) else start,
        data=str(Path(data).resolve()),
        target=str(target),
        device=device,
        recipe=recipe,
        leave_out_leaked=leave_out_leaked,
        reference=reference,
        settings={name: value for name, value in settings.items() if value is not None},
    )


def begin(folder: SeriesFolder, plan: Plan) -> None:
    """Writes the plan, or goes on with a series that was begun with the same.

    Raises:
        InputError: the series was begun otherwise; or the folder holds something else.
    """
    if not folder.is_series:
        RunFolder(folder.root).check_empty()
    elif folder.attempt(1).is_run:
        _check_same(folder, plan)
        return
    # Until an attempt has begun, a plan that could not be carried out may still be mended.
    folder.write_plan(plan)


def _check_same(folder: SeriesFolder, plan: Plan) -> None:
    before = folder.read_plan()
    for name in Plan.__dataclass_fields__:
        expected, found = getattr(before, name), getattr(plan, name)
        if expected != found:
            raise InputError(
                f"{folder.root} holds a series begun with {name.replace('_', ' ')} {expected}; now it is {found}. "
                "Give the same options to go on with it, or another --out for a new series."
            )


def make_attempt(folder: SeriesFolder, number: int, report: Report) -> None:
    """Makes one attempt, unless it has ended already; what fails is noted as failed.

    Raises:
        InputError, StorageError: the attempt cannot be made, or not be kept.
    """
    run = folder.attempt(number)
    if run.is_finished or folder.failure(number) is not None:
        return
    try:
        why = attempt.make(folder.read_plan(), run.root, report)
    except CheckError as error:  # the training itself failed: its loss is no number any more
        why = str(error)
    if why is not None:
        clocks = attempt_told_by(run.events).clocks
        if clocks is not None and clocks.target_met:
            raise StorageError(
                f"attempt {number} reached its target and then could not keep its candidate: {why}. "
                "Run the same command again to go on."
            )
        folder.write_failure(number, why)
    shutil.rmtree(run.cache, ignore_errors=True)  # decoded again by the next attempt, and of no use to this one


def conclude(folder: SeriesFolder) -> FinetunedSeries:
    """Tells all attempts together, once each has ended.

    Raises:
        InputError: the data or the start changed between two attempts.
    """
    runs = range(1, folder.read_plan().runs + 1)
    if not folder.is_finished:
        check_one_road([folder.attempt(number) for number in runs])
        folder.write_series(folder.told())
    series = folder.read_series()
    shipped = folder.attempt(series.shipped)
    return FinetunedSeries(
        folder=folder.root,
        series=series,
        run=shipped.root,
        target_met=series.pass_rate > 0,
        metric=shipped.read_data().validation if shipped.is_finished else None,
        failures={number: why for number in runs if (why := folder.failure(number)) is not None},
    )


def check_one_road(runs: Iterable[RunFolder]) -> None:
    """Refuses attempts that are not of the same data and start; those that failed early have no say.

    Raises:
        InputError: the first two that differ are named.
    """
    finished = [run for run in runs if run.is_finished]
    roads = [(run.read_data().data, run.read_spec().start) for run in finished]
    for run, road in zip(finished, roads, strict=True):
        if road != roads[0]:
            raise InputError(
                f"the data or the start changed between {finished[0].root} and {run.root}. Expected the same for all "
                "attempts; start again in another --out."
            )
