"""transformers' Trainer, as the image-classification guide in transformers' documentation has it.

From the guide: learning rate 5e-5, batch 16, 4 accumulated steps, a tenth of the steps as warm-up, one
evaluation per epoch. Changed: ten epochs instead of three, and nothing is saved between epochs, because
nobody resumes here (both in Trainer's favour).
"""

import tempfile

import numpy as np
import torch
from PIL import Image
from referee import SHORT_SIDE, SIZE, Clock, Labelled, given
from torch.utils.data import Dataset
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
from transformers import (
    AutoModelForImageClassification,
    DefaultDataCollator,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

EPOCHS = 10


class Files(Dataset):
    """Images opened, decoded and transformed each time they are asked for."""

    def __init__(self, files: Labelled, transform: Compose) -> None:
        self.files = files
        self.transform = transform

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int):
        path, label = self.files[number]
        with Image.open(path) as file:
            return {"pixel_values": self.transform(file.convert("RGB")), "labels": label}


class StopAtTarget(TrainerCallback):
    """Stops the training when the target has held for two evaluations."""

    def __init__(self, clock: Clock, size: int) -> None:
        self.clock = clock
        self.size = size

    def on_evaluate(self, args, state, control, metrics, **kwargs):
        """Called by Trainer after each evaluation."""
        if self.clock.evaluated(metrics["eval_accuracy"], round(state.epoch * self.size)):
            control.should_training_stop = True


def main() -> None:
    """Trains at most ten epochs, one evaluation after each."""
    case = given()
    clock = Clock(case.target)
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
            train_dataset=Files(case.train, training),
            eval_dataset=Files(case.validation, plain),
            compute_metrics=accuracy,
            callbacks=[StopAtTarget(clock, len(case.train))],
        )
        trainer.train()
    clock.finish(case, logits_of(model.eval()))


def accuracy(predicted) -> dict[str, float]:
    """Share of the images that the model gets right."""
    logits, labels = predicted
    return {"accuracy": float(np.mean(np.argmax(logits, axis=1) == labels))}


def logits_of(model: torch.nn.Module):
    """The model as a function from images to logits."""
    return lambda images: model(pixel_values=images).logits


if __name__ == "__main__":
    main()
