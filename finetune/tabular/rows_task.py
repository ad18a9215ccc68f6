"""What tasks of rows share: how their snapshots lie, and that all of such a model is trained.

Each implements ``task.Task`` with its own data, protocol and inputs.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from roadworthy.finetune.examples import Dataset
from roadworthy.finetune.inputs import Inputs
from roadworthy.finetune.model_config import ModelConfig, our_section, read_document, upstream_of, write_document
from roadworthy.finetune.recipe import Recipe
from roadworthy.finetune.shares import shared_out
from roadworthy.finetune.task import Options
from roadworthy.finetune.weights import read_weights, write_weights
from roadworthy.model_cards import InputError, Protocol, Target
from roadworthy.model_cards.catalogue import CATALOGUE
from roadworthy.model_cards.protocol import with_metric
from roadworthy.model_cards.snapshot import CONFIG

from . import models
from .encoder import FILE, Encoder
from .growth import grown

_FIRST = ("tables", "deep", "wide", "wide_numeric", "wide_bias", "factors", "inputs")  # what sees a row first


class RowsTask(ABC):
    """A kind of problem whose examples are rows of a table."""

    name: str
    options: frozenset[str]
    config_files = (CONFIG, FILE)
    near = None
    has_tables = True  # which may lie apart, so that they are counted before they are built

    @abstractmethod
    def labels(self, encoder: Encoder) -> tuple[str, ...]:
        """The classes; none where a task has none."""

    @abstractmethod
    def protocol(self, ours: Mapping[str, Any]) -> Protocol:
        """How a snapshot is measured that says so of itself, under the first metric of the family.

        Raises:
            KeyError, TypeError, ValueError: it does not say it as it should.
        """

    @abstractmethod
    def told(self, protocol: Protocol) -> dict[str, Any]:
        """What ``protocol`` reads."""

    def opens(self, config: Mapping[str, Any]) -> bool:
        """Only what says so: its names are no other library's."""
        return False

    def read_config(self, folder: Path) -> ModelConfig:
        """A snapshot's configuration, with what its inputs mean.

        Raises:
            InputError: no such snapshot, or a damaged one.
        """
        document = read_document(folder)
        ours = document.get("roadworthy", {})
        encoder = Encoder.load(folder)
        try:
            return ModelConfig(
                task=self.name,
                architecture=str(document["architecture"]),
                system=str(ours["system"]),
                labels=self.labels(encoder),
                protocol=with_metric(self.protocol(ours), ours["metric"]),
                upstream=upstream_of(document),
                settings={"encoder": encoder, "width": document["width"]},
                folder=folder,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{folder / CONFIG} is not that of a model of rows: {error!r} is missing or wrong. Pull it again."
            ) from error

    def named(self, start: str) -> ModelConfig | None:
        """Of a system of the catalogue of this task."""
        system = CATALOGUE.get(start)
        if system is None or system.task != self.name:
            return None
        return ModelConfig(
            task=self.name, architecture=system.architecture, system=system.name, labels=(), protocol=system.protocol
        )

    def adjusted(self, config: ModelConfig, options: Options, target: Target | None) -> ModelConfig:
        """With embeddings of another width, under another metric.

        Raises:
            InputError: a width for a model that has one, or a metric that such models are not measured by.
        """
        settings = dict(config.settings)
        if (width := options.get("width")) is not None:
            if config.folder is not None and width != settings["width"]:
                raise InputError(f"this model's embeddings are {settings['width']} wide. Leave --width out.")
            settings["width"] = int(width)
        protocol = config.protocol if target is None else with_metric(config.protocol, target.metric)
        return replace(config, protocol=protocol, settings=settings)

    def fitted(self, config: ModelConfig, data: Dataset[Any]) -> ModelConfig:
        """With the numbers and categories that the data has."""
        encoder = self.encoder_of(data)
        return replace(config, labels=self.labels(encoder), settings={**config.settings, "encoder": encoder})

    @abstractmethod
    def encoder_of(self, data: Dataset[Any]) -> Encoder:
        """What the inputs mean that the data was read for."""

    def build(self, config: ModelConfig) -> nn.Module:
        """A model with random weights."""
        return models.build(config.architecture, config.settings["encoder"], config.settings)

    def open(self, folder: Path, config: ModelConfig) -> nn.Module:
        """A snapshot's model, with rows for the categories that ``config`` has besides.

        Raises:
            InputError: weights that do not fit what its configuration says.
        """
        own = replace(config, settings={**config.settings, "encoder": Encoder.load(folder)})
        # Looked at before memory is taken for it: a few digits of a configuration would fill all there is.
        with torch.device("meta"), shared_out(None):
            expected, wanted = self.build(own), self.build(config)
        tensors = read_weights(folder, expected)
        model = self.build(config)
        model.load_state_dict(grown(tensors, expected, wanted))
        return model.eval()

    def renew_head(self, model: nn.Module, config: ModelConfig) -> None:
        """Nothing: every model of rows ends in one score."""
        return

    def adapted(self, model: nn.Module, recipe: Recipe) -> nn.Module:
        """As it is."""
        return model

    def merged(self, model: nn.Module) -> nn.Module:
        """As it is."""
        return model

    def example(self, config: ModelConfig, batch_size: int, device: torch.device) -> Inputs:
        """Numbers, float32 [B, N], and categories that are all unseen, int64 [B, K]."""
        encoder: Encoder = config.settings["encoder"]
        numeric = torch.zeros(batch_size, encoder.numeric_width, device=device)
        ids = torch.zeros(batch_size, encoder.schema.width, dtype=torch.int64, device=device)
        told = f"{encoder.numeric_width} numbers, {encoder.schema.width} categories"
        return Inputs(tensors=(numeric, ids), names=("numeric", "ids"), example=told, variable={0: "batch"})

    def traceable(self, model: nn.Module) -> nn.Module:
        """Numbers and categories in, scores out: the model itself."""
        return model

    def layer_groups(self, model: nn.Module) -> list[list[str]]:
        """By the modules of the model, tables first."""
        names = [name for name, _ in model.named_parameters()]
        parts = sorted(dict.fromkeys(name.split(".")[0] for name in names), key=lambda part: part not in _FIRST)
        return [[name for name in names if name.split(".")[0] == part] for part in parts]

    def save(self, folder: Path, model: nn.Module, config: ModelConfig, *, start: Path | None) -> None:
        """Writes a snapshot: weights, ``config.json`` and what the inputs mean."""
        write_weights(folder, model)
        config.settings["encoder"].save(folder)
        width = config.settings.get("width", models.WIDTHS[config.architecture])
        ours = our_section(config, **self.told(config.protocol))
        write_document(folder, {"architecture": config.architecture, "width": width, "roadworthy": ours})
