"""Answers to a whole part of the data: each example once, however many processes share the work."""

import contextlib

import torch
from torch import nn

from roadworthy.model_cards import CheckError, Metric, Row

from .checkpoint import State
from .precision import autocast
from .progress import Report
from .setting import Setting
from .sharding import is_sharded
from .split import Part
from .task import Batch, Workload
from .world import World


def evaluate(state: State, setting: Setting[Batch]) -> Metric:
    """Measures the run's weights, or their average where the recipe has one, on validation."""
    setting.watch.stop(state.progress)
    setting.losses.check()
    setting.journal.evaluating(state)
    with state.average.applied(state.model):
        rows = validate(state, setting)
    return setting.journal.evaluated(state, rows)


def validate(state: State, setting: Setting[Batch]) -> list[Row]:
    """The answers of the model as it is now to the validation part, at the precision that the run has chosen."""
    return predict(
        state.model,
        setting.work,
        "validation",
        setting.device,
        setting.report,
        precision=state.choices.precision,
        world=setting.world,
    )


def predict(
    model: nn.Module,
    work: Workload[Batch],
    part: Part,
    device: torch.device,
    report: Report,
    *,
    precision: str = "float32",
    world: World | None = None,
) -> list[Row]:
    """One row of evidence for each example of a part, in every process."""
    world = world or World()
    model.eval()
    n, done = work.size(part), 0
    mine: list[tuple[int, Row]] = []
    # Equally many batches in each: the processes of a model that is split go through it together.
    for numbers in world.even_share(work.plain_batches(part)):
        batch = work.plain_batch(part, numbers)
        with _without_gradients(model), autocast(precision, device):
            mine += zip(numbers, work.answers(model, batch), strict=True)
        done += len(numbers)
        report(f"measuring on {part}", min(n, done * world.size), n)
    return _each_once(world.gathered(mine), n, part)


def _without_gradients(model: nn.Module) -> contextlib.AbstractContextManager[None]:
    # The buffers that a split model is put together in are made once, and training needs them later.
    return torch.no_grad() if is_sharded(model) else torch.inference_mode()


def _each_once(numbered: list[tuple[int, Row]], n: int, part: Part) -> list[Row]:
    """Rows in the order of their examples; an example that two processes answered counts once."""
    by_number = dict(numbered)
    if len(by_number) != n:
        raise CheckError(
            f"{len(by_number)} of {n} {part} examples were answered; expected every one. A process was lost; "
            "run the same command again to go on from the last checkpoint."
        )
    return [by_number[number] for number in range(n)]
