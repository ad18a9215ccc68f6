"""Where the tables of a run lie: decided once by all of its processes, and kept when it goes on."""

import platform
from dataclasses import replace

import torch
from torch import nn

from roadworthy.model_cards import clocks

from .placement import Placement, decide, least, need_of, room_on
from .recipe import Recipe, Tables
from .run_folder import RunFolder
from .world import World

EVENT = "tables"  # the log's key


def placed(model: nn.Module, recipe: Recipe, device: torch.device, world: World, folder: RunFolder) -> Placement:
    """For ``model``, which may lie on the meta device; the same in every process.

    Raises:
        InputError: its tables fit nowhere.
    """
    machines = world.gathered([platform.node()])
    room = least(world.gathered([room_on(device, beside=machines.count(platform.node()))]))
    before = world.led(lambda: _before(folder, world))
    wanted = before or ("split" if recipe.shard else recipe.tables)
    with world.together():
        found = decide(need_of(model, recipe), room, wanted, processes=world.size)
    return replace(found, why="tables lie where they did when the run began") if before else found


def _before(folder: RunFolder, world: World) -> Tables | None:
    # What is free changes from one start to the next, and with it the order of sums: the bits must not.
    if not folder.checkpoint.is_file():
        return None
    events = clocks.parse(folder.events.read_text(encoding="utf-8"))
    last = next((event for event in reversed(events) if event.key == EVENT), None)
    if last is None or last.metadata.get("processes") != world.size:
        return None
    found: Tables = "split" if last.value == "split-host" else last.value
    return found
