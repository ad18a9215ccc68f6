"""A plain PyTorch loop with timm, as timm's documentation has a user write it.

Its quickstart: create_model(..., num_classes), resolve_model_data_config, create_transform. Its training
script's documentation: AdamW at 1e-4 with weight decay 0.01 for a pretrained network at batch 32 (the one
fine-tuning command there); train.py scales a base rate with the root of batch / 256 for AdamW. Taken here:
1e-3 per 256, so 3.5e-4 at batch 32, with that weight decay; the rest are the defaults of create_transform.
"""

import timm
import torch
from PIL import Image
from referee import SIZE, Clock, Labelled, given
from timm.data import create_transform, resolve_model_data_config
from timm.loss import LabelSmoothingCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler
from timm.utils import random_seed
from torch import nn
from torch.utils.data import DataLoader, Dataset

BATCH = 32
EPOCHS = 10
WORKERS = 2
LEARNING_RATE = 1e-3 * (BATCH / 256) ** 0.5
WEIGHT_DECAY = 0.01


class Files(Dataset):
    """Images opened, decoded and transformed each time they are asked for."""

    def __init__(self, files: Labelled, transform) -> None:
        self.files = files
        self.transform = transform

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int):
        path, label = self.files[number]
        with Image.open(path) as file:
            return self.transform(file.convert("RGB")), label


def main() -> None:
    """Trains at most ten epochs, one evaluation after each."""
    case = given()
    clock = Clock(case.target)
    random_seed(case.seed)
    model = timm.create_model(f"local-dir:{case.snapshot}", pretrained=True, num_classes=len(case.labels))
    model.to(case.device)
    config = resolve_model_data_config(model) | {"input_size": (3, SIZE, SIZE)}
    clock.touch()
    train = DataLoader(
        Files(case.train, create_transform(**config, is_training=True)),
        batch_size=BATCH,
        shuffle=True,
        drop_last=True,
        num_workers=WORKERS,
    )
    validation = DataLoader(Files(case.validation, create_transform(**config)), batch_size=64, num_workers=WORKERS)
    epochs = case.epochs or EPOCHS
    optimizer = create_optimizer_v2(model, opt="adamw", lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = CosineLRScheduler(optimizer, t_initial=epochs * len(train), t_in_epochs=False)
    criterion = LabelSmoothingCrossEntropy(0.1)
    step = 0
    for _ in range(epochs):
        model.train()
        for images, labels in train:
            loss = criterion(model(images.to(case.device)), labels.to(case.device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            schedule.step_update(step)
        if clock.evaluated(accuracy(model, validation, case.device), step * BATCH):
            break
    clock.finish(case, model.eval())


@torch.inference_mode()
def accuracy(model: nn.Module, loader: DataLoader, device: str) -> float:
    """Share of the loader's images that the model gets right."""
    model.eval()
    right = sum(int((model(images.to(device)).argmax(1).cpu() == labels).sum()) for images, labels in loader)
    return right / len(loader.dataset)


if __name__ == "__main__":
    main()
