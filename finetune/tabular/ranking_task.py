"""The task of ranking: rows with a label in groups in, a model that orders each group out. Implements ``task.Task``."""

import dataclasses
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
from roadworthy.model_cards import Protocol, Target
from roadworthy.model_cards.protocols_of_scores import legacy_ranking, ranking

from . import click_recipes
from .click_data import OPTIONS
from .encoder import Encoder
from .ranking_data import LEGACY, Groups, read_groups
from .ranking_workload import RankingWorkload
from .rows_task import RowsTask

_LEGACY_METRIC = "legacy_map_at_12"


class RankingTask(RowsTask):
    """Groups of rows in, a score for each row out."""

    name = "ranking"
    options = frozenset({*OPTIONS, "width"})

    def labels(self, encoder: Encoder) -> tuple[str, ...]:
        """None."""
        return ()

    def protocol(self, ours: Mapping[str, Any]) -> Protocol:
        """Over whole groups, or as the reference cuts them."""
        batch = ours["batch_size"]
        return ranking() if batch is None else legacy_ranking(batch_size=int(batch))

    def told(self, protocol: Protocol) -> dict[str, Any]:
        """By how many rows the reference's protocol cuts groups."""
        return {"batch_size": protocol.parameters["batch_size"] if protocol.family == LEGACY else None}

    def adjusted(self, config: ModelConfig, options: Options, target: Target | None) -> ModelConfig:
        """Over whole groups, unless the reference's own figure is asked for; and as `RowsTask.adjusted`."""
        legacy = target is not None and target.metric == _LEGACY_METRIC
        if config.folder is None or (target is not None and target.metric != config.protocol.metric):
            config = dataclasses.replace(config, protocol=legacy_ranking() if legacy else ranking())
        return super().adjusted(config, options, target)

    def encoder_of(self, data: Dataset[Any]) -> Encoder:
        """The table's."""
        encoder: Encoder = data.payload.store.encoder
        return encoder

    def read(
        self, data: Path, config: ModelConfig, *, to_measure: bool, options: Options, cache: Path, report: Report
    ) -> Dataset[Groups]:
        """Reads the table; what a trained model's numbers and categories mean stays as it is."""
        return read_groups(
            data,
            cache / "rows",
            encoder=config.settings.get("encoder"),
            options=options,
            protocol=config.protocol,
            to_measure=to_measure,
            report=report,
        )

    def recipes(self, config: ModelConfig) -> Catalogue:
        """Adam, or SGD."""
        return click_recipes.CATALOGUE

    def recipe(self, config: ModelConfig, *, from_scratch: bool, on_gpu: bool, batch_size: int | None) -> Recipe:
        """Adam, 256 groups a step."""
        return dataclasses.replace(click_recipes.adam(on_gpu=on_gpu), batch_size=batch_size or 256)

    def workload(
        self, data: Dataset[Groups], config: ModelConfig, recipe: Recipe | None, device: torch.device
    ) -> RankingWorkload:
        """Bound to groups."""
        return RankingWorkload(data, config.protocol, config.settings["encoder"], device)
