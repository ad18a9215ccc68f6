"""A race: several recipes, the same data, start, target and machine, in turn; each contender is a series of its own."""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from roadworthy.model_cards import InputError, StorageError, Target, clocks
from roadworthy.model_cards.page import render_page
from roadworthy.model_cards.race import Contender, Race
from roadworthy.model_cards.race_plot import race_plot
from roadworthy.model_cards.race_report import PICTURE, race_report

from .document import read_document, write_document
from .progress import Report, silent
from .recipe_choice import RecipeChoice
from .series import begin, check_one_road, conclude, make_attempt, plan_of
from .series_folder import SeriesFolder

_PLAN = TypeAdapter(dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Raced:
    """A finished race, the page that shows it, and why attempts failed, by contender and number."""

    race: Race
    folder: Path
    page: Path
    failures: dict[str, dict[int, str]]


def race(
    contenders: list[str],
    *,
    start: Path | str,
    data: Path | str,
    out: Path | str,
    target: Target | str,
    runs: int = 1,
    device: str | None = None,
    reference: str | None = None,
    report: Report = silent,
    **settings: Any,
) -> Raced:
    """Trains ``contenders`` in turn, ``runs`` times each, until ``target`` holds, and draws accuracy over time.

    Leaves race.json, race.svg and race.html in ``out``, and a series of runs for each contender. Called again with
    the same ``out``, a race that was killed goes on.

    Args:
        contenders: two or more recipes of the task's catalogue, with changes if need be: ``"head-first"``,
            ``"full:learning_rate=1e-4,epochs=8"``.
        start, data, target, device, reference, settings: as for ``finetune``, the same for all contenders.

    Raises:
        InputError: contenders, data or start that cannot be used; or the folder holds another race.
        StorageError: a folder cannot be written.

    Example:
        >>> from pathlib import Path
        >>> from roadworthy.finetune import race
        >>> found = race(
        ...     ["head-first", "full"], start=Path("base"), data="photos", out="race", target="top1>=0.3", image_size=48
        ... )
        >>> [contender.name for contender in found.race.contenders], found.page.name
        (['head-first', 'full'], 'race.html')
    """
    goal = Target.parse(target) if isinstance(target, str) else target
    root = Path(out)
    lanes = _lanes(root, _choices(contenders, start), runs)
    _begin(root, [name for name, _ in lanes])
    for name, folder in lanes:
        choice = RecipeChoice.parse(name)
        begin(
            folder,
            plan_of(
                start,
                data=data,
                target=goal,
                runs=runs,
                device=device,
                recipe=name,
                leave_out_leaked=False,
                reference=reference,
                # What a contender spells itself goes before what is said for all.
                settings={k: v for k, v in settings.items() if k not in choice.changes},
            ),
        )
    total = runs * len(lanes)
    turns = [(number, folder) for number in range(1, runs + 1) for _, folder in lanes]
    for done, (number, folder) in enumerate(turns):
        report("attempts", done, total)
        make_attempt(folder, number, report)
    report("attempts", total, total)
    return _conclude(root, goal, lanes, reference or _in_words(start))


def _choices(contenders: list[str], start: Path | str) -> list[str]:
    """The contenders, each known to be a recipe of the start's task before any of them is trained."""
    from .tasks import named, task_of

    if len(contenders) < 2:
        raise InputError(f"a race needs two contenders, found {len(contenders)}: roadworthy race head-first full …")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError("race starts a process for each attempt itself. Start it without torchrun.")
    task, config = (task_of(start), task_of(start).read_config(start)) if isinstance(start, Path) else named(start)
    choices = [RecipeChoice.parse(text) for text in contenders]
    for choice in choices:
        dataclasses.replace(choice.recipe(task.recipes(config), task=task.name, on_gpu=False), **choice.changes)
    names = [str(choice) for choice in choices]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"{twice[0]} stands twice among the contenders. Expected different ones; repeat with --runs.")
    return names


def _lanes(root: Path, names: list[str], runs: int) -> list[tuple[str, SeriesFolder]]:
    if runs < 1:
        raise InputError(f"--runs {runs} is no race. Expected 1 or more.")
    folders = [f"{number}-{RecipeChoice.parse(name).name}" for number, name in enumerate(names, start=1)]
    return [(name, SeriesFolder(root / folder)) for name, folder in zip(names, folders, strict=True)]


def _begin(root: Path, names: list[str]) -> None:
    """Notes who races, before anybody does; a race goes on only with the same contenders."""
    plan = root / "contenders.json"
    if not plan.is_file():
        if root.is_dir() and any(root.iterdir()):
            raise InputError(f"{root} is not empty and is not a race. Expected a new folder. Choose another --out.")
        write_document(plan, {"contenders": names})
    before = read_document(plan, _PLAN, missing="")["contenders"]
    if before != names:
        raise InputError(
            f"{root} holds a race of {', '.join(before)}; now it is {', '.join(names)}. "
            "Give the same contenders to go on with it, or another --out for a new race."
        )


def _conclude(root: Path, target: Target, lanes: list[tuple[str, SeriesFolder]], start: str) -> Raced:
    runs = [folder.attempt(n) for _, folder in lanes for n in range(1, folder.read_plan().runs + 1)]
    check_one_road(runs)
    finished = [run for run in runs if run.is_finished]
    if not finished:
        raise InputError(f"no attempt of the race in {root} ended with an answer; there is nothing to tell of it.")
    ended = [(name, folder, conclude(folder)) for name, folder in lanes]
    spec = finished[0].read_spec()
    told = Race(
        target=target,
        start=start,
        data=finished[0].read_data().data,
        environment=spec.environment,
        contenders=tuple(
            Contender(
                name=name,
                recipe=_recipe(folder),
                series=found.series,
                metric=found.metric,
                curves=tuple(_curve(folder.attempt(n).events) for n in range(1, len(found.series.attempts) + 1)),
            )
            for name, folder, found in ended
        ),
    )
    page = _write(root, told)
    return Raced(race=told, folder=root, page=page, failures={name: found.failures for name, _, found in ended})


def _recipe(folder: SeriesFolder) -> dict[str, Any]:
    run = folder.attempt(1)
    return run.read_spec().recipe if run.is_run else {}


def _curve(log: Path) -> tuple[clocks.Point, ...]:
    return clocks.read(clocks.parse(log.read_text(encoding="utf-8"))).curve if log.is_file() else ()


def _in_words(start: Path | str) -> str:
    return f"the folder {start.resolve().name}" if isinstance(start, Path) else f"{start}, from scratch"


def _write(root: Path, told: Race) -> Path:
    picture = race_plot(told)
    page = root / "race.html"
    try:
        (root / PICTURE).write_bytes(picture)
        page.write_text(render_page(race_report(told), {PICTURE: picture}), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {page}: {error.strerror}. Free space; the same command goes on.") from error
    write_document(root / "race.json", dataclasses.asdict(told))
    return page
