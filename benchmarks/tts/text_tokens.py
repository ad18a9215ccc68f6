"""Texts tokenised once, before the first step."""

from typing import Any

from answers import MAX_LENGTH
from case import Labelled
from torch.utils.data import Dataset


class Tokenised(Dataset):
    """input_ids, attention_mask and labels of each text, as lists; padded only where ``padding`` says so."""

    def __init__(self, rows: Labelled, tokenizer: Any, *, padding: str | bool = False) -> None:
        encoded = tokenizer([text for text, _ in rows], truncation=True, max_length=MAX_LENGTH, padding=padding)
        # The tokenizer may call them otherwise; a classifier of the BERT family takes these.
        self.columns = {name: encoded[name] for name in ("input_ids", "attention_mask")}
        self.columns["labels"] = [label for _, label in rows]
        self.lengths = [len(ids) for ids in encoded["input_ids"]]

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, number: int) -> dict[str, Any]:
        return {name: values[number] for name, values in self.columns.items()}
