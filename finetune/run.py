"""Fine-tuning: a start and a user's data in, a run folder with a candidate snapshot out."""

import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from roadworthy.model_cards import InputError, Metric, Target, clocks
from roadworthy.model_cards.certificate import Clocks, Data
from roadworthy.model_cards.snapshot import EVENTS

from . import checkpoint
from . import recipe as recipes
from .average import Average
from .checkpoint import State
from .data_report import sentence
from .energy import counter_for
from .environment import accelerators, choose_device, make_deterministic
from .event_log import EventLog
from .examples import Dataset, check_parts
from .finders import first_choices
from .finite import FiniteLosses
from .freezing import Freezing
from .join import join, own_device, part_at_exit
from .journal import Journal
from .loop import Outcome, train
from .meter import Meter
from .model_config import ModelConfig
from .optimizer import make_optimizer
from .plan import Order, Plan
from .progress import Report, silent
from .recipe import Recipe
from .run_folder import RunData, RunFolder, RunSpec
from .run_spec import check_same, check_shared, specify
from .setting import Setting
from .sharding import is_sharded, shard, whole
from .stopping import StoppingRule
from .stopwatch import Stopwatch
from .task import Task
from .tasks import named, task_called
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
            and what the task wants to know: ``image_size`` in pixels; ``max_length`` in tokens, ``text_column``
            and ``label_column``.

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
    with world.together():
        own = accelerators(choose_device(device))
    of_all = tuple(world.gathered(list(own)))

    def settled() -> RunSpec:
        if folder.is_run:
            check_same(folder, data=Path(data), target=goal, seed=seed)
            return folder.read_spec()
        begun = specify(
            start,
            data=Path(data),
            target=goal,
            seed=seed,
            device=choose_device(device),
            settings=settings,
            recipe=recipe,
            leave_out_leaked=leave_out_leaked,
            reference=reference,
            processes=world.size,
            accelerators=of_all,
        )
        folder.check_empty()
        folder.write_spec(begun)
        return folder.read_spec()

    spec = world.led(settled)
    with world.together():
        check_shared(folder, spec)
    if not world.led(lambda: folder.is_finished):
        _run(folder, spec, began, world, report)
    result = world.led(lambda: finished(folder))
    part_at_exit(world)
    return result


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
    report = report if world.leads else silent
    recipe = recipes.from_dict(spec.recipe)
    task = task_called(spec.task)
    if world.leads:
        folder.forget_failed_start()
    counter = counter_for(device, world.size) if world.leads else None
    with EventLog(folder.events if world.leads else None) as log, Meter(log, counter) as meter:
        log.start("init_start", process_started=round(began, 3))
        log.event("seed", spec.seed, replayed=spec.replayed_seed)
        log.event("global_batch_size", recipe.batch_size)
        log.event("opt_name", recipe.optimizer)
        log.event("opt_base_learning_rate", recipe.learning_rate)
        log.event("processes", world.size)
        start = Path(spec.start_folder) if spec.start_folder else None
        with world.together():
            origin = task.read_config(start) if start else named(spec.named)[1]
        log.end("init_stop")
        log.start("run_start")
        meter.start()
        config = task.adjusted(origin, spec.options, spec.target)
        data = _read(task, config, folder, spec, world, log, report)
        config = replace(config, labels=data.examples.labels)
        torch.manual_seed(spec.seed)
        with world.together():
            model, new_head = _model(task, config, origin, start)
            model = task.adapted(model, recipe)
        state, setting = _prepare(task, model, data, config, recipe, spec, folder, world, device, log, meter, report)
        outcome = train(state, setting, new_head=new_head, answers_at_start=start is not None and not new_head)
    # The whole model, where each process has a part of it.
    tensors = whole(model.state_dict())
    with world.together():
        if world.leads:
            if is_sharded(model):
                model = task.adapted(task.build(config), recipe)
                model.load_state_dict(tensors)
            task.save(folder.candidate, task.merged(model), config, start=start)
            _finish(folder, spec, data, outcome)


