"""Where embedding tables lie: on the device, in host memory beside it, or split over the processes of a run.

From elsewhere only the rows of a step travel. Decided from figures before a model is built.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import psutil
import torch
from torch import nn

from roadworthy.model_cards import InputError

from .recipe import Recipe, Tables
from .sparse_rows import movable

Where = Literal["device", "host", "split", "split-host"]

# Of what is free: the rest is for activations, for rows on their way, and for what an allocator cannot use.
_SHARE = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Bytes of a model's weights: of its ``tables``, and of the ``rest``; how often a run holds each.

    Moments and averages are copies; of the rest there is the gradient besides, where a table's is as small as a step.
    """

    tables: int
    rest: int
    copies: int = 1
    rest_copies: int = 1

    @property
    def held(self) -> int:
        """What lies on a device that has all of it."""
        return self.tables * self.copies + self.rest * self.rest_copies


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Free bytes for one process: in ``host`` memory and, where it computes elsewhere, on its ``device``."""

    host: int
    device: int | None = None
    name: str = "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where tables lie, and why in a sentence."""

    where: Where
    why: str

    @property
    def host(self) -> bool:
        """Whether they stay in host memory while the rest goes to the device."""
        return self.where in ("host", "split-host")

    @property
    def split(self) -> bool:
        """Whether each process has a share of their rows."""
        return self.where in ("split", "split-host")


_ORDER: dict[Tables, tuple[Where, ...]] = {
    "auto": ("device", "split", "split-host", "host"),
    "device": ("device",),
    "host": ("host",),
    "split": ("split", "split-host"),
}


def decide(need: Need, room: Room, wanted: Tables = "auto", *, processes: int = 1) -> Placement:
    """The nearest place that has room, or what was ``wanted``: on each device, split over devices, in host memory.

    Raises:
        InputError: the tables, without anything beside them, are larger than where they would lie.
    """
    alone, memory = processes == 1, room.device is None  # where a CPU computes, host memory is the device
    order = _ORDER["auto"] if alone and wanted == "split" else _ORDER[wanted]
    places = [p for p in order if not (alone and "split" in p) and not (memory and "host" in p)] or ["device"]
    where = next((place for place in places if _fits(need, room, place, processes)), places[-1])
    in_host = memory or "host" in where
    free = room.host if in_host else room.device or 0
    share = need.tables // (processes if "split" in where else 1)
    if share > free:
        raise InputError(
            f"this model's tables take {_gb(share)} in each process, and {_gb(free)} are free "
            f"{'in memory' if in_host else f'on the {room.name}'}. Take a smaller --width, a larger min_count in "
            "schema.toml, so that rare categories share a row, or more processes."
        )
    return Placement(where=where, why=_why(need, room, where, wanted, processes))


def _fits(need: Need, room: Room, where: Where, processes: int) -> bool:
    tables = need.tables * need.copies // (processes if "split" in where else 1)
    if "host" in where:
        return tables <= _SHARE * room.host
    return tables + need.rest * need.rest_copies <= _SHARE * (room.host if room.device is None else room.device)


def _why(need: Need, room: Room, where: Where, wanted: Tables, processes: int) -> str:
    how = {
        "device": "lie in memory, where this run computes" if room.device is None else "lie on the device",
        "host": "stay in host memory",
        "split": f"are split over {processes} processes",
        "split-host": f"are split over {processes} processes, in host memory",
    }[where]
    if wanted != "auto":
        return f"tables of {_gb(need.tables)} {how}: the recipe says so"
    free = room.host if room.device is None else room.device
    because = f"{'each process' if room.device is None else f'the {room.name}'} has {_gb(free)} free"
    if where != "device" and need.copies > 1:
        because += f", and with the optimizer's state they take {_gb(need.tables * need.copies)}"
    return f"tables of {_gb(need.tables)} {how}: {because}"


def _gb(count: int) -> str:
    unit, name = next((one for one in ((1e9, "GB"), (1e6, "MB")) if count >= one[0] / 10), (1e3, "kB"))
    return f"{count / unit:.1f} {name}"


def need_of(model: nn.Module, recipe: Recipe | None = None) -> Need:
    """Of ``model``, which may lie on the meta device; trained by ``recipe``, or measured."""
    tables = sum(module.weight.nbytes for module in movable(model))
    rest = sum(parameter.nbytes for parameter in model.parameters()) - tables
    if recipe is None:
        return Need(tables=tables, rest=rest)
    averaged = int(recipe.ema_decay is not None)
    adam = recipe.optimizer == "adamw"  # SGD's momentum is not kept of tables
    return Need(tables=tables, rest=rest, copies=1 + 2 * adam + averaged, rest_copies=3 + adam + averaged)


def least(rooms: Sequence[Room]) -> Room:
    """What every process has at least, so that all decide the same."""
    devices = [room.device for room in rooms if room.device is not None]
    return replace(rooms[0], host=min(room.host for room in rooms), device=min(devices) if devices else None)


def room_on(device: torch.device, *, beside: int = 1) -> Room:
    """What is free now for one of ``beside`` processes of this machine, each of which has its own device."""
    host = psutil.virtual_memory().available // beside
    if device.type != "cuda":
        return Room(host=host)
    return Room(host=host, device=torch.cuda.mem_get_info(device)[0], name=device.type)


def move(model: nn.Module, device: torch.device, *, host: bool) -> nn.Module:
    """``model`` on ``device``; its tables stay where they are with ``host``, and look rows up there."""
    kept = [(module, module.weight) for module in movable(model)] if host else []
    for module, _ in kept:
        module.weight = None  # type: ignore[assignment]
    model.to(device)
    for module, weight in kept:
        module.weight = weight
    return model


def put(model: nn.Module, device: torch.device) -> nn.Module:
    """``model`` on ``device`` to be measured, its tables where there is room for them.

    Raises:
        InputError: there is none.
    """
    if not movable(model):
        return model.to(device)
    need, room = need_of(model), room_on(device)
    # What lies in memory already needs no more room there.
    return move(model, device, host=decide(need, replace(room, host=room.host + need.tables)).host)


def device_of(model: nn.Module) -> torch.device:
    """Where ``model`` computes: its weights' device, of whatever is no table."""
    apart = {id(module.weight) for module in movable(model)}
    found = [parameter.device for parameter in model.parameters() if id(parameter) not in apart]
    return found[0] if found else next(model.parameters()).device
