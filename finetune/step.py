"""One step of the optimizer: micro-batches, gradients over all processes, a way out of full memory."""

import dataclasses

import torch
from torch import nn

from roadworthy.model_cards import CheckError

from .checkpoint import State
from .choices import Decision
from .gradients import average_statistics, clip, sum_gradients
from .memory import is_out_of_memory
from .optimizer import schedule, set_learning_rate
from .plan import Step
from .precision import autocast
from .setting import Setting
from .sharding import is_joint, is_sharded
from .shares import idle
from .task import Batch


def take(state: State, setting: Setting[Batch], step: Step) -> torch.Tensor:
    """Takes one step; the mean loss of its batch, a scalar on the device.

    A micro-batch that does not fit into memory is halved and the step begun again, so that the effective batch
    stays what the recipe says.

    Raises:
        CheckError: not even one example fits into memory.
    """
    share = schedule(step.number, setting.plan.total, setting.plan.warmup)
    set_learning_rate(state.optimizer, state.choices.learning_rate * share)
    loss = gradient(state.model, setting, step, state.choices.precision, state.choices.micro_batch)
    while loss is None:
        if state.choices.micro_batch == 1:
            raise CheckError(
                f"a single example of step {step.number} does not fit into the memory of this {setting.device.type}; "
                "expected at least one. The last checkpoint is kept. Take a smaller --image-size or --max-length."
            )
        half = dataclasses.replace(state.choices, micro_batch=state.choices.micro_batch // 2)
        setting.journal.chose(state, Decision(choices=half, why="a larger micro-batch did not fit into memory"))
        if setting.device.type == "cuda":
            torch.cuda.empty_cache()
        loss = gradient(state.model, setting, step, half.precision, half.micro_batch)
    if not is_sharded(state.model):  # which adds up what it has, layer by layer, during backward
        sum_gradients(state.model, setting.world)
    clip(state.model, setting.recipe, setting.world)
    state.optimizer.step()
    average_statistics(state.model, setting.world)
    state.average.update(state.model)
    state.progress.step += 1
    state.progress.samples += len(step.examples)
    return setting.world.summed(loss)


def gradient(
    model: nn.Module, setting: Setting[Batch], step: Step, precision: str, micro_batch: int
) -> torch.Tensor | None:
    """Leaves this process's part of the batch's mean gradient in the parameters.

    Returns:
        Its part of the mean loss; ``None`` in every process where memory ran out in one of them.
    """
    model.train()
    setting.freezing.apply()
    model.zero_grad(set_to_none=True)
    world = setting.world
    # Dropout follows the step and not the history, so that a resumed run draws the same.
    torch.manual_seed((step.seed * 1_000_003 + step.number * world.size + world.rank) % 2**63)
    loss = _accumulate(model, setting, step, precision, micro_batch)
    return None if world.any(loss is None) else loss


def _accumulate(
    model: nn.Module, setting: Setting[Batch], step: Step, precision: str, micro_batch: int
) -> torch.Tensor | None:
    work, device, world = setting.work, setting.device, setting.world
    mine = world.share(step.examples)
    loss = torch.zeros((), device=device)
    batches = [
        work.training_batch(mine[start : start + micro_batch], seed=step.seed, epoch=step.epoch)
        for start in range(0, len(mine), micro_batch)
    ]
    # Divided by the terms of the whole batch, so that its parts add up to its mean, however it was cut up.
    units = world.total(sum(work.units(batch) for batch in batches))
    weights = [1.0] * len(batches)
    if is_joint(model):
        # Its processes hand one another layers or rows, so all pass through them equally often, at worst for nothing.
        missing = -(-world.largest_share(len(step.examples)) // micro_batch) - len(batches)
        batches += [work.training_batch(step.examples[:1], seed=step.seed, epoch=step.epoch)] * missing
        weights += [0.0] * missing
    try:
        for batch, weight in zip(batches, weights, strict=True):
            with autocast(precision, device), idle(not weight):
                part = weight * work.loss(model, batch) / units
            part.backward()  # type: ignore[no-untyped-call]
            loss += part.detach()
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        if is_joint(model):  # the others wait for its part and cannot begin the step again
            raise CheckError(
                f"a micro-batch of {micro_batch} does not fit into the memory of this {device.type}; expected it to, "
                "with the model or its tables split over the processes. Start a new run with a smaller batch or more "
                "processes."
            ) from error
        return None
    return loss
