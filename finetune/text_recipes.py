"""Recipes for text classifiers: functions that return one complete configuration.

``width``: the encoder's hidden size, which the learning rate of AdamW goes by.
"""

import dataclasses
from functools import partial

from .recipe import Recipe
from .recipe_choice import Catalogue

_MEASURED_AT, _WIDTH = 2e-4, 384  # the learning rate, and the width of the encoder that it was measured with


def upper_layers(*, on_gpu: bool, width: int = 768) -> Recipe:
    """Fine-tuning an encoder of the BERT family: the upper layers and the head, batches of like length.

    Why it goes this way is in docs/decisions/0012-the-text-recipe.md. Wider encoders want a smaller rate: AdamW's
    carries over from one width to another as 1 / width (Yang et al. 2022, arXiv 2203.03466, table 3).
    """
    return Recipe(
        name="upper-layers",
        optimizer="adamw",
        learning_rate=_MEASURED_AT * _WIDTH / width,
        momentum=0.9,
        weight_decay=0.01,
        batch_size=32,
        epochs=4,
        warmup_epochs=0.1,
        label_smoothing=0.0,
        fit_head_first=False,
        frozen_share=0.5,
        freeze_normalisation=False,
        ema_decay=0.7,
        evaluations_per_epoch=4,
        hold=2,
        precision="bfloat16" if on_gpu else "float32",
        checkpoint_seconds=30.0,
        clip_norm=1.0,
    )


def head_first(*, on_gpu: bool, width: int = 768) -> Recipe:
    """The same after a head on the frozen encoder's features, which may be all that is needed where they are good."""
    return dataclasses.replace(
        upper_layers(on_gpu=on_gpu, width=width),
        name="head-first",
        fit_head_first=True,
        hold=3,  # a look at a fitted head is two evaluations: with three, validation is met twice
    )


def full(*, on_gpu: bool) -> Recipe:
    """The usual way: every layer is trained from the first step, and the head with them.

    Of the settings that BERT's authors searched for each task (Devlin et al. 2019, arXiv 1810.04805, appendix A.3):
    batch 32, the largest learning rate, 4 epochs, a tenth of the steps to warm up; no average of the weights.
    """
    return dataclasses.replace(
        upper_layers(on_gpu=on_gpu),
        name="full",
        learning_rate=5e-5,
        epochs=4,
        warmup_epochs=0.4,
        frozen_share=0.0,
        ema_decay=None,
    )


def lora(*, on_gpu: bool) -> Recipe:
    """Low-rank adapters of rank 8 beside every linear layer, trained instead of the layers; none is frozen for good.

    Rank, learning rate and warm-up (0.06 of the steps) as in LoRA's own experiments with RoBERTa (Hu et al. 2021,
    arXiv 2106.09685, table 9).
    """
    return dataclasses.replace(
        full(on_gpu=on_gpu), name="lora", learning_rate=5e-4, epochs=6, warmup_epochs=0.36, lora_rank=8
    )


def catalogue(width: int) -> Catalogue:
    """All of them by name, for an encoder of that width."""
    return {
        "upper-layers": partial(upper_layers, width=width),
        "head-first": partial(head_first, width=width),
        "full": full,
        "lora": lora,
    }
