"""What a task supplies to the road. The road knows nothing else of images, text, boxes or sound.

A ``Task`` knows a kind of problem: how its data lies on a disk, how its models are opened and written. Bound to
data it gives a ``Workload``, which is all that the training loop and the clean process see. Tasks of other
packages are found by the entry point group ``roadworthy.tasks`` (see ``tasks.py``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from typing import Protocol as Interface

import torch
from torch import nn

from roadworthy.model_cards import Protocol, Row, Target

from .examples import Dataset
from .held_out import HeldOut
from .inputs import Inputs
from .model_config import ModelConfig
from .near import NearMethod
from .progress import Report
from .recipe import Recipe
from .recipe_choice import Catalogue
from .split import Part
from .world import World

# Whatever one step needs: image tensors and labels, token ids and masks, ragged boxes. Opaque to the loop.
Batch = TypeVar("Batch")
# What a user states about the data or the model besides its place: {"image_size": 128}. Each task knows its own.
Options = Mapping[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a warm start came to after ``samples`` training examples: two independent sets of answers.

    ``out_of_fold``: each of those examples, answered by a fit that had not seen it. ``validation``: as usual.
    ``held_out``: both with the probabilities of all classes, where the task has classes.
    """

    samples: int
    out_of_fold: Sequence[Row]
    validation: Sequence[Row]
    held_out: HeldOut | None = None


class Workload(Interface[Batch]):
    """A task bound to its data: the whole surface between a task and the training loop."""

    @property
    def protocol(self) -> Protocol:
        """How the metric is measured."""

    def size(self, part: Part) -> int:
        """How many examples a part has."""

    def prepare(self, model: nn.Module, *, seed: int, batch_size: int) -> None:
        """Called once before training, with the model as it will be trained: what requires no gradient never changes,
        so its results may be kept."""

    def epoch(self, *, seed: int, epoch: int, batch_size: int) -> Sequence[Sequence[int]]:
        """The batches of an epoch by example number, a function of the arguments alone."""

    def plain_batches(self, part: Part) -> Sequence[Sequence[int]]:
        """Every example of a part once, in batches that fit a forward pass."""

    def training_batch(self, numbers: Sequence[int], *, seed: int, epoch: int) -> Batch:
        """Augmented examples of the train part, a function of the arguments alone."""

    def plain_batch(self, part: Part, numbers: Sequence[int]) -> Batch:
        """Examples exactly as the protocol measures them."""

    def units(self, batch: Batch) -> int:
        """How many terms the loss adds up: examples, or the tokens that are predicted."""

    def loss(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        """The training loss, a scalar: the sum over ``units``, so that parts of a batch add up to the whole."""

    def answers(self, model: nn.Module, batch: Batch) -> list[Row]:
        """One row of evidence for each example of the batch."""

    def warm_start(
        self, model: nn.Module, *, seed: int, report: Report, world: World, first_look: int | None = None
    ) -> Iterator[Look]:
        """Fits what can be fitted without a step of the optimizer, on more and more of the data.

        ``first_look``: how many examples the first fit takes at least. After each look the model is what the look was
        measured on; the caller stops when it has seen enough. The processes of ``world`` share the work, and each
        yields the same looks.
        """

    def names(self, numbers: Sequence[int]) -> list[str]:
        """Where the user finds these training examples, for messages."""


class Task(Interface):
    """A kind of problem. Implementations are plain objects without state."""

    @property
    def name(self) -> str:
        """The Hub's name of the task, such as ``image-classification``."""

    @property
    def options(self) -> frozenset[str]:
        """The options that it understands."""

    @property
    def config_files(self) -> tuple[str, ...]:
        """A snapshot's files besides its weights that say how inputs are made and what outputs mean."""

    @property
    def near(self) -> NearMethod | None:
        """How near duplicates are found; ``None``, or no such attribute at all: they are not measured."""

    def recipes(self, config: ModelConfig) -> Catalogue:
        """The recipes that a user may ask for by name, for a start of this configuration."""

    def opens(self, config: Mapping[str, Any]) -> bool:
        """Whether a snapshot with this ``config.json`` is of this task."""

    def read_config(self, folder: Path) -> ModelConfig:
        """A snapshot's configuration."""

    def named(self, start: str) -> ModelConfig | None:
        """The configuration of a name that can be trained from scratch, without labels; ``None``: not mine."""

    def adjusted(self, config: ModelConfig, options: Options, target: Target | None) -> ModelConfig:
        """The configuration as the options and the target's metric ask for it."""

    def read(
        self, data: Path, config: ModelConfig, *, to_measure: bool, options: Options, cache: Path, report: Report
    ) -> Dataset[Any]:
        """Reads a user's data, cached below ``cache``: read again, nothing is written and the data set is ``warm``.

        ``to_measure``: the model is only measured, so the classes are the configuration's, and a test part that the
        user laid out is all that is read. Otherwise the classes are the data's.
        """

    def fitted(self, config: ModelConfig, data: Dataset[Any]) -> ModelConfig:
        """The configuration with what only the data says: the classes, how many categories a column has."""

    def build(self, config: ModelConfig) -> nn.Module:
        """A model with random weights and a head for the configuration's labels."""

    def open(self, folder: Path, config: ModelConfig) -> nn.Module:
        """A snapshot's model with its own head, in evaluation mode, on the CPU; ``config`` has its labels, and the
        settings of `fitted`."""

    def renew_head(self, model: nn.Module, config: ModelConfig) -> None:
        """Gives ``model`` a new random head for the configuration's labels, in place."""

    def adapted(self, model: nn.Module, recipe: Recipe) -> nn.Module:
        """The model as the recipe trains it: itself, or wrapped in adapters."""

    def merged(self, model: nn.Module) -> nn.Module:
        """The reverse: a plain model again, what was trained merged into its weights."""

    def layer_groups(self, model: nn.Module) -> list[list[str]]:
        """Names of all parameters, each once, in groups from the input to the head: what freezing goes by."""

    def save(self, folder: Path, model: nn.Module, config: ModelConfig, *, start: Path | None) -> None:
        """Writes a snapshot; what training does not change (a tokenizer) is taken from ``start``."""

    def recipe(self, config: ModelConfig, *, from_scratch: bool, on_gpu: bool, batch_size: int | None) -> Recipe:
        """The recipe for a run from a start of this configuration, of which nothing else is said."""

    def example(self, config: ModelConfig, batch_size: int, device: torch.device) -> Inputs:
        """A batch of the protocol's size, the same at every call, whose contents do not matter."""

    def traceable(self, model: nn.Module) -> nn.Module:
        """The model as a function of ``example``'s tensors by position, to its scores: what an export traces."""

    def workload(
        self, data: Dataset[Any], config: ModelConfig, recipe: Recipe | None, device: torch.device
    ) -> Workload[Any]:
        """The task bound to its data; without a recipe it is only measured."""
