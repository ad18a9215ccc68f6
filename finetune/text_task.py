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
from roadworthy.model_cards.snapshot import CONFIG

from . import text_recipes, transformers_snapshot
from .examples import Dataset
from .inputs import Inputs
from .model_config import ModelConfig
from .near_texts import MinHashes
from .progress import Report
from .recipe import Recipe
from .recipe_choice import Catalogue
from .task import Options
from .text_data import read_texts
from .text_table import COLUMNS, columns_of, read_table
from .text_workload import TextWorkload
from .token_store import TokenStore
from .tokenizer import FILES, Tokenizer, open_tokenizer

# encoder.layer.3.attention… in BERT, transformer.layer.3… in DistilBERT, layers.3… in ModernBERT
_LAYER = re.compile(r"(?:^|\.)(?:layer|layers|h|blocks)\.(\d+)\.")


class _Logits(nn.Module):
    """A model of transformers as a function of tensors, to a tensor."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """[B, C]."""
        logits: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


class TextTask:
    """A table of texts and labels in, an encoder with a classifier out."""

    name = transformers_snapshot.TASK
    options = frozenset({"max_length", *COLUMNS})
    config_files = (CONFIG, *FILES)
    near = MinHashes()

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
        self, data: Path, config: ModelConfig, *, to_measure: bool, options: Options, cache: Path, report: Report
    ) -> Dataset[TokenStore]:
        """Tokenises every text once."""
        table = read_table(data, **columns_of(options))
        if to_measure and "test" in table.split.given:
            table = replace(table, rows=tuple(row for row in table.rows if row.part == "test"))
        # The start's order of classes where the classes are the same, so that its head stays right.
        kept = to_measure or set(config.labels) == {row.label for row in table.rows}
        return read_texts(table, tokenizer_of(config), cache, labels=config.labels if kept else None, report=report)

    def fitted(self, config: ModelConfig, data: Dataset[Any]) -> ModelConfig:
        """With the data's classes."""
        return replace(config, labels=data.examples.labels)

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
        import warnings

        import peft

        settings = peft.LoraConfig(
            task_type=peft.TaskType.SEQ_CLS,
            r=recipe.lora_rank,
            lora_alpha=2 * recipe.lora_rank,
            target_modules="all-linear",
        )
        with warnings.catch_warnings():
            # peft asks transformers for a name that it has deprecated; its users need not hear of it.
            warnings.simplefilter("ignore", FutureWarning)
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

    def recipes(self, config: ModelConfig) -> Catalogue:
        """Their learning rates go by the encoder's width."""
        return text_recipes.catalogue(transformers_snapshot.width_of(config))

    def recipe(self, config: ModelConfig, *, from_scratch: bool, on_gpu: bool, batch_size: int | None) -> Recipe:
        """The upper layers and the head."""
        return text_recipes.upper_layers(on_gpu=on_gpu, width=transformers_snapshot.width_of(config))

    def example(self, config: ModelConfig, batch_size: int, device: torch.device) -> Inputs:
        """Texts of the protocol's full length: token ids and mask, int64 [B, L]."""
        length = int(str(config.protocol.parameters["max_length"]))
        drawn = torch.Generator().manual_seed(0)
        ids = torch.randint(0, int(config.settings["vocab_size"]), (batch_size, length), generator=drawn)
        tensors = (ids.to(device), torch.ones_like(ids, device=device))
        names = ("input_ids", "attention_mask")
        return Inputs(tensors=tensors, names=names, example=f"{length} tokens", variable={0: "batch", 1: "tokens"})

    def traceable(self, model: nn.Module) -> nn.Module:
        """Ids and mask in, logits out."""
        return _Logits(model)

    def workload(
        self, data: Dataset[TokenStore], config: ModelConfig, recipe: Recipe | None, device: torch.device
    ) -> TextWorkload:
        """Bound to tokenised texts."""
        return TextWorkload(data, config.protocol, recipe, device)


def tokenizer_of(config: ModelConfig) -> Tokenizer:
    """The tokenizer that lies beside a model, at its protocol's length."""
    assert config.folder is not None  # texts start from a snapshot
    return open_tokenizer(
        config.folder,
        max_length=int(str(config.protocol.parameters["max_length"])),
        pad=int(config.settings.get("pad_token_id") or 0),
    )
