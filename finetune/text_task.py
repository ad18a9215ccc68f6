"""The task of text classification, for encoders of transformers. Implements ``task.Task``.

transformers and peft are imported where they are needed: an image classifier's user need not wait for them.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from roadworthy.model_cards import InputError, Target
from roadworthy.model_cards.protocol import text_accuracy, with_metric

from . import text_recipes, transformers_snapshot
from .examples import Dataset
from .model_config import ModelConfig
from .progress import Report
from .recipe import Recipe
from .task import Options
from .text_data import read_texts
from .text_table import read_table
from .text_workload import TextWorkload
from .token_store import TokenStore
from .tokenizer import open_tokenizer

# encoder.layer.3.attention… in BERT, transformer.layer.3… in DistilBERT, layers.3… in ModernBERT
_LAYER = re.compile(r"(?:^|\.)(?:layer|layers|h|blocks)\.(\d+)\.")


class TextTask:
    """A table of texts and labels in, an encoder with a classifier out."""

    name = transformers_snapshot.TASK
    options = frozenset({"max_length", "text_column", "label_column"})
    recipes = text_recipes.CATALOGUE

    def opens(self, config: Mapping[str, Any]) -> bool:
        """Whether it is an encoder of transformers."""
        return transformers_snapshot.is_text_encoder(config)

    def read_config(self, folder: Path) -> ModelConfig:
        """A snapshot's configuration."""
        return transformers_snapshot.read_config(folder)

    def named(self, start: str) -> ModelConfig | None:
        """None: a tokenizer cannot be made from a name, so text starts from a snapshot."""
        return None

    def adjusted(self, config: ModelConfig, options: Options, target: Target | None) -> ModelConfig:
        """At another length, under another metric.

        Raises:
            InputError: a length out of range, or a metric that texts are not measured by.
        """
        protocol = config.protocol
        if (length := options.get("max_length")) is not None:
            longest = int(config.settings.get("max_position_embeddings", 512))
            if not 8 <= int(length) <= longest:
                raise InputError(f"a length of {length} tokens is out of range. Expected 8 to {longest}.")
            protocol = text_accuracy(
                max_length=int(length), tokenizer_sha256=str(protocol.parameters["tokenizer_sha256"])
            )
        if target is not None:
            protocol = with_metric(protocol, target.metric)
        return replace(config, protocol=protocol)

    def read(
        self, data: Path, config: ModelConfig, *, fixed_labels: bool, options: Options, cache: Path, report: Report
    ) -> Dataset[TokenStore]:
        """Tokenises every text once."""
        text, label = (str(options[name]) if name in options else None for name in ("text_column", "label_column"))
        table = read_table(data, text=text, label=label)
        # The start's order of classes where the classes are the same, so that its head stays right.
        kept = fixed_labels or set(config.labels) == {row.label for row in table.rows}
        assert config.folder is not None  # texts start from a snapshot
        tokenizer = open_tokenizer(
            config.folder,
            max_length=int(str(config.protocol.parameters["max_length"])),
            pad=int(config.settings.get("pad_token_id") or 0),
        )
        return read_texts(table, tokenizer, cache, labels=config.labels if kept else None, report=report)

    def build(self, config: ModelConfig) -> nn.Module:
        """A model with random weights."""
        return transformers_snapshot.build_model(config)

    def open(self, folder: Path, config: ModelConfig) -> nn.Module:
        """A snapshot's model."""
        return transformers_snapshot.open_model(folder, config)

    def renew_head(self, model: nn.Module, config: ModelConfig) -> None:
        """A new random classifier, in place."""
        transformers_snapshot.renew_head(model, config.labels)

    def adapted(self, model: nn.Module, recipe: Recipe) -> nn.Module:
        """With low-rank adapters beside every linear layer, where the recipe has a rank (LoRA, arXiv 2106.09685)."""
        if recipe.lora_rank is None:
            return model
        import peft

        settings = peft.LoraConfig(
            task_type=peft.TaskType.SEQ_CLS,
            r=recipe.lora_rank,
            lora_alpha=2 * recipe.lora_rank,
            target_modules="all-linear",
        )
        adapted: nn.Module = peft.get_peft_model(model, settings)
        return adapted

    def merged(self, model: nn.Module) -> nn.Module:
        """A plain model of transformers again."""
        merge: Any = getattr(model, "merge_and_unload", None)
        plain: nn.Module = model if merge is None else merge()
        return plain

    def layer_groups(self, model: nn.Module) -> list[list[str]]:
        """The embeddings, each layer of the encoder, and what comes after them."""
        names = [name for name, _ in model.named_parameters()]
        layers = sorted({int(found[1]) for name in names if (found := _LAYER.search(name))})
        first = [n for n in names if "embeddings." in n and not _LAYER.search(n)]
        last = [n for n in names if n not in set(first) and not _LAYER.search(n)]
        middle = [[n for n in names if (found := _LAYER.search(n)) and int(found[1]) == layer] for layer in layers]
        return [first, *middle, last]

    def save(self, folder: Path, model: nn.Module, config: ModelConfig, *, start: Path | None) -> None:
        """Writes a snapshot in transformers' form."""
        transformers_snapshot.save(folder, model, config, start=start)

    def recipe(self, *, from_scratch: bool, on_gpu: bool, batch_size: int | None) -> Recipe:
        """Head first, then the upper layers."""
        return text_recipes.head_first(on_gpu=on_gpu)

    def workload(
        self, data: Dataset[TokenStore], config: ModelConfig, recipe: Recipe | None, device: torch.device
    ) -> TextWorkload:
        """Bound to tokenised texts."""
        return TextWorkload(data, config.protocol, recipe, device)
