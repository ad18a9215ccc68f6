"""Lightning by somebody who knows this data and this machine: see ``text_trainer_tuned.py`` for the search."""

import random
from collections.abc import Iterator

import torch
from case import given
from clock import Clock
from lightning.pytorch import LightningModule, Trainer, seed_everything
from lightning_stop import QUIET, StopAtTarget
from text_tokens import Tokenised
from torch.utils.data import DataLoader, Sampler
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    get_linear_schedule_with_warmup,
)

BATCH = 32
EPOCHS = 4
LEARNING_RATE = 2e-4
FROZEN = 3  # of the six layers, with the embeddings below them
EVALUATIONS_PER_EPOCH = 4


class ByLength(Sampler):
    """Batches of texts of like length, in a new order with every epoch."""

    def __init__(self, lengths: list[int], seed: int) -> None:
        self.lengths = lengths
        self.numbers = random.Random(seed)

    def __len__(self) -> int:
        return len(self.lengths) // BATCH

    def __iter__(self) -> Iterator[list[int]]:
        order = self.numbers.sample(range(len(self.lengths)), len(self.lengths))
        order = sorted(order[: len(self) * BATCH], key=lambda number: self.lengths[number])  # stable: ties stay mixed
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        self.numbers.shuffle(batches)
        return iter(batches)


class TextClassifier(LightningModule):
    """The model of transformers, its own loss, AdamW with a linear schedule after a short warm-up."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def training_step(self, batch: dict[str, torch.Tensor], number: int) -> torch.Tensor:
        """The loss that transformers computes."""
        return self.model(**batch).loss

    def validation_step(self, batch: dict[str, torch.Tensor], number: int) -> None:
        """Accuracy."""
        labels = batch.pop("labels")
        self.log("accuracy", (self.model(**batch).logits.argmax(1) == labels).float().mean(), batch_size=len(labels))

    def configure_optimizers(self):
        """AdamW over what is trained, fused; linear to 0, step by step."""
        trained = [p for p in self.model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE, weight_decay=0.01, fused=True)
        total = int(self.trainer.estimated_stepping_batches)
        schedule = get_linear_schedule_with_warmup(optimizer, total // 20, total)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]


def main() -> None:
    """Trains at most four epochs, four evaluations in each."""
    case = given()
    clock = Clock(case)
    seed_everything(case.seed)
    tokenizer = AutoTokenizer.from_pretrained(case.snapshot)
    clock.touch()
    texts, held_out = Tokenised(case.train, tokenizer), Tokenised(case.validation, tokenizer)
    collate = DataCollatorWithPadding(tokenizer=tokenizer, pad_to_multiple_of=8)
    train = DataLoader(texts, batch_sampler=ByLength(texts.lengths, case.seed), collate_fn=collate)
    longest_first = sorted(range(len(held_out)), key=lambda number: -held_out.lengths[number])
    validation = DataLoader(held_out, batch_size=100, sampler=longest_first, collate_fn=collate)
    model = AutoModelForSequenceClassification.from_pretrained(case.snapshot, num_labels=len(case.labels))
    model.train()  # transformers hands it out in evaluation mode, and Lightning leaves modes as they are
    for module in [model.bert.embeddings, *model.bert.encoder.layer[:FROZEN]]:
        module.requires_grad_(False)
    trainer = Trainer(
        max_epochs=case.epochs or EPOCHS,
        val_check_interval=max(1, len(train) // EVALUATIONS_PER_EPOCH),
        num_sanity_val_steps=0,
        accelerator="cpu" if case.device == "cpu" else "gpu",
        devices=1,
        precision="32-true" if case.device == "cpu" else "bf16-mixed",
        gradient_clip_val=1.0,
        callbacks=[StopAtTarget(clock, BATCH)],
        **QUIET,
    )
    trainer.fit(TextClassifier(model), train, validation)
    clock.finish(model.to(case.device).eval())  # Lightning leaves it on the CPU


if __name__ == "__main__":
    main()
