"""transformers' Trainer by somebody who knows this data and this machine: see ``image_cached.py`` for the search.

Trainer has no average of the weights, so the weights themselves are evaluated.
"""

import tempfile

import torch
from case import given
from clock import Clock
from image_cached import AUGMENT, CENTRE, Decoded, freeze_lower, keep_statistics, normalised
from torch import nn
from torch.utils.data import default_collate
from trainer_stop import StopAtTarget, accuracy
from transformers import AutoModelForImageClassification, Trainer, TrainingArguments

EPOCHS = 3
BATCH = 32
LEARNING_RATE = 5e-4
FROZEN = 4  # of the seven stages, with the stem below them
EVALUATIONS_PER_EPOCH = 4


def main() -> None:
    """Trains at most three epochs, four evaluations in each."""
    case = given()
    clock = Clock(case)
    model = AutoModelForImageClassification.from_pretrained(
        case.snapshot, num_labels=len(case.labels), ignore_mismatched_sizes=True
    )
    model.to(memory_format=torch.channels_last)
    freeze_lower(model.timm_model, FROZEN)
    keep_statistics(model)
    clock.touch()
    train, validation = Decoded(case.train, AUGMENT), Decoded(case.validation, CENTRE)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=folder,
                remove_unused_columns=False,
                eval_strategy="steps",
                eval_steps=max(1, len(train) // BATCH // EVALUATIONS_PER_EPOCH),
                save_strategy="no",
                logging_strategy="no",
                learning_rate=LEARNING_RATE,
                lr_scheduler_type="cosine",
                warmup_steps=0.04,  # a share of all steps
                weight_decay=0.02,
                label_smoothing_factor=0.1,
                per_device_train_batch_size=BATCH,
                per_device_eval_batch_size=64,
                num_train_epochs=case.epochs or EPOCHS,
                report_to="none",
                seed=case.seed,
                use_cpu=case.device == "cpu",
                bf16=case.device != "cpu",
                disable_tqdm=True,
            ),
            data_collator=collate,
            train_dataset=train,
            eval_dataset=validation,
            compute_metrics=accuracy,
            callbacks=[StopAtTarget(clock, len(train))],
        )
        trainer.train()
    clock.finish(logits_of(model.eval()))


def collate(rows: list[tuple[torch.Tensor, int]]) -> dict[str, torch.Tensor]:
    """A batch under the names that Trainer expects."""
    images, labels = default_collate(rows)
    return {"pixel_values": normalised(images), "labels": labels}


def logits_of(model: nn.Module):
    """The model as a function from images to logits."""
    return lambda images: model(pixel_values=images).logits


if __name__ == "__main__":
    main()
