"""Lightning, as its tutorial on transformers has it.

From the tutorial ("Finetune Transformers Models with PyTorch Lightning", Lightning documentation): every text
padded to the maximum length beforehand; batches of 32 in the order of the file; AdamW 2e-5 without decay, linear
schedule without warm-up; one evaluation per epoch.

Changed, in Lightning's favour: up to ten epochs instead of one or three; no checkpoints and logs; the evaluations
in Lightning's own accumulators instead of lists; a list in memory instead of the datasets library. The length is
this benchmark's 64 tokens, for everybody, instead of 128. The rows of the file are in an order that says nothing.
"""

from typing import Any

import torch
from case import given
from clock import Clock
from lightning.pytorch import LightningModule, Trainer, seed_everything
from lightning_stop import QUIET, StopAtTarget
from text_tokens import Tokenised
from torch.utils.data import DataLoader, default_collate
from transformers import AutoModelForSequenceClassification, AutoTokenizer, get_linear_schedule_with_warmup

BATCH = 32
EPOCHS = 10
LEARNING_RATE = 2e-5


class TextClassifier(LightningModule):
    """The model of transformers, its own loss, AdamW with a linear schedule."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def training_step(self, batch: dict[str, torch.Tensor], number: int) -> torch.Tensor:
        """The loss that transformers computes."""
        return self.model(**batch).loss

    def validation_step(self, batch: dict[str, torch.Tensor], number: int) -> None:
        """Loss and accuracy."""
        answered = self.model(**batch)
        right = (answered.logits.argmax(1) == batch["labels"]).float().mean()
        self.log("val_loss", answered.loss, batch_size=len(batch["labels"]))
        self.log("accuracy", right, batch_size=len(batch["labels"]))

    def configure_optimizers(self) -> Any:
        """AdamW over everything; linear to 0, step by step."""
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=LEARNING_RATE, eps=1e-8, weight_decay=0.0)
        schedule = get_linear_schedule_with_warmup(
            optimizer, num_warmup_steps=0, num_training_steps=self.trainer.estimated_stepping_batches
        )
        return [optimizer], [{"scheduler": schedule, "interval": "step", "frequency": 1}]


def main() -> None:
    """Trains at most ten epochs, one evaluation after each."""
    case = given()
    clock = Clock(case)
    seed_everything(case.seed)
    tokenizer = AutoTokenizer.from_pretrained(case.snapshot)
    clock.touch()
    train, validation = (
        DataLoader(
            Tokenised(rows, tokenizer, padding="max_length"), batch_size=BATCH, collate_fn=in_tensors, num_workers=0
        )
        for rows in (case.train, case.validation)
    )
    model = AutoModelForSequenceClassification.from_pretrained(case.snapshot, num_labels=len(case.labels))
    model.train()  # transformers hands it out in evaluation mode, and Lightning leaves modes as they are
    trainer = Trainer(
        max_epochs=case.epochs or EPOCHS,
        accelerator="cpu" if case.device == "cpu" else "gpu",
        devices=1,
        callbacks=[StopAtTarget(clock, BATCH)],
        **QUIET,
    )
    trainer.fit(TextClassifier(model), train, validation)
    clock.finish(model.to(case.device).eval())  # Lightning leaves it on the CPU


def in_tensors(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Rows of equal length as one batch."""
    return default_collate([{name: torch.tensor(value) for name, value in row.items()} for row in rows])


if __name__ == "__main__":
    main()
