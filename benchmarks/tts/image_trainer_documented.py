"""transformers' Trainer, as the image-classification guide in transformers' documentation has it.

From the guide ("Image classification", transformers documentation, tasks/image_classification): random resized
crops; learning rate 5e-5, batch 16, 4 accumulated steps, a tenth of the steps as warm-up, one evaluation per epoch;
images opened and transformed as they are asked for, in the process itself.

Changed, in Trainer's favour: up to ten epochs instead of three, so that a target that is met late counts; crops
are also mirrored; nothing is saved between epochs, because nobody resumes here; the files themselves instead of the
datasets library.
"""

import tempfile

from case import given
from clock import Clock
from image_files import SHORT_SIDE, SIZE, Files
from torch import nn
from torchvision.transforms import (
    CenterCrop,
    Compose,
    InterpolationMode,
    Normalize,
    RandomHorizontalFlip,
    RandomResizedCrop,
    Resize,
    ToTensor,
)
from trainer_stop import StopAtTarget, accuracy
from transformers import AutoModelForImageClassification, DefaultDataCollator, Trainer, TrainingArguments

EPOCHS = 10


class Columns(Files):
    """The same examples under the names that Trainer's collator expects."""

    def __getitem__(self, number: int) -> dict:
        image, label = super().__getitem__(number)
        return {"pixel_values": image, "labels": label}


def main() -> None:
    """Trains at most ten epochs, one evaluation after each."""
    case = given()
    clock = Clock(case)
    model = AutoModelForImageClassification.from_pretrained(
        case.snapshot,
        num_labels=len(case.labels),
        id2label=dict(enumerate(case.labels)),
        label2id={label: number for number, label in enumerate(case.labels)},
        ignore_mismatched_sizes=True,
    )
    normalise = Normalize(mean=(0.5,) * 3, std=(0.5,) * 3)  # the snapshot's own
    training = Compose([RandomResizedCrop(SIZE), RandomHorizontalFlip(), ToTensor(), normalise])
    plain = Compose([Resize(SHORT_SIDE, InterpolationMode.BICUBIC), CenterCrop(SIZE), ToTensor(), normalise])
    clock.touch()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=folder,
                remove_unused_columns=False,
                eval_strategy="epoch",
                save_strategy="no",
                learning_rate=5e-5,
                per_device_train_batch_size=16,
                gradient_accumulation_steps=4,
                per_device_eval_batch_size=16,
                num_train_epochs=case.epochs or EPOCHS,
                warmup_steps=0.1,  # a share of all steps: what warmup_ratio was called before transformers 5
                logging_steps=10,
                report_to="none",
                seed=case.seed,
                use_cpu=case.device == "cpu",
                disable_tqdm=True,
            ),
            data_collator=DefaultDataCollator(),
            train_dataset=Columns(case.train, training),
            eval_dataset=Columns(case.validation, plain),
            compute_metrics=accuracy,
            callbacks=[StopAtTarget(clock, len(case.train))],
        )
        trainer.train()
    clock.finish(logits_of(model.eval()))


def logits_of(model: nn.Module):
    """The model as a function from images to logits."""
    return lambda images: model(pixel_values=images).logits


if __name__ == "__main__":
    main()
