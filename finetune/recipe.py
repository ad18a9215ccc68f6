"""A recipe: one complete, frozen configuration of a run. Tasks have functions that return them."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Literal, get_args

from roadworthy.model_cards import InputError

from .crops import Augmentation

Tables = Literal["auto", "device", "host", "split"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything about a run that is not its data, its start or its target."""

    name: str
    optimizer: Literal["adamw", "sgd", "adagrad"]
    learning_rate: float
    """At its peak, for the whole batch."""
    momentum: float
    """SGD's momentum; AdamW's first beta; Adagrad has none."""
    weight_decay: float
    """On matrices and kernels; never on biases and normalisation. AdamW's is decoupled, the others' in the gradient."""
    batch_size: int
    """Examples in a step of the optimizer, over all processes."""
    epochs: int
    warmup_epochs: float
    """Linear from 0; cosine to 0 afterwards."""
    label_smoothing: float
    fit_head_first: bool
    """Fit a new head on frozen features before the first step; stop there if the target holds."""
    frozen_share: float
    """Share of the layer groups, from the input on, that stay as they are."""
    freeze_normalisation: bool
    """Keep batch normalisation's running statistics: small batches would spoil them."""
    ema_decay: float | None
    """Exponential moving average of the weights; part of the protocol where it is set."""
    evaluations_per_epoch: int
    hold: int
    """Consecutive evaluations that must meet the target before it counts as met."""
    precision: Literal["float32", "bfloat16"]
    checkpoint_seconds: float
    """At most this much work is lost with a killed process, and one step."""
    augmentation: Augmentation | None = None
    class_weights: Literal["equal", "balanced"] = "equal"
    """Balanced: each class counts the same in the loss, however many examples it has."""
    clip_norm: float | None = None
    """The largest norm of the whole gradient."""
    lora_rank: int | None = None
    """Rank of low-rank adapters, which are trained instead of the layers they stand beside."""
    micro_batch: int | None = None
    """Examples in a forward pass of one process; by default a whole batch's share."""
    find_micro_batch: bool = False
    """Measure which micro-batch is fastest and fits, on the run's own clock."""
    find_learning_rate: bool = False
    """Run a learning-rate range test first, on the run's own clock."""
    probe: bool = True
    """Measure memory formats, precisions and compilation where the rest of the run is long enough to pay for it."""
    row_decay: float = 0.0
    """Weight decay of tables, of the rows that a step touches: with Adam no number grows much beyond its inverse."""
    shard: bool = False
    """Split the model over the processes, for one that does not fit into a device's memory (FSDP2); or its tables."""

    tables: Tables = "auto"
    """Where embedding tables lie; by default where they fit: each device, split over the processes, host memory."""

    def __post_init__(self) -> None:
        for name in ("learning_rate", "batch_size", "epochs", "evaluations_per_epoch", "hold"):
            if getattr(self, name) <= 0:
                raise InputError(f"the recipe's {name} is {getattr(self, name)}. Expected a number above 0.")
        for name in ("micro_batch", "lora_rank"):
            if getattr(self, name) is not None and getattr(self, name) <= 0:
                raise InputError(f"the recipe's {name} is {getattr(self, name)}. Expected a number above 0.")
        for name in ("fit_head_first", "find_micro_batch", "find_learning_rate", "probe"):
            if self.shard and getattr(self, name):
                raise InputError(
                    f"the recipe has both shard and {name}, which needs the whole model in each process. Leave one out."
                )
        if self.tables not in get_args(Tables):
            raise InputError(
                f"the recipe's tables are to lie in {self.tables!r}. Expected one of: {', '.join(get_args(Tables))}."
            )
        if not 0 <= self.frozen_share < 1:
            raise InputError(f"the recipe's frozen_share is {self.frozen_share}. Expected 0 or more, below 1.")


def to_dict(recipe: Recipe) -> dict[str, Any]:
    """Plain values, for the run's file and the certificate."""
    values: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(recipe)))
    return values


def from_dict(values: dict[str, Any]) -> Recipe:
    """``from_dict(to_dict(r)) == r``."""
    how = values["augmentation"]
    augmentation = how and Augmentation(area=tuple(how["area"]), ratio=tuple(how["ratio"]), flip=how["flip"])
    return Recipe(**{**values, "augmentation": augmentation})
