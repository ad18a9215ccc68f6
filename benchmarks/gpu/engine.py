"""The engine's own step over made-up data: no files, no log, no evaluations; what a step of a run takes, timed."""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from roadworthy.finetune.average import Average
from roadworthy.finetune.checkpoint import State
from roadworthy.finetune.choices import Choices
from roadworthy.finetune.event_log import EventLog
from roadworthy.finetune.finite import FiniteLosses
from roadworthy.finetune.freezing import Freezing
from roadworthy.finetune.gradients import clip
from roadworthy.finetune.journal import Journal
from roadworthy.finetune.layout import lay_out
from roadworthy.finetune.meter import Meter
from roadworthy.finetune.optimizer import make_optimizer
from roadworthy.finetune.plan import Order, Plan
from roadworthy.finetune.precision import autocast
from roadworthy.finetune.progress import silent
from roadworthy.finetune.recipe import Recipe
from roadworthy.finetune.setting import Setting
from roadworthy.finetune.step import take
from roadworthy.finetune.stopwatch import Stopwatch
from roadworthy.finetune.task import Workload
from roadworthy.finetune.world import World
from roadworthy.model_cards.stopping import StoppingRule

# Dense bfloat16 with float32 sums, teraFLOP a second: NVIDIA's data sheets.
_PEAK = {"H200": 989.4, "H100": 989.4, "A100": 312.0, "L40S": 362.1, "L4": 121.0}
SEED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What is measured: examples in a batch, steps that are timed, and steps before them."""

    batch: int
    steps: int
    warmup: int


def arguments(description: str | None, *, full: Size, small: Size) -> tuple[argparse.Namespace, Size]:
    """What was asked for, and at which size."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=("cpu", "cuda"))
    parser.add_argument("--small", action="store_true", help="little of everything, to see that the script runs")
    parser.add_argument("--batch-size", type=int, help=f"examples in a step; by default {full.batch}")
    parser.add_argument("--compile", action="store_true", help="compile the model first, off the clock")
    parser.add_argument("--results", type=Path, default=Path(__file__).resolve().parents[1] / "results")
    asked = parser.parse_args()
    if asked.device == "cuda" and not torch.cuda.is_available():
        parser.error("torch sees no GPU. To see that the script runs: --device cpu --small")
    size = small if asked.small else full
    return asked, Size(batch=asked.batch_size or size.batch, steps=size.steps, warmup=size.warmup)


def engine(
    work: Workload[Any], model: nn.Module, recipe: Recipe, device: torch.device, *, compiled: bool
) -> tuple[State, Setting[Any]]:
    """State and setting of a run, as ``finetune`` makes them, with a log that goes nowhere."""
    plan, world = Plan.of(recipe, work.size("train")), World()
    log = EventLog(None)
    journal = Journal(
        log=log,
        meter=Meter(log, None),
        plan=plan,
        rule=StoppingRule(target=None, hold=recipe.hold),
        protocol=work.protocol,
        path=Path("unused"),
        report=silent,
        world=world,
        device=device,
    )
    freezing = Freezing(model, [], share=0.0, normalisation=recipe.freeze_normalisation)
    setting = Setting(
        work=work,
        recipe=recipe,
        plan=plan,
        order=Order(
            lambda epoch: work.epoch(seed=SEED, epoch=epoch, batch_size=recipe.batch_size),
            per_epoch=plan.per_epoch,
            seed=SEED,
        ),
        seed=SEED,
        device=device,
        world=world,
        freezing=freezing,
        losses=FiniteLosses(device, Path(), work.names),
        watch=Stopwatch(device),
        journal=journal,
        report=silent,
    )
    choices = Choices(
        precision=recipe.precision,
        channels_last=True,
        compiled=compiled,
        micro_batch=recipe.batch_size,
        learning_rate=recipe.learning_rate,
    )
    lay_out(model, choices)
    average = Average(model, recipe.ema_decay)
    return State(model=model, optimizer=make_optimizer(model, recipe), average=average, choices=choices), setting


def seconds_per_step(state: State, setting: Setting[Any], size: Size) -> float:
    """The engine's steps one after another, the device's queue emptied before and after."""

    def some(steps: int) -> None:
        for _ in range(steps):
            step = setting.order.step(state.progress.step % setting.plan.total)
            setting.losses.note(step, take(state, setting, step))

    some(size.warmup)
    _settle(setting.device)
    began = time.perf_counter()
    some(size.steps)
    _settle(setting.device)
    return (time.perf_counter() - began) / size.steps


def breakdown(state: State, setting: Setting[Any], size: Size) -> dict[str, float]:
    """Milliseconds of the parts of a step, the queue emptied after each, so that their sum is more than a step."""
    spent = dict.fromkeys(("data", "forward", "backward", "optimizer"), 0.0)
    model, work = state.model, setting.work

    def timed(part: str, act: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        result = act()
        _settle(setting.device)
        spent[part] += time.perf_counter() - began
        return result

    def forward(batch: Any) -> torch.Tensor:
        with autocast(state.choices.precision, setting.device):
            return work.loss(model, batch) / work.units(batch)

    def optimise() -> None:
        clip(model, setting.recipe, setting.world)
        state.optimizer.step()
        state.average.update(model)

    for number in range(size.steps):
        step = setting.order.step(number % setting.plan.total)
        model.train()
        setting.freezing.apply()
        model.zero_grad(set_to_none=True)
        batch = timed("data", lambda step=step: work.training_batch(step.examples, seed=SEED, epoch=step.epoch))
        loss = timed("forward", lambda batch=batch: forward(batch))
        timed("backward", loss.backward)
        timed("optimizer", optimise)
    return {part: round(1000 * seconds / size.steps, 3) for part, seconds in spent.items()}


def peak_teraflops(device: torch.device) -> float | None:
    """What the device can do at most in bfloat16, where its data sheet is known here."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return next((peak for chip, peak in _PEAK.items() if chip in name), None)


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
