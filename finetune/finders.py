"""The first choices of a run: what its recipe says, and what the recipe asks to be measured."""

import dataclasses
from typing import Any

from .checkpoint import State
from .choices import Choices, Decision
from .micro_batch import fastest_micro_batch
from .range_test import learning_rate_found
from .recipe import Recipe
from .setting import Setting
from .task import Batch
from .world import World


def first_choices(recipe: Recipe, world: World) -> Choices:
    """What the recipe says, before anything was measured."""
    share = world.largest_share(recipe.batch_size)
    return Choices(
        precision=recipe.precision,
        # Faster for convolutions wherever it was measured; nothing else has four dimensions.
        channels_last=not (recipe.shard and world.size > 1),
        compiled=False,
        micro_batch=min(recipe.micro_batch or share, share),
        learning_rate=recipe.learning_rate,
    )


def found_choices(state: State, setting: Setting[Batch]) -> Decision:
    """Runs the finders that the recipe asks for; their time is on the run's clock."""
    choices, measured = state.choices, dict[str, Any]()
    if setting.recipe.find_micro_batch:
        choices, measured["seconds_by_micro_batch"] = fastest_micro_batch(state, setting)
        state.choices = choices
    if setting.recipe.find_learning_rate:
        rate, measured["loss_by_learning_rate"] = learning_rate_found(state, setting)
        choices = dataclasses.replace(choices, learning_rate=setting.world.same(rate))
    why = "the recipe, and what it asked to be measured" if measured else "the recipe"
    return Decision(choices=choices, why=why, measured=measured)
