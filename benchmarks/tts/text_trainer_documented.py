"""transformers' Trainer, as the text-classification guide in transformers' documentation has it.

From the guide ("Text classification", transformers documentation, tasks/sequence_classification): texts
tokenised beforehand, padded to the longest of each batch; learning rate 2e-5, batch 16, weight decay 0.01, one
evaluation per epoch.

Changed, in Trainer's favour: up to ten epochs instead of two, so that a target that is met late counts; nothing
is saved between epochs, because nobody resumes here; a list in memory instead of the datasets library. The
length is this benchmark's 64 tokens, for everybody.
"""

import tempfile

from case import given
from clock import Clock
from text_tokens import Tokenised
from trainer_stop import StopAtTarget, accuracy
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)

EPOCHS = 10


def main() -> None:
    """Trains at most ten epochs, one evaluation after each."""
    case = given()
    clock = Clock(case)
    tokenizer = AutoTokenizer.from_pretrained(case.snapshot)
    clock.touch()
    train, validation = Tokenised(case.train, tokenizer), Tokenised(case.validation, tokenizer)
    model = AutoModelForSequenceClassification.from_pretrained(
        case.snapshot,
        num_labels=len(case.labels),
        id2label=dict(enumerate(case.labels)),
        label2id={label: number for number, label in enumerate(case.labels)},
    )
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=folder,
                learning_rate=2e-5,
                per_device_train_batch_size=16,
                per_device_eval_batch_size=16,
                num_train_epochs=case.epochs or EPOCHS,
                weight_decay=0.01,
                eval_strategy="epoch",
                save_strategy="no",
                report_to="none",
                seed=case.seed,
                use_cpu=case.device == "cpu",
                disable_tqdm=True,
            ),
            train_dataset=train,
            eval_dataset=validation,
            processing_class=tokenizer,
            data_collator=DataCollatorWithPadding(tokenizer=tokenizer),
            compute_metrics=accuracy,
            callbacks=[StopAtTarget(clock, len(train))],
        )
        trainer.train()
    clock.finish(model.eval())


if __name__ == "__main__":
    main()
