"""The smallest workload there is, for tests of what happens in a step."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from roadworthy.finetune.average import Average
from roadworthy.finetune.checkpoint import State
from roadworthy.finetune.event_log import EventLog
from roadworthy.finetune.finders import first_choices
from roadworthy.finetune.finite import FiniteLosses
from roadworthy.finetune.freezing import Freezing
from roadworthy.finetune.image_recipes import head_first
from roadworthy.finetune.journal import Journal
from roadworthy.finetune.meter import Meter
from roadworthy.finetune.optimizer import make_optimizer
from roadworthy.finetune.plan import Order, Plan
from roadworthy.finetune.progress import silent
from roadworthy.finetune.recipe import Recipe
from roadworthy.finetune.setting import Setting
from roadworthy.finetune.stopwatch import Stopwatch
from roadworthy.finetune.world import World
from roadworthy.model_cards import image_top1
from roadworthy.model_cards.stopping import StoppingRule

Begun = tuple[State, Setting[Any]]

CPU = torch.device("cpu")


class Lines:
    """A workload of 64 points on a line, whose loss is the squared distance; a batch above ``room`` does not fit."""

    protocol = image_top1(resize=8, crop=8, interpolation="bilinear", mean=(0.5,) * 3, std=(0.5,) * 3)

    def __init__(self, room: int = 64, spoilt: int | None = None) -> None:
        self.x = torch.linspace(-1, 1, 64)[:, None]
        self.y = 3 * self.x + 1
        if spoilt is not None:
            self.y[spoilt] = torch.nan
        self.room = room
        self.asked: list[int] = []

    def size(self, part: str) -> int:
        """64 of each."""
        return 64

    def names(self, numbers: Sequence[int]) -> list[str]:
        """As a user would find them."""
        return [f"points.csv:{n}" for n in numbers]

    def training_batch(self, numbers: Sequence[int], *, seed: int, epoch: int) -> list[int]:
        """The numbers themselves."""
        return list(numbers)

    def units(self, batch: list[int]) -> int:
        """One a point."""
        return len(batch)

    def loss(self, model: nn.Module, batch: list[int]) -> torch.Tensor:
        """Squared distances, added up."""
        self.asked.append(len(batch))
        if len(batch) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        distances: torch.Tensor = model(self.x[batch]) - self.y[batch]
        return distances.square().sum()


def begun(work: Any, folder: Path, log: EventLog, **changes: Any) -> Begun:
    """A run of a linear model at its first step."""
    recipe: Recipe = dataclasses.replace(
        head_first(on_gpu=False), freeze_normalisation=False, frozen_share=0.0, **changes
    )
    torch.manual_seed(0)
    model = nn.Linear(1, 1)
    plan = Plan.of(recipe, 64)
    world = World()
    setting = Setting(
        work=work,
        recipe=recipe,
        plan=plan,
        order=Order(lambda epoch: [list(range(0, 64, 2)), list(range(1, 64, 2))], per_epoch=2, seed=1),
        seed=1,
        device=CPU,
        world=world,
        freezing=Freezing(model, [], share=0.0, normalisation=False),
        losses=FiniteLosses(CPU, folder, work.names),
        watch=Stopwatch(CPU),
        journal=Journal(
            log=log,
            meter=Meter(log, None),
            plan=plan,
            rule=StoppingRule(target=None, hold=2),
            protocol=work.protocol,
            path=folder / "checkpoint.pt",
            report=silent,
            world=world,
            device=CPU,
        ),
        report=silent,
    )
    state = State(
        model=model,
        optimizer=make_optimizer(model, recipe),
        average=Average(model, None),
        choices=first_choices(recipe, world),
    )
    return state, setting
