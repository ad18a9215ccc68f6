"""What a run trains with and never changes: the workload, the recipe, the plan, the processes, the journal."""

from dataclasses import dataclass
from typing import Generic

import torch

from .finite import FiniteLosses
from .freezing import Freezing
from .journal import Journal
from .plan import Order, Plan
from .progress import Report
from .recipe import Recipe
from .stopwatch import Stopwatch
from .task import Batch, Workload
from .world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting(Generic[Batch]):
    """One run's fixed surroundings; ``checkpoint.State`` is what changes."""

    work: Workload[Batch]
    recipe: Recipe
    plan: Plan
    order: Order
    seed: int
    device: torch.device
    world: World
    freezing: Freezing
    losses: FiniteLosses
    watch: Stopwatch
    journal: Journal
    report: Report
