"""Recipes: functions that return one complete, frozen configuration. Variants replace fields."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Literal

from roadworthy.model_cards import InputError

from .augment import Augmentation


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything about a run that is not its data, its start or its target."""

    name: str
    optimizer: Literal["adamw", "sgd"]
    learning_rate: float
    """At its peak, for the whole batch."""
    momentum: float
    """SGD's momentum; AdamW's first beta."""
    weight_decay: float
    """On matrices and kernels; never on biases and normalisation."""
    batch_size: int
    epochs: int
    warmup_epochs: float
    """Linear from 0; cosine to 0 afterwards."""
    label_smoothing: float
    augmentation: Augmentation
    fit_head_first: bool
    """Fit a new head on frozen features before the first step."""
    frozen_share: float
    """Share of the layer groups, from the stem on, that stay as they are."""
    freeze_normalisation: bool
    """Keep batch normalisation's running statistics: small batches would spoil them."""
    ema_decay: float | None
    """Exponential moving average of the weights; part of the protocol where it is set."""
    evaluations_per_epoch: int
    hold: int
    """Consecutive evaluations that must meet the target before it counts as met."""
    precision: Literal["float32", "bfloat16"]
    checkpoint_seconds: float
    """At most this much work is lost with a killed process, and one step."""

    def __post_init__(self) -> None:
        for name in ("learning_rate", "batch_size", "epochs", "evaluations_per_epoch", "hold"):
            if getattr(self, name) <= 0:
                raise InputError(f"the recipe's {name} is {getattr(self, name)}. Expected a number above 0.")
        if not 0 <= self.frozen_share < 1:
            raise InputError(f"the recipe's frozen_share is {self.frozen_share}. Expected 0 or more, below 1.")


def small_data(*, on_gpu: bool) -> Recipe:
    """Fine-tuning on hundreds to some ten thousand images: head first, then the upper layers.

    Where each choice comes from is measured in docs/decisions/0003-small-data-recipe.md.
    """
    return Recipe(
        name="small-data",
        optimizer="adamw",
        learning_rate=5e-4,
        momentum=0.9,
        weight_decay=0.02,
        batch_size=32,
        epochs=5,
        warmup_epochs=1.0,
        label_smoothing=0.1,
        augmentation=Augmentation(area=(0.6, 1.0), ratio=(0.8, 1.25), flip=0.5),
        fit_head_first=True,
        frozen_share=0.5,
        freeze_normalisation=True,
        ema_decay=0.95,
        evaluations_per_epoch=2,
        hold=2,
        precision="bfloat16" if on_gpu else "float32",
        checkpoint_seconds=30.0,
    )


def convnet_from_scratch(*, on_gpu: bool, batch_size: int = 256) -> Recipe:
    """The reference recipe of systems 1 to 3 (NVIDIA DeepLearningExamples, ConvNets, 90 epochs).

    Learning rate 0.256 for each 256 images, momentum 0.875, weight decay 1/32768 off normalisation,
    8 epochs of warm-up, label smoothing 0.1.
    """
    return Recipe(
        name="convnet-from-scratch",
        optimizer="sgd",
        learning_rate=0.256 * batch_size / 256,
        momentum=0.875,
        weight_decay=1 / 32768,
        batch_size=batch_size,
        epochs=90,
        warmup_epochs=8,
        label_smoothing=0.1,
        augmentation=Augmentation(area=(0.08, 1.0), ratio=(3 / 4, 4 / 3), flip=0.5),
        fit_head_first=False,
        frozen_share=0.0,
        freeze_normalisation=False,
        ema_decay=None,
        evaluations_per_epoch=1,
        hold=2,
        precision="bfloat16" if on_gpu else "float32",
        checkpoint_seconds=60.0,
    )


def to_dict(recipe: Recipe) -> dict[str, Any]:
    """Plain values, for the run's file and the certificate."""
    values: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(recipe)))
    return values


def from_dict(values: dict[str, Any]) -> Recipe:
    """``from_dict(to_dict(r)) == r``."""
    how = values["augmentation"]
    augmentation = Augmentation(area=tuple(how["area"]), ratio=tuple(how["ratio"]), flip=how["flip"])
    return Recipe(**{**values, "augmentation": augmentation})
