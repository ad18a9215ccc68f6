"""Fine-tuning: a start and a user's data in, a run folder with a candidate snapshot out."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from roadworthy.model_cards import Metric, Target, clocks
from roadworthy.model_cards.certificate import Clocks

from . import recipe as recipes
from .energy import counter_for
from .environment import accelerators, choose_device, make_deterministic
from .event_log import EventLog
from .join import join, own_device, part_at_exit
from .loop import train
from .meter import Meter
from .progress import Report, silent
from .run_folder import RunFolder, RunSpec
from .run_spec import check_same, check_shared, specify
from .tasks import task_called
from .training_run import TrainingRun
from .world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Finetuned:
    """A finished run: where it is, whether the target held on validation, its last metric, its clocks."""

    run: Path
    target_met: bool
    metric: Metric | None
    tts: Clocks | None


def finetune(
    start: Path | str,
    *,
    data: Path | str,
    out: Path | str,
    target: Target | str | None = None,
    seed: int | None = None,
    device: str | None = None,
    recipe: str | None = None,
    leave_out_leaked: bool = False,
    reference: str | None = None,
    process_started: float | None = None,
    report: Report = silent,
    **settings: Any,
) -> Finetuned:
    """Fine-tunes ``start`` on ``data`` until ``target`` holds on validation.

    Called again with the same ``out``, it goes on where a killed run stopped, and ends with the same bits. Started
    by torchrun, its processes share the work; all of them return, or raise, the same.

    Args:
        start: a snapshot folder; or the name of a system, or ``timm:ARCHITECTURE``, from scratch.
        data: images in a folder for each class, or a table of texts and labels; with or without parts.
        out: the run folder.
        target: for example ``"top1>=0.95"``; without one, all epochs are run.
        seed: replays a run; by default it comes from the operating system.
        recipe: one of the task's catalogue (``"head-first"``, ``"full"``, ``"lora"`` for texts), with changes if need
            be: ``"head-first:learning_rate=1e-3"``. By default the task's own choice.
        leave_out_leaked: train without the examples that are also in the test part, with the same content. They
            block publishing otherwise.
        reference: what the registry calls the start snapshot.
        process_started: when the user began to wait, seconds since the epoch; by default, now.
        report: called with (stage, done, total) and facts.
        settings: fields of the task's recipe (``recipe.Recipe``: ``epochs``, ``batch_size``, ``learning_rate``, …)
            and what the task wants to know: ``image_size`` in pixels, ``group_pattern`` in file names;
            ``max_length`` in tokens, ``text_column``, ``label_column``, ``group_column``. The parts that a run makes
            itself keep the examples of one group (a patient, a user) together.

    Raises:
        InputError: data, start or options cannot be used; the message says which and what to do.
        CheckError: the loss is no number any more, or one example does not fit into memory.
        StorageError: the run folder cannot be written.
        ProcessLostError: another process of the run ended.

    Example:
        >>> from pathlib import Path
        >>> from roadworthy.finetune import finetune
        >>> run = finetune(Path("base"), data="photos", out="run", target="top1>=0.3", epochs=2, image_size=48)
        >>> run.target_met, run.tts.run > 0
        (True, True)
    """
    began = time.time() if process_started is None else process_started
    folder = RunFolder(Path(out))
    goal = Target.parse(target) if isinstance(target, str) else target
    world = join()
    begin = partial(
        specify,
        start,
        data=Path(data),
        target=goal,
        seed=seed,
        settings=settings,
        recipe=recipe,
        leave_out_leaked=leave_out_leaked,
        reference=reference,
        processes=world.size,
        accelerators=_of_all_processes(device, world),
    )

    spec = world.led(lambda: _settled(folder, begin, data=Path(data), target=goal, seed=seed, device=device))
    with world.together():
        check_shared(folder, spec)
    if not world.led(lambda: folder.is_finished):
        _run(folder, spec, began, world, report)
    result = world.led(lambda: finished(folder))
    part_at_exit(world)
    return result


def _settled(
    folder: RunFolder,
    begin: Callable[..., RunSpec],
    *,
    data: Path,
    target: Target | None,
    seed: int | None,
    device: str | None,
) -> RunSpec:
    """The specification of the run that is in the folder already, or of one that begins now."""
    if folder.is_run:
        check_same(folder, data=data, target=target, seed=seed)
    else:
        begun = begin(device=choose_device(device))
        folder.check_empty()
        folder.write_spec(begun)
    return folder.read_spec()


def _of_all_processes(device: str | None, world: World) -> tuple[str, ...]:
    """The accelerators of all processes, one after another."""
    with world.together():
        own = accelerators(choose_device(device))
    return tuple(world.gathered(list(own)))


def finished(folder: RunFolder) -> Finetuned:
    """What a finished run came to, read from its files."""
    road = clocks.read(clocks.parse(folder.events.read_text(encoding="utf-8")))
    return Finetuned(
        run=folder.root,
        target_met=road.clocks.target_met if road.clocks else False,
        metric=folder.read_data().validation,
        tts=road.clocks,
    )


def _run(folder: RunFolder, spec: RunSpec, began: float, world: World, report: Report) -> None:
    with world.together():
        device = own_device(spec.device, world)
    make_deterministic(device)
    recipe = recipes.from_dict(spec.recipe)
    if world.leads:
        folder.forget_failed_start()
    counter = counter_for(device, world.size) if world.leads else None
    with EventLog(folder.events if world.leads else None) as log, Meter(log, counter) as meter:
        run = TrainingRun(
            folder=folder,
            spec=spec,
            task=task_called(spec.task),
            recipe=recipe,
            world=world,
            device=device,
            log=log,
            meter=meter,
            report=report if world.leads else silent,
        )
        log.start("init_start", process_started=round(began, 3))
        log.event("seed", spec.seed, replayed=spec.replayed_seed)
        log.event("global_batch_size", recipe.batch_size)
        log.event("opt_name", recipe.optimizer)
        log.event("opt_base_learning_rate", recipe.learning_rate)
        log.event("processes", world.size)
        log.event("target", None if spec.target is None else str(spec.target), hold=recipe.hold)
        origin = run.origin()
        log.end("init_stop")
        log.start("run_start")
        meter.start()
        config = run.task.adjusted(origin, spec.options, spec.target)
        data = run.data(config)
        config = run.task.fitted(config, data)
        placement = run.placed(config)
        model, new_head = run.model(config, origin, placement)
        state, setting = run.prepared(model, data, config, placement)
        outcome = train(state, setting, new_head=new_head, answers_at_start=run.start is not None and not new_head)
    run.finish(model, config, data, outcome)
