"""A PyTorch loop over timm's functions, by somebody who knows this data and this machine.

See ``image_cached.py`` for the search. timm's own average of the weights is evaluated.
"""

import timm
import torch
from case import given
from clock import Clock
from image_cached import AUGMENT, CENTRE, Decoded, freeze_lower, keep_statistics, normalised
from timm.loss import LabelSmoothingCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler
from timm.utils import ModelEmaV3, random_seed
from torch import nn
from torch.utils.data import DataLoader

BATCH = 32
EPOCHS = 3
LEARNING_RATE = 5e-4
EMA_DECAY = 0.9
WEIGHT_DECAY = 0.02
FROZEN = 4  # of the seven stages, with the stem below them
EVALUATIONS_PER_EPOCH = 4


def main() -> None:
    """Trains at most three epochs, four evaluations in each."""
    case = given()
    clock = Clock(case)
    random_seed(case.seed)
    model = timm.create_model(f"local-dir:{case.snapshot}", pretrained=True, num_classes=len(case.labels))
    model.to(device=case.device, memory_format=torch.channels_last)
    freeze_lower(model, FROZEN)
    keep_statistics(model)
    average = ModelEmaV3(model, decay=EMA_DECAY)
    clock.touch()
    train = DataLoader(Decoded(case.train, AUGMENT), batch_size=BATCH, shuffle=True, drop_last=True)
    validation = DataLoader(Decoded(case.validation, CENTRE), batch_size=64)
    epochs = case.epochs or EPOCHS
    every = max(1, len(train) // EVALUATIONS_PER_EPOCH)
    optimizer = create_optimizer_v2(model, opt="adamw", lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
    schedule = CosineLRScheduler(
        optimizer, t_initial=epochs * len(train), warmup_t=len(train) // 8, warmup_lr_init=1e-5, t_in_epochs=False
    )
    criterion = LabelSmoothingCrossEntropy(0.1)
    step = 0
    while step < epochs * len(train):
        for images, labels in train:
            schedule.step_update(step)
            model.train()
            with torch.autocast(case.device, torch.bfloat16, enabled=case.device != "cpu"):
                loss = criterion(model(normalised(images.to(case.device))), labels.to(case.device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            average.update(model)
            step += 1
            if step % every == 0 and clock.evaluated(accuracy(average.module, validation, case.device), step * BATCH):
                return clock.finish(average.module.eval())
    clock.finish(average.module.eval())


@torch.inference_mode()
def accuracy(model: nn.Module, loader: DataLoader, device: str) -> float:
    """Share of the loader's images that the model gets right."""
    model.eval()
    found = [(model(normalised(images.to(device))).argmax(1).cpu() == labels) for images, labels in loader]
    return float(torch.cat(found).float().mean())


if __name__ == "__main__":
    main()
