"""The task of image classification, for any timm model. Implements ``task.Task``.

timm is imported where it is needed: a text classifier's user need not wait for it.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from roadworthy.model_cards import InputError, Target
from roadworthy.model_cards.catalogue import CATALOGUE
from roadworthy.model_cards.protocol import with_metric
from roadworthy.model_cards.snapshot import CONFIG

from . import image_recipes, timm_snapshot
from .examples import Dataset
from .image_data import read_images
from .image_folder import list_folder
from .image_workload import ImageWorkload
from .inputs import Inputs
from .model_config import ModelConfig
from .near_images import PerceptualHash
from .pixel_store import PixelStore
from .progress import Report
from .recipe import Recipe
from .recipe_choice import Catalogue
from .task import Options


class ImageTask:
    """A folder for each class in, a timm classifier out."""

    name = timm_snapshot.TASK
    options = frozenset({"image_size", "group_pattern"})
    config_files = (CONFIG,)
    near = PerceptualHash()

    def opens(self, config: Mapping[str, Any]) -> bool:
        """Whether it is timm's form."""
        return timm_snapshot.is_timm(config)

    def read_config(self, folder: Path) -> ModelConfig:
        """A snapshot's configuration."""
        return timm_snapshot.read_config(folder)

    def named(self, start: str) -> ModelConfig | None:
        """``timm:ARCHITECTURE``, or a system of the catalogue whose task this is."""
        from .protocols import default_protocol

        if start.startswith("timm:"):
            architecture = system = start.removeprefix("timm:")
        elif start in CATALOGUE and CATALOGUE[start].task == self.name:
            architecture, system = CATALOGUE[start].architecture, start
        else:
            return None
        protocol = default_protocol(architecture, system)
        return ModelConfig(task=self.name, architecture=architecture, system=system, labels=(), protocol=protocol)

    def adjusted(self, config: ModelConfig, options: Options, target: Target | None) -> ModelConfig:
        """At another image size, under another metric.

        Raises:
            InputError: a size out of range, or a metric that images are not measured by.
        """
        from .protocols import at_size

        protocol = config.protocol
        if (size := options.get("image_size")) is not None:
            if not 16 <= int(size) <= 2048:
                raise InputError(f"image size {size} is out of range. Expected 16 to 2048 pixels.")
            protocol = at_size(protocol, int(size))
        if target is not None:
            protocol = with_metric(protocol, target.metric)
        return replace(config, protocol=protocol)

    def read(
        self, data: Path, config: ModelConfig, *, to_measure: bool, options: Options, cache: Path, report: Report
    ) -> Dataset[PixelStore]:
        """Decodes every image below ``data`` once."""
        group = str(options["group_pattern"]) if "group_pattern" in options else None
        listing = list_folder(data, labels=config.labels if to_measure else None, group=group)
        if not to_measure and set(config.labels) == set(listing.labels) and config.labels != listing.labels:
            # The start's order of classes where the classes are the same, so that its head stays right.
            listing = list_folder(data, labels=config.labels, group=group)
        if to_measure and "test" in listing.split.given:
            listing = replace(listing, files=tuple(f for f in listing.files if f.part == "test"))
        return read_images(listing, config.protocol, cache, report)

    def fitted(self, config: ModelConfig, data: Dataset[Any]) -> ModelConfig:
        """With the data's classes."""
        return replace(config, labels=data.examples.labels)

    def build(self, config: ModelConfig) -> nn.Module:
        """A timm model with random weights."""
        from .architectures import build

        return build(config.architecture, num_classes=len(config.labels))

    def open(self, folder: Path, config: ModelConfig) -> nn.Module:
        """A snapshot's model."""
        return timm_snapshot.open_model(folder, config)

    def renew_head(self, model: nn.Module, config: ModelConfig) -> None:
        """A new random classifier, in place."""
        from .architectures import replace_head

        replace_head(model, len(config.labels))

    def adapted(self, model: nn.Module, recipe: Recipe) -> nn.Module:
        """The model itself.

        Raises:
            InputError: the recipe asks for adapters.
        """
        if recipe.lora_rank is not None:
            raise InputError("LoRA is for models of transformers; this is an image classifier. Leave --lora-rank out.")
        return model

    def merged(self, model: nn.Module) -> nn.Module:
        """The model itself."""
        return model

    def layer_groups(self, model: nn.Module) -> list[list[str]]:
        """timm's groups, from the stem to the head."""
        from .architectures import layer_groups

        return layer_groups(model)

    def save(self, folder: Path, model: nn.Module, config: ModelConfig, *, start: Path | None) -> None:
        """Writes a snapshot in timm's form."""
        timm_snapshot.save(folder, model, config)

    def recipes(self, config: ModelConfig) -> Catalogue:
        """The same for every architecture."""
        return image_recipes.CATALOGUE

    def recipe(self, config: ModelConfig, *, from_scratch: bool, on_gpu: bool, batch_size: int | None) -> Recipe:
        """Head first on small data; the reference recipe from scratch."""
        if from_scratch:
            return image_recipes.from_scratch(on_gpu=on_gpu, batch_size=batch_size or 256)
        return image_recipes.head_first(on_gpu=on_gpu)

    def example(self, config: ModelConfig, batch_size: int, device: torch.device) -> Inputs:
        """Normal noise, float32 [B, 3, S, S], channels last."""
        size = int(str(config.protocol.parameters["crop"]))
        noise = torch.randn(batch_size, 3, size, size, generator=torch.Generator().manual_seed(0))
        images = noise.to(device).contiguous(memory_format=torch.channels_last)
        return Inputs(tensors=(images,), names=("images",), example=f"{size} x {size} pixels", variable={0: "batch"})

    def traceable(self, model: nn.Module) -> nn.Module:
        """The model itself: images in, logits out."""
        return model

    def workload(
        self, data: Dataset[PixelStore], config: ModelConfig, recipe: Recipe | None, device: torch.device
    ) -> ImageWorkload:
        """Bound to decoded images."""
        return ImageWorkload(data, config.protocol, recipe, device)
