"""The task of recommendation: who took what in, a model of what each user takes next out. Implements ``task.Task``."""

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
from roadworthy.model_cards import InputError, Protocol, Target
from roadworthy.model_cards.protocols_of_scores import full_recommendation, sampled_recommendation

from . import rating_recipes
from .encoder import Encoder
from .rating_data import SAMPLED, Ratings, read_ratings
from .rating_workload import RatingWorkload
from .rows_task import RowsTask

_CANDIDATES = ("sampled", "catalogue")


class RatingTask(RowsTask):
    """Users and items in, how likely the one takes the other out."""

    name = "recommendation"
    options = frozenset({"width", "candidates"})

    def labels(self, encoder: Encoder) -> tuple[str, ...]:
        """None."""
        return ()

    def protocol(self, ours: Mapping[str, Any]) -> Protocol:
        """Among so many drawn items, or among the whole catalogue."""
        if (negatives := ours["negatives"]) is None:
            return full_recommendation()
        return sampled_recommendation(negatives=int(negatives), seed=int(ours["negatives_seed"]))

    def told(self, protocol: Protocol) -> dict[str, Any]:
        """How many were drawn, and how."""
        if protocol.family != SAMPLED:
            return {"negatives": None}
        return {"negatives": protocol.parameters["negatives"], "negatives_seed": protocol.parameters["seed"]}

    def adjusted(self, config: ModelConfig, options: Options, target: Target | None) -> ModelConfig:
        """Among other candidates too: ``sampled``, as the reference has it, or the whole ``catalogue``.

        Raises:
            InputError: candidates that are neither; and as `RowsTask.adjusted`.
        """
        among = options.get("candidates")
        if among is not None:
            if among not in _CANDIDATES:
                raise InputError(f"items cannot be ranked among {among!r}. Expected {' or '.join(_CANDIDATES)}.")
            protocol = full_recommendation() if among == "catalogue" else sampled_recommendation()
            config = dataclasses.replace(config, protocol=protocol)
        return super().adjusted(config, options, target)

    def encoder_of(self, data: Dataset[Any]) -> Encoder:
        """The ratings'."""
        encoder: Encoder = data.payload.store.encoder
        return encoder

    def read(
        self, data: Path, config: ModelConfig, *, to_measure: bool, options: Options, cache: Path, report: Report
    ) -> Dataset[Ratings]:
        """Reads the ratings; the users and items that a trained model knows stay those."""
        encoder = config.settings.get("encoder")
        return read_ratings(
            data, cache / "rows", encoder=encoder, protocol=config.protocol, to_measure=to_measure, report=report
        )

    def recipes(self, config: ModelConfig) -> Catalogue:
        """One for ratings by the hundred thousand, and the reference's."""
        return rating_recipes.CATALOGUE

    def recipe(self, config: ModelConfig, *, from_scratch: bool, on_gpu: bool, batch_size: int | None) -> Recipe:
        """That for ratings by the hundred thousand."""
        return rating_recipes.small(on_gpu=on_gpu, batch_size=batch_size)

    def workload(
        self, data: Dataset[Ratings], config: ModelConfig, recipe: Recipe | None, device: torch.device
    ) -> RatingWorkload:
        """Bound to ratings."""
        return RatingWorkload(data, config.protocol, config.settings["encoder"], device)
