"""The training loop: top to bottom, for every task.

Nothing in it is random: the order of the data, the crops and the dropout masks are functions of the
seed and the step, so that a run goes on from a checkpoint with the same bits.
"""

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from roadworthy.model_cards import CheckError, Metric, Row, score

from . import checkpoint
from .augment import order
from .average import Average
from .checkpoint import Progress
from .event_log import EventLog
from .freezing import Freezing
from .image_folder import Part
from .recipe import Recipe
from .stopping import StoppingRule
from .task import Batch, Task

Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How training ended: the last validation metric, and whether the target held."""

    progress: Progress
    metric: Metric
    held: bool


def train(
    model: nn.Module,
    task: Task[Batch],
    recipe: Recipe,
    rule: StoppingRule,
    *,
    seed: int,
    device: torch.device,
    log: EventLog,
    path: Path,
    report: Report,
    answers_at_start: bool = False,
) -> Outcome:
    """Trains until the rule holds or the epochs are over; goes on from ``path`` where it exists.

    ``answers_at_start``: the model has a trained head that fits, so that it is worth measuring as it is.
    """
    n = task.size("train")
    per_epoch = max(1, n // recipe.batch_size)
    total = per_epoch * recipe.epochs
    warmup = round(recipe.warmup_epochs * per_epoch)
    every = max(1, per_epoch // recipe.evaluations_per_epoch)

    freezing = Freezing(model, share=recipe.frozen_share, normalisation=recipe.freeze_normalisation)
    optimizer = _optimizer(model, recipe)
    average = Average(model, recipe.ema_decay)
    progress = _restore(path, model, optimizer, average)
    saved = time.monotonic()
    metric: Metric | None = None

    def evaluate() -> Metric:
        log.start("eval_start", samples_count=progress.samples)
        with average.applied(model):
            found = score(task.protocol, predict(model, task, "validation", recipe, device, report))
            report(f"{found.name} {found.value:.4f}", progress.step, total)
        log.event("eval_accuracy", found.value, samples_count=progress.samples, epoch_num=progress.step / per_epoch)
        log.end("eval_stop", samples_count=progress.samples)
        progress.history.append(found.value)
        progress.held = rule.holds(progress.history)
        return found

    def save() -> None:
        tensors = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "average": average.state()}
        checkpoint.save(path, progress, tensors)
        log.event(
            "checkpoint",
            samples_count=progress.samples,
            epoch_num=progress.step / per_epoch,
            train_seconds=round(progress.train_seconds, 3),
        )

    if not progress.warm_started:
        looked_at = task.warm_start(model, device)
        progress.warm_started = True
        if looked_at:
            log.event("warm_start", looked_at)
            average.restart(model)
        if looked_at or answers_at_start:
            metric = evaluate()
        save()

    while progress.step < total and not progress.held:
        epoch, position = divmod(progress.step, per_epoch)
        numbers = order(seed, epoch, n)[position * recipe.batch_size : (position + 1) * recipe.batch_size].tolist()
        began = time.perf_counter()
        torch.manual_seed((seed * 1_000_003 + progress.step) % 2**63)  # dropout follows the step, not the history
        model.train()
        freezing.apply()
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * _schedule(progress.step, total, warmup)
        with _precision(recipe, device):
            loss = task.loss(model, task.training_batch(numbers, seed=seed, epoch=epoch))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        _check_finite(loss, progress)
        optimizer.step()
        average.update(model)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        progress.train_seconds += time.perf_counter() - began
        progress.step += 1
        progress.samples += len(numbers)
        report("training", progress.step, total)
        if progress.step % every == 0 or progress.step == total:
            metric = evaluate()
        if time.monotonic() - saved >= recipe.checkpoint_seconds:
            save()
            saved = time.monotonic()

    log.end(
        "run_stop",
        status="success" if progress.held else "aborted",
        samples_count=progress.samples,
        epoch_num=progress.step / per_epoch,
        train_seconds=round(progress.train_seconds, 3),
    )
    save()
    average.adopt(model)
    if metric is None:  # gone on from a checkpoint that was already at the end
        metric = score(task.protocol, predict(model, task, "validation", recipe, device, report))
    return Outcome(progress=progress, metric=metric, held=progress.held)


@torch.inference_mode()
def predict(
    model: nn.Module, task: Task[Batch], part: Part, recipe: Recipe | None, device: torch.device, report: Report
) -> list[Row]:
    """One row of evidence for each example of a part; float32 where no recipe says otherwise."""
    model.eval()
    rows: list[Row] = []
    n = task.size(part)
    for start in range(0, n, 64):
        numbers: Sequence[int] = range(start, min(n, start + 64))
        with _precision(recipe, device):
            rows += task.answers(model, task.plain_batch(part, numbers))
        report(f"measuring on {part}", len(rows), n)
    return rows


def _optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=False, fused=True)
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(recipe.momentum, 0.999), fused=True)


def _restore(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, average: Average) -> Progress:
    found = checkpoint.load(path)
    if found is None:
        return Progress()
    progress, tensors = found
    model.load_state_dict(tensors["model"])
    optimizer.load_state_dict(tensors["optimizer"])
    average.load(tensors["average"])
    return progress


def _schedule(step: int, total: int, warmup: int) -> float:
    """Linear warm-up, then half a cosine to 0."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


@contextlib.contextmanager
def _precision(recipe: Recipe | None, device: torch.device) -> Iterator[None]:
    low = recipe is not None and recipe.precision == "bfloat16"
    with torch.autocast(device.type, torch.bfloat16, enabled=low):
        yield


def _check_finite(loss: torch.Tensor, progress: Progress) -> None:
    if not torch.isfinite(loss):
        raise CheckError(
            f"the loss became {loss.item()} at step {progress.step}; expected a finite number. The last checkpoint is "
            "kept. Lower the learning rate with --learning-rate and start a new run."
        )
