"""Recipes of NeuMF."""

import dataclasses

from roadworthy.finetune.recipe import Recipe
from roadworthy.finetune.recipe_choice import Catalogue

from . import click_recipes


def small(*, on_gpu: bool, batch_size: int | None = None) -> Recipe:
    """Adam, 1,024 ratings a step (5,120 pairs): for ratings by the hundred thousand.

    Without the decay of rows it learns what is popular by heart, and little of whom that suits.
    """
    made = _adam("small", learning_rate=2e-3, beta=0.9, batch_size=batch_size or 1024, epochs=12)
    return dataclasses.replace(made, row_decay=2.0)


def reference(*, on_gpu: bool, batch_size: int | None = None) -> Recipe:
    """NVIDIA's for MovieLens-20M: Adam with a first moment of 0.25, 0.0045, a million pairs a step, 30 epochs.

    Its second moment of 0.5 is 0.999 here.
    """
    return _adam("reference", learning_rate=0.0045, beta=0.25, batch_size=batch_size or 2**20 // 5, epochs=30)


CATALOGUE: Catalogue = {"small": small, "reference": reference}


def _adam(name: str, *, learning_rate: float, beta: float, batch_size: int, epochs: int) -> Recipe:
    return dataclasses.replace(
        click_recipes.adam(on_gpu=False, batch_size=batch_size),
        name=name,
        learning_rate=learning_rate,
        momentum=beta,
        weight_decay=0.0,
        epochs=epochs,
        warmup_epochs=0.0,
        evaluations_per_epoch=1,
    )
