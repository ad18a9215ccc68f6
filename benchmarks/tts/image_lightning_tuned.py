"""Lightning by somebody who knows this data and this machine: see ``image_cached.py`` for the search.

Lightning's own average of the weights is evaluated.
"""

import timm
import torch
from case import given
from clock import Clock
from image_cached import AUGMENT, CENTRE, Decoded, freeze_lower, keep_statistics, normalised
from lightning.pytorch import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import EMAWeightAveraging
from lightning_stop import QUIET, StopAtTarget
from torch import nn
from torch.utils.data import DataLoader

BATCH = 32
EPOCHS = 3
LEARNING_RATE = 5e-4
EMA_DECAY = 0.9
FROZEN = 4  # of the seven stages, with the stem below them
EVALUATIONS_PER_EPOCH = 4


class FineTuning(LightningModule):
    """The upper half of the network, trained with AdamW on a cosine."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def training_step(self, batch: list[torch.Tensor], number: int) -> torch.Tensor:
        """Cross-entropy with label smoothing."""
        images, labels = batch
        return nn.functional.cross_entropy(self.network(normalised(images)), labels, label_smoothing=0.1)

    def validation_step(self, batch: list[torch.Tensor], number: int) -> None:
        """Accuracy."""
        images, labels = batch
        right = (self.network(normalised(images)).argmax(1) == labels).float().mean()
        self.log("accuracy", right, batch_size=len(labels))

    def configure_optimizers(self):
        """AdamW, fused, over what is trained; a short warm-up, then a cosine, step by step."""
        trained = [p for p in self.network.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE, weight_decay=0.02, fused=True)
        total = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=LEARNING_RATE, total_steps=total, pct_start=0.04, cycle_momentum=False
        )
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]


def main() -> None:
    """Trains at most three epochs, four evaluations in each."""
    case = given()
    clock = Clock(case)
    seed_everything(case.seed)
    network = timm.create_model(f"local-dir:{case.snapshot}", pretrained=True, num_classes=len(case.labels))
    network.to(memory_format=torch.channels_last).train()
    freeze_lower(network, FROZEN)
    keep_statistics(network)
    clock.touch()
    train = DataLoader(Decoded(case.train, AUGMENT), batch_size=BATCH, shuffle=True, drop_last=True)
    validation = DataLoader(Decoded(case.validation, CENTRE), batch_size=64)
    trainer = Trainer(
        max_epochs=case.epochs or EPOCHS,
        val_check_interval=max(1, len(train) // EVALUATIONS_PER_EPOCH),
        num_sanity_val_steps=0,
        accelerator="cpu" if case.device == "cpu" else "gpu",
        devices=1,
        precision="32-true" if case.device == "cpu" else "bf16-mixed",
        callbacks=[EMAWeightAveraging(decay=EMA_DECAY), StopAtTarget(clock, BATCH)],
        **QUIET,
    )
    trainer.fit(FineTuning(network), train, validation)
    clock.finish(network.to(case.device).eval())


if __name__ == "__main__":
    main()
