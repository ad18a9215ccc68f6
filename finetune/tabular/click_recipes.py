"""Recipes of models of rows. Every layer is new, and a table's vectors are learnt where its categories occur."""

import dataclasses

from roadworthy.finetune.recipe import Recipe
from roadworthy.finetune.recipe_choice import Catalogue


def adam(*, on_gpu: bool, batch_size: int | None = None) -> Recipe:
    """AdamW for the layers, its lazy form for tables: for some hundred thousand rows, where SGD would take epochs."""
    return Recipe(
        name="adam",
        optimizer="adamw",
        learning_rate=1e-3,
        momentum=0.9,
        weight_decay=1e-5,
        batch_size=batch_size or 2048,
        epochs=5,
        warmup_epochs=0.1,
        label_smoothing=0.0,
        fit_head_first=False,
        frozen_share=0.0,
        freeze_normalisation=False,
        ema_decay=None,
        evaluations_per_epoch=4,
        hold=2,
        precision="float32",
        checkpoint_seconds=60.0,
        probe=False,
    )


def reference(*, on_gpu: bool, batch_size: int | None = None) -> Recipe:
    """SGD as NVIDIA's DLRM reference has it: learning rate 24 for 65,536 rows, one epoch, no decay.

    Its schedule is a warm-up of an eighth, a plateau and a quadratic decline; here the decline is half a cosine.
    """
    size = batch_size or 65_536
    return dataclasses.replace(
        adam(on_gpu=on_gpu, batch_size=size),
        name="reference",
        optimizer="sgd",
        learning_rate=24.0 * size / 65_536,
        momentum=0.0,
        weight_decay=0.0,
        epochs=1,
        warmup_epochs=0.125,
        evaluations_per_epoch=20,
    )


def adagrad(*, on_gpu: bool, batch_size: int | None = None) -> Recipe:
    """Adagrad, row-wise for tables: for tables so large that Adam's two moments of each element do not fit.

    On flights a learning rate of 0.03 went further in two epochs than 0.01, which torch and FBGEMM begin with, and 0.1.
    """
    return dataclasses.replace(
        adam(on_gpu=on_gpu, batch_size=batch_size),
        name="adagrad",
        optimizer="adagrad",
        learning_rate=0.03,
        momentum=0.0,
        weight_decay=0.0,
    )


CATALOGUE: Catalogue = {"adam": adam, "adagrad": adagrad, "reference": reference}
