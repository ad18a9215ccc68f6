"""The bare PyTorch loop that the engine is held against: what one writes for one model and one data set, no more.

It takes the same steps: the same start, the same examples in each batch, the same crops, optimizer, schedule and
averaged weights. So both end with the same weights, but for rounding (and for dropout's masks, where there is any).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from roadworthy.finetune.crops import cut, draw_crops
from roadworthy.finetune.image_task import ImageTask
from roadworthy.finetune.progress import silent
from roadworthy.finetune.random_numbers import batches, batches_by_length, uniforms
from roadworthy.finetune.recipe import Recipe
from roadworthy.finetune.text_task import TextTask

Batch = tuple[dict[str, torch.Tensor], torch.Tensor]


@dataclass(kw_only=True)
class BareLoop:
    """``batch``: model inputs and labels of a step, by (epoch, place in it). ``logits``: the model's answer."""

    model: nn.Module
    recipe: Recipe
    per_epoch: int
    batch: Callable[[int, int], Batch]
    logits: Callable[[nn.Module, dict[str, torch.Tensor]], torch.Tensor]

    def __post_init__(self) -> None:
        recipe, trained = self.recipe, [p for p in self.model.parameters() if p.requires_grad]
        self.trained = trained
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [p for p in trained if p.ndim > 1], "weight_decay": recipe.weight_decay},
                {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
            ],
            lr=recipe.learning_rate,
            betas=(recipe.momentum, 0.999),
            fused=True,
        )
        warmup, total = round(recipe.warmup_epochs * self.per_epoch), self.per_epoch * recipe.epochs

        def share(step: int) -> float:
            if step < warmup:
                return (step + 1) / warmup
            return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))

        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, share)
        self.average = [p.detach().clone() for p in trained]
        self.taken = 0

    def step(self) -> None:
        """One step of the optimizer."""
        inputs, labels = self.batch(*divmod(self.taken, self.per_epoch))
        self.model.train()
        loss = nn.functional.cross_entropy(
            self.logits(self.model, inputs), labels, label_smoothing=self.recipe.label_smoothing
        )
        self.optimizer.zero_grad()
        loss.backward()
        if self.recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.trained, self.recipe.clip_norm)
        self.optimizer.step()
        self.schedule.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.trained, 1 - (self.recipe.ema_decay or 0.0))
        loss.item()  # any loop looks at its loss
        self.taken += 1


def images(start: Path, data: Path, cache: Path, recipe: Recipe, seed: int, size: int) -> BareLoop:
    """Crops of photographs that lie decoded in one tensor, uint8 [N, H, W, 3]."""
    task = ImageTask()
    config = task.adjusted(task.read_config(start), {"image_size": size}, None)
    read = task.read(data, config, to_measure=False, options={}, cache=cache, report=silent)
    examples = read.examples.part("train")
    pictures = torch.from_numpy(np.stack([read.payload.image(example.row) for example in examples]))
    labels = torch.tensor([example.truth for example in examples])
    height, width = (np.full(len(examples), extent) for extent in pictures.shape[1:3])
    mean, std = (torch.tensor(config.protocol.parameters[key]).view(1, 3, 1, 1) * 255 for key in ("mean", "std"))
    model = task.open(start, config).to(memory_format=torch.channels_last)
    freeze(model, task.layer_groups(model), recipe)
    order = _Epochs(lambda epoch: batches(seed, epoch, len(examples), recipe.batch_size))

    def batch(epoch: int, place: int) -> Batch:
        numbers = order.batch(epoch, place)
        assert recipe.augmentation is not None
        crops = draw_crops(recipe.augmentation, height[numbers], width[numbers], uniforms(seed, epoch, numbers, 5))
        cropped = (cut(pictures[numbers], crops, size) - mean) / std
        return {"x": cropped.contiguous(memory_format=torch.channels_last)}, labels[numbers]

    return BareLoop(
        model=model,
        recipe=recipe,
        per_epoch=len(examples) // recipe.batch_size,
        batch=batch,
        logits=lambda model, inputs: model(**inputs),
    )


def texts(start: Path, data: Path, cache: Path, recipe: Recipe, seed: int, length: int) -> BareLoop:
    """Tokenised texts, padded to a multiple of eight tokens as they are needed."""
    task = TextTask()
    config = task.adjusted(task.read_config(start), {"max_length": length}, None)
    read = task.read(data, config, to_measure=False, options={}, cache=cache, report=silent)
    examples, store = read.examples.part("train"), read.payload
    ids = [store.ids[store.offset[e.row] : store.offset[e.row + 1]].long() for e in examples]
    labels = torch.tensor([example.truth for example in examples])
    lengths = np.array([len(tokens) for tokens in ids])
    model = task.open(start, config)
    freeze(model, task.layer_groups(model), recipe)
    order = _Epochs(lambda epoch: batches_by_length(seed, epoch, lengths, recipe.batch_size))

    def batch(epoch: int, place: int) -> Batch:
        numbers = order.batch(epoch, place)
        padded = torch.full((len(numbers), -(-int(lengths[numbers].max()) // 8) * 8), store.pad)
        mask = torch.zeros_like(padded)
        for row, number in enumerate(numbers):
            padded[row, : lengths[number]], mask[row, : lengths[number]] = ids[number], 1
        return {"input_ids": padded, "attention_mask": mask}, labels[numbers]

    return BareLoop(
        model=model,
        recipe=recipe,
        per_epoch=len(examples) // recipe.batch_size,
        batch=batch,
        logits=lambda model, inputs: model(**inputs).logits,
    )


def freeze(model: nn.Module, groups: list[list[str]], recipe: Recipe) -> None:
    """The lower layer groups, and batch normalisation's statistics, as the recipe has it."""
    frozen = {name for group in groups[: int(recipe.frozen_share * len(groups))] for name in group}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in frozen)
    for module in model.modules():
        if recipe.freeze_normalisation and isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()
            module.train = lambda mode=True, module=module: module  # type: ignore[method-assign]


class _Epochs:
    """The batches of an epoch, worked out once."""

    def __init__(self, make: Callable[[int], list[list[int]]]) -> None:
        self._make, self._epoch = make, -1
        self._held: list[Any] = []

    def batch(self, epoch: int, place: int) -> list[int]:
        if epoch != self._epoch:
            self._epoch, self._held = epoch, self._make(epoch)
        return self._held[place]
