"""Lightning, as the transfer-learning page of its documentation has it: a frozen backbone, a new linear head.

From the page ("Transfer Learning", Lightning 2.6 documentation, advanced/transfer_learning): the backbone in evaluation
mode and without gradients, its features flattened into one new linear layer; Adam at 1e-3 over the head and 20 epochs,
as in the page's next example, because this one names neither; one evaluation per epoch, which is the default.

What the page leaves open is taken in Lightning's favour: batches of 32 instead of DataLoader's 1, as many workers as
cores, as Lightning itself advises; images as the weights' own preprocessing has them; no checkpoints and logs.
"""

import os
from typing import Any

import timm
import torch
from case import Labelled, given
from clock import Clock
from image_files import SHORT_SIDE, SIZE, Files
from lightning.pytorch import LightningModule, Trainer, seed_everything
from lightning_stop import QUIET, StopAtTarget
from timm.data import create_transform, resolve_model_data_config
from torch import nn
from torch.utils.data import DataLoader

BATCH = 32
EPOCHS = 20
LEARNING_RATE = 1e-3


class TransferLearning(LightningModule):
    """Features that stay as they are, and a head that is trained."""

    def __init__(self, backbone: nn.Module, classes: int) -> None:
        super().__init__()
        self.feature_extractor = backbone.eval()
        self.classifier = nn.Linear(backbone.num_features, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits [B, C]."""
        with torch.no_grad():
            features = self.feature_extractor(images).flatten(1)
        return self.classifier(features)

    def training_step(self, batch: list[torch.Tensor], number: int) -> torch.Tensor:
        """Cross-entropy."""
        images, labels = batch
        return nn.functional.cross_entropy(self(images), labels)

    def validation_step(self, batch: list[torch.Tensor], number: int) -> None:
        """Accuracy."""
        images, labels = batch
        self.log("accuracy", (self(images).argmax(1) == labels).float().mean(), batch_size=len(labels))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Over the head alone."""
        return torch.optim.Adam(self.classifier.parameters(), lr=LEARNING_RATE)


def main() -> None:
    """Trains at most twenty epochs, one evaluation after each."""
    case = given()
    clock = Clock(case)
    seed_everything(case.seed)
    backbone = timm.create_model(f"local-dir:{case.snapshot}", pretrained=True, num_classes=0)
    config = resolve_model_data_config(backbone) | {"input_size": (3, SIZE, SIZE), "crop_pct": SIZE / SHORT_SIDE}
    transform = create_transform(**config)
    model = TransferLearning(backbone, len(case.labels))
    trainer = Trainer(
        max_epochs=case.epochs or EPOCHS,
        accelerator="cpu" if case.device == "cpu" else "gpu",
        devices=1,
        callbacks=[StopAtTarget(clock, BATCH)],
        **QUIET,
    )
    clock.touch()
    trainer.fit(model, loader(case.train, transform, shuffle=True), loader(case.validation, transform, shuffle=False))
    clock.finish(model.to(case.device).eval())


def loader(files: Labelled, transform: Any, *, shuffle: bool) -> DataLoader:
    """Files opened, decoded and transformed as they are asked for."""
    workers = os.cpu_count() or 1
    return DataLoader(
        Files(files, transform), batch_size=BATCH, shuffle=shuffle, num_workers=workers, persistent_workers=True
    )


if __name__ == "__main__":
    main()
