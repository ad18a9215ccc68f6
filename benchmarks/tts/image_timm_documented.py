"""timm's training script, as timm's documentation has it fine-tune: the library's own functions, in its order.

train.py is not part of the package, so this is its way through timm's functions with the options of the one
fine-tuning command in timm's documentation (page "Scripts", under "Training Examples", for ResNet-50 on a set of many
labels): a pretrained network, batch 32, 30 epochs, AdamW at 1e-4, weight decay 0.01. All else is train.py's default
(the repository at 1.0.29.dev0): cosine schedule by epochs after five epochs of warm-up from 1e-5, label smoothing 0.1,
crops of area 0.08 to 1, mirroring, colour jitter 0.4, one of two interpolations at random, four workers, one
evaluation per epoch.

Changed, in timm's favour: no more workers than cores; nothing is saved between epochs.
"""

import os

import timm
import torch
from case import Labelled, given
from clock import Clock
from image_files import SHORT_SIDE, SIZE, Files
from timm.data import create_loader, resolve_model_data_config
from timm.loss import LabelSmoothingCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from timm.utils import random_seed
from torch import nn
from torch.utils.data import DataLoader

BATCH = 32
EPOCHS = 30
WARMUP_EPOCHS = 5
LEARNING_RATE = 1e-4
WEIGHT_DECAY = 0.01
WORKERS = min(4, os.cpu_count() or 1)


def main() -> None:
    """Trains at most thirty epochs, one evaluation after each."""
    case = given()
    clock = Clock(case)
    random_seed(case.seed)
    model = timm.create_model(f"local-dir:{case.snapshot}", pretrained=True, num_classes=len(case.labels))
    model.to(case.device)
    config = resolve_model_data_config(model) | {"input_size": (3, SIZE, SIZE), "crop_pct": SIZE / SHORT_SIDE}
    clock.touch()
    train = loader(case.train, config, case.device, training=True)
    validation = loader(case.validation, config, case.device, training=False)
    optimizer = create_optimizer_v2(model, opt="adamw", lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule, epochs = create_scheduler_v2(
        optimizer, sched="cosine", num_epochs=EPOCHS, warmup_epochs=WARMUP_EPOCHS, warmup_lr=1e-5, min_lr=0.0
    )
    criterion = LabelSmoothingCrossEntropy(0.1)
    for epoch in range(min(case.epochs or epochs, epochs)):
        model.train()
        for images, labels in train:
            loss = criterion(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step(epoch + 1)
        if clock.evaluated(accuracy(model, validation), (epoch + 1) * len(train) * BATCH):
            break
    clock.finish(model.eval())


def loader(files: Labelled, config: dict, device: str, *, training: bool) -> DataLoader:
    """What train.py's defaults make of a list of files."""
    return create_loader(
        Files(files, None),
        batch_size=BATCH,
        is_training=training,
        input_size=config["input_size"],
        mean=config["mean"],
        std=config["std"],
        crop_pct=config["crop_pct"],
        interpolation="random" if training else config["interpolation"],
        num_workers=WORKERS,
        device=torch.device(device),
    )


@torch.inference_mode()
def accuracy(model: nn.Module, loader: DataLoader) -> float:
    """Share of the loader's images that the model gets right."""
    model.eval()
    right = sum(int((model(images).argmax(1) == labels).sum()) for images, labels in loader)
    return right / len(loader.dataset)


if __name__ == "__main__":
    main()
