"""Recipes for text classifiers: functions that return one complete configuration."""

from .recipe import Recipe


def small_data(*, on_gpu: bool) -> Recipe:
    """Fine-tuning an encoder of the BERT family: head first, then the upper layers, batches of like length.

    Why it goes this way is in docs/decisions/0010-the-fast-road.md.
    """
    return Recipe(
        name="text-small-data",
        optimizer="adamw",
        learning_rate=1e-4,
        momentum=0.9,
        weight_decay=0.01,
        batch_size=32,
        epochs=4,
        warmup_epochs=0.2,
        label_smoothing=0.0,
        fit_head_first=True,
        frozen_share=0.5,
        freeze_normalisation=False,
        ema_decay=0.95,
        evaluations_per_epoch=4,
        hold=2,
        precision="bfloat16" if on_gpu else "float32",
        checkpoint_seconds=30.0,
        clip_norm=1.0,
    )
