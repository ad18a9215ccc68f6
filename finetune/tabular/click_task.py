"""The task of click-through: a table with a label of two values in, a model of its rows out.

Implements ``task.Task``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from roadworthy.finetune.examples import Dataset
from roadworthy.finetune.model_config import ModelConfig
from roadworthy.finetune.progress import Report
from roadworthy.finetune.recipe import Recipe
from roadworthy.finetune.recipe_choice import Catalogue
from roadworthy.finetune.task import Options
from roadworthy.model_cards import Protocol
from roadworthy.model_cards.protocols_of_scores import click_through

from . import click_recipes
from .click_data import OPTIONS, labels_of, read_clicks
from .click_workload import ClickWorkload
from .encoder import Encoder
from .rows_task import RowsTask
from .store import Store


class ClickTask(RowsTask):
    """Rows in, the probability of the label's second value out."""

    name = "click-through"
    options = frozenset({*OPTIONS, "width"})

    def labels(self, encoder: Encoder) -> tuple[str, ...]:
        """The label's two values."""
        return labels_of(encoder)

    def protocol(self, ours: Mapping[str, Any]) -> Protocol:
        """There is one."""
        return click_through()

    def told(self, protocol: Protocol) -> dict[str, Any]:
        """Nothing."""
        return {}

    def encoder_of(self, data: Dataset[Any]) -> Encoder:
        """The table's."""
        encoder: Encoder = data.payload.encoder
        return encoder

    def read(
        self, data: Path, config: ModelConfig, *, to_measure: bool, options: Options, cache: Path, report: Report
    ) -> Dataset[Store]:
        """Reads the table; what a trained model's numbers and categories mean stays as it is."""
        return read_clicks(
            data,
            cache / "rows",
            encoder=config.settings.get("encoder"),
            options=options,
            to_measure=to_measure,
            report=report,
        )

    def recipes(self, config: ModelConfig) -> Catalogue:
        """Adam, or the reference's SGD."""
        return click_recipes.CATALOGUE

    def recipe(self, config: ModelConfig, *, from_scratch: bool, on_gpu: bool, batch_size: int | None) -> Recipe:
        """Adam: most tables are smaller than the reference's."""
        return click_recipes.adam(on_gpu=on_gpu, batch_size=batch_size)

    def workload(
        self, data: Dataset[Store], config: ModelConfig, recipe: Recipe | None, device: torch.device
    ) -> ClickWorkload:
        """Bound to a table."""
        return ClickWorkload(data, config.protocol, config.settings["encoder"], device)
