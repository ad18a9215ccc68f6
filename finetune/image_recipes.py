"""Recipes for image classifiers: functions that return one complete configuration."""

import dataclasses

from .crops import Augmentation
from .recipe import Recipe
from .recipe_choice import Catalogue


def head_first(*, on_gpu: bool) -> Recipe:
    """Fine-tuning on hundreds to some ten thousand images: head first, then the upper layers.

    Where each choice comes from is measured in docs/decisions/0003-small-data-recipe.md.
    """
    return Recipe(
        name="head-first",
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
        hold=3,  # a look at a fitted head is two evaluations: with three, validation is met twice
        precision="bfloat16" if on_gpu else "float32",
        checkpoint_seconds=30.0,
    )


def full(*, on_gpu: bool) -> Recipe:
    """The usual way: every layer is trained from the first step, and the head with them.

    The learning rate, the weights' average and the fixed normalisation statistics were the best of a search on small
    data (the table in benchmarks/tts/image_cached.py).
    """
    return dataclasses.replace(
        head_first(on_gpu=on_gpu),
        name="full",
        learning_rate=2.5e-4,
        epochs=10,
        warmup_epochs=0.2,
        fit_head_first=False,
        frozen_share=0.0,
        ema_decay=0.9,
        hold=2,
    )


def from_scratch(*, on_gpu: bool, batch_size: int = 256) -> Recipe:
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


CATALOGUE: Catalogue = {"head-first": head_first, "full": full}