def _read(
    task: Task, config: ModelConfig, folder: RunFolder, spec: RunSpec, world: World, log: EventLog, report: Report
) -> Dataset[Any]:
    def read() -> Dataset[Any]:
        return task.read(
            Path(spec.data), config, to_measure=False, options=spec.options, cache=folder.cache, report=report
        )

    # The leading process fills the cache; the others find it warm.
    with world.together():
        data = read() if world.leads else None
    with world.together():
        data = data or read()
        if not (data.warm or world.leads):
            raise InputError(
                f"{spec.data} holds other files here than where the leading process runs; expected the same files, "
                "with the same times, on every machine. Put the data on storage that all of them share."
            )
    log.event("cache", "warm" if data.warm else "cold")
    if leaked := data.examples.leaked():
        log.event("leaked", len(leaked), left_out=spec.leave_out_leaked)
    if spec.leave_out_leaked:
        data = Dataset(examples=data.examples.without_leaked(), payload=data.payload, warm=data.warm)
    check_parts(data.examples)
    report("data", 1, 1, summary=sentence(data.examples))
    log.event("train_samples", len(data.examples.part("train")))
    log.event("eval_samples", len(data.examples.part("validation")))
    return data


def _model(task: Task, config: ModelConfig, origin: ModelConfig, start: Path | None) -> tuple[nn.Module, bool]:
    """The model to train, and whether its head is new."""
    if start is None:
        return task.build(config), False
    model = task.open(start, origin)
    if config.labels == origin.labels:
        return model, False
    task.renew_head(model, config)
    return model, True


def _prepare(
    task: Task,
    model: nn.Module,
    data: Dataset[Any],
    config: ModelConfig,
    recipe: Recipe,
    spec: RunSpec,
    folder: RunFolder,
    world: World,
    device: torch.device,
    log: EventLog,
    meter: Meter,
    report: Report,
) -> tuple[State, Setting[Any]]:
    """What changes with every step, from a checkpoint where there is one, and what does not."""
    split = recipe.shard and world.size > 1
    if not split:
        model.to(device)
        world.adopt(model)
    work = task.workload(data, config, recipe, device)
    plan = Plan.of(recipe, work.size("train"))
    groups = task.layer_groups(model)
    freezing = Freezing(model, groups, share=recipe.frozen_share, normalisation=recipe.freeze_normalisation)
    if split:
        shard(model, groups, world, device)
    else:
        work.prepare(model, seed=spec.seed, batch_size=recipe.batch_size)
    journal = Journal(
        log=log,
        meter=meter,
        plan=plan,
        rule=StoppingRule(target=spec.target, hold=recipe.hold),
        protocol=work.protocol,
        path=folder.checkpoint,
        report=report,
        world=world,
        device=device,
    )
    setting = Setting(
        work=work,
        recipe=recipe,
        plan=plan,
        order=Order(
            lambda epoch: work.epoch(seed=spec.seed, epoch=epoch, batch_size=recipe.batch_size),
            per_epoch=plan.per_epoch,
            seed=spec.seed,
        ),
        seed=spec.seed,
        device=device,
        world=world,
        freezing=freezing,
        losses=FiniteLosses(device, folder.root, work.names, writes=world.leads),
        watch=Stopwatch(device),
        journal=journal,
        report=report,
    )
    state = State(
        model=model,
        optimizer=make_optimizer(model, recipe),
        average=Average(model, recipe.ema_decay),
        choices=first_choices(recipe, world),
    )
    with world.together():
        checkpoint.restore(folder.checkpoint, state)
    journal.continued(state)
    return state, setting


def _finish(folder: RunFolder, spec: RunSpec, data: Dataset[Any], outcome: Outcome) -> None:
    events = folder.candidate / EVENTS
    events.parent.mkdir(exist_ok=True)
    shutil.copyfile(folder.events, events)
    examples, where = data.examples, Path(spec.data).resolve()
    folder.write_answers(outcome.answers, {e.id: e.name for e in examples.part("validation")})
    described = Data(
        name=where.name if where.is_dir() else where.stem,
        labels=examples.labels,
        split_rule=examples.split.rule,
        test=examples.record("test"),
        train=examples.record("train"),
        validation=examples.record("validation"),
        exact_duplicates=examples.exact_duplicates(),
        near_duplicates=None,
    )
    folder.write_data(RunData(data=described, seen=tuple(sorted(examples.seen())), validation=outcome.metric))
