"""One run under way, as one of its processes sees it: its data, its model, and what the loop trains them with."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from roadworthy.model_cards import InputError
from roadworthy.model_cards.certificate import Data
from roadworthy.model_cards.snapshot import EVENTS
from roadworthy.model_cards.stopping import StoppingRule

from . import checkpoint
from .average import Average
from .checkpoint import State
from .data_report import sentence
from .event_log import EventLog
from .examples import Dataset, check_parts
from .finders import first_choices
from .finite import FiniteLosses
from .freezing import Freezing
from .groups import digest
from .journal import Journal
from .loop import Outcome
from .meter import Meter
from .model_config import ModelConfig
from .optimizer import make_optimizer
from .placement import Placement, move
from .placing import EVENT, placed
from .plan import Order, Plan
from .progress import Report
from .recipe import Recipe
from .run_folder import RunData, RunFolder, RunSpec
from .seen import write_seen
from .setting import Setting
from .sharding import is_sharded, shard, whole
from .shares import Shares, shared_out
from .sparse_rows import shared_tables
from .stopwatch import Stopwatch
from .table_parts import WEIGHT, write_together
from .task import Task, Workload
from .tasks import named
from .world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """What was asked for (``spec``), where it goes (``folder``), what it runs on, and what it tells of itself."""

    folder: RunFolder
    spec: RunSpec
    task: Task
    recipe: Recipe
    world: World
    device: torch.device
    log: EventLog
    meter: Meter
    report: Report

    @property
    def start(self) -> Path | None:
        """The snapshot that it starts from; ``None``: from scratch."""
        return Path(self.spec.start_folder) if self.spec.start_folder else None

    def origin(self) -> ModelConfig:
        """The configuration that it starts from."""
        with self.world.together():
            return self.task.read_config(self.start) if self.start else named(self.spec.named)[1]

    def data(self, config: ModelConfig) -> Dataset[Any]:
        """The user's data, read as ``config`` asks for it, and cached.

        Raises:
            InputError: data that cannot be used, or that is another on another machine.
        """

        def read() -> Dataset[Any]:
            return self.task.read(
                Path(self.spec.data),
                config,
                to_measure=False,
                options=self.spec.options,
                cache=self.folder.cache,
                report=self.report,
            )

        # The leading process fills the cache; the others find it warm.
        with self.world.together():
            data = read() if self.world.leads else None
        with self.world.together():
            data = data or read()
            if not (data.warm or self.world.leads):
                raise InputError(
                    f"{self.spec.data} holds other files here than where the leading process runs; expected the same "
                    "files, with the same times, on every machine. Put the data on storage that all of them share."
                )
        self.log.event("cache", "warm" if data.warm else "cold")
        if leaked := data.examples.leaked():
            self.log.event("leaked", len(leaked), left_out=self.spec.leave_out_leaked)
        if self.spec.leave_out_leaked:
            data = Dataset(examples=data.examples.without_leaked(), payload=data.payload, warm=data.warm)
        check_parts(data.examples)
        self.report("data", 1, 1, summary=sentence(data.examples))
        self.log.event("train_samples", len(data.examples.part("train")))
        self.log.event("eval_samples", len(data.examples.part("validation")))
        return data

    def placed(self, config: ModelConfig) -> Placement | None:
        """Where the model's tables will lie, where it has tables.

        Raises:
            InputError: they fit nowhere.
        """
        if not getattr(self.task, "has_tables", False):
            return None
        with self.world.together(), torch.device("meta"):  # counted, not allocated
            counted = self.task.build(config)
        placement = placed(counted, self.recipe, self.device, self.world, self.folder)
        self.log.event(EVENT, placement.where, why=placement.why, processes=self.world.size)
        if placement.host or placement.split:
            self.report("data", 1, 1, summary=f"{placement.why[0].upper()}{placement.why[1:]}.")
        return placement

    def model(self, config: ModelConfig, origin: ModelConfig, placement: Placement | None) -> tuple[nn.Module, bool]:
        """The model to train, and whether its head is new."""
        torch.manual_seed(self.spec.seed)
        shares = Shares(self.world) if placement is not None and placement.split else None
        with self.world.together(), shared_out(shares):
            if self.start is None:
                return self.task.adapted(self.task.build(config), self.recipe), False
            model = self.task.open(self.start, replace(origin, settings=config.settings))
            new_head = config.labels != origin.labels
            if new_head:
                self.task.renew_head(model, config)
            return self.task.adapted(model, self.recipe), new_head

    def prepared(
        self, model: nn.Module, data: Dataset[Any], config: ModelConfig, placement: Placement | None
    ) -> tuple[State, Setting[Any]]:
        """What changes with every step, from a checkpoint where there is one, and what does not."""
        recipe, world = self.recipe, self.world
        split = recipe.shard and world.size > 1 and placement is None
        if not split:
            move(model, self.device, host=placement is not None and placement.host)
            world.adopt(model, but=shared_tables(model))
        work = self.task.workload(data, config, recipe, self.device)
        groups = self.task.layer_groups(model)
        freezing = Freezing(model, groups, share=recipe.frozen_share, normalisation=recipe.freeze_normalisation)
        if split:
            shard(model, groups, world, self.device)
        else:
            work.prepare(model, seed=self.spec.seed, batch_size=recipe.batch_size)
        setting = self._setting(work, freezing)
        state = State(
            model=model,
            optimizer=make_optimizer(model, recipe),
            average=Average(model, recipe.ema_decay),
            choices=first_choices(recipe, world),
        )
        with world.together():
            checkpoint.restore(self.folder.checkpoint, state)
        setting.journal.continued(state)
        return state, setting

    def _setting(self, work: Workload[Any], freezing: Freezing) -> Setting[Any]:
        recipe, seed, device = self.recipe, self.spec.seed, self.device
        plan = Plan.of(recipe, work.size("train"))
        journal = Journal(
            log=self.log,
            meter=self.meter,
            plan=plan,
            rule=StoppingRule(target=self.spec.target, hold=recipe.hold),
            protocol=work.protocol,
            path=self.folder.checkpoint,
            report=self.report,
            world=self.world,
            device=device,
        )
        order = Order(
            lambda epoch: work.epoch(seed=seed, epoch=epoch, batch_size=recipe.batch_size),
            per_epoch=plan.per_epoch,
            seed=seed,
        )
        return Setting(
            work=work,
            recipe=recipe,
            plan=plan,
            order=order,
            seed=seed,
            device=device,
            world=self.world,
            freezing=freezing,
            losses=FiniteLosses(device, self.folder.root, work.names, writes=self.world.leads),
            watch=Stopwatch(device),
            journal=journal,
            report=self.report,
        )

    def finish(self, model: nn.Module, config: ModelConfig, data: Dataset[Any], outcome: Outcome) -> None:
        """Writes the candidate, the answers, and last what the data was, which says that the run is complete."""
        tensors = whole(model.state_dict())  # where each process has a part of it
        held = {name: {WEIGHT: table.weight.detach()} for name, table in shared_tables(model).items()}
        parts = write_together(self.folder.root, held, self.world)
        with self.world.together():
            if not self.world.leads:
                return
            if is_sharded(model):
                model = self.task.adapted(self.task.build(config), self.recipe)
                model.load_state_dict(tensors)
            for table in shared_tables(model).values():
                table.parts = parts
            self.task.save(self.folder.candidate, self.task.merged(model), config, start=self.start)
            if parts is not None:
                parts.remove()
            self._describe(data, outcome)

    def _describe(self, data: Dataset[Any], outcome: Outcome) -> None:
        events = self.folder.candidate / EVENTS
        events.parent.mkdir(exist_ok=True)
        shutil.copyfile(self.folder.events, events)
        examples, where = data.examples, Path(self.spec.data).resolve()
        self.folder.write_answers(outcome.answers, {e.id: e.name for e in examples.part("validation")})
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
        write_seen(self.folder.seen_file, examples.seen())
        self.folder.write_data(
            RunData(
                data=described,
                validation=outcome.metric,
                seen_groups=tuple(sorted(map(digest, examples.seen_groups()))),
            )
        )
