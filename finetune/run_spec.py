"""What a run is to be, decided before it touches its data, and kept: a run goes on only as it was begun."""

import dataclasses
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from roadworthy.model_cards import InputError, Target
from roadworthy.model_cards.certificate import Start
from roadworthy.model_cards.snapshot import CERTIFICATE, WEIGHTS, sha256_of

from . import recipe as recipes
from .environment import describe
from .model_config import ModelConfig
from .recipe import Recipe
from .recipe_choice import RecipeChoice
from .run_folder import RunFolder, RunSpec
from .task import Task
from .tasks import named, task_of

_LOOKS, _BETWEEN_LOOKS = 50, 0.2  # seconds; a network's disk shows new files late


def specify(
    start: Path | str,
    *,
    data: Path,
    target: Target | None,
    seed: int | None,
    device: torch.device,
    settings: Mapping[str, Any],
    recipe: str | None,
    leave_out_leaked: bool,
    reference: str | None,
    processes: int,
    accelerators: tuple[str, ...],
) -> RunSpec:
    """Settles everything about a run; ``settings`` are fields of the recipe and options of the task, by name.

    ``recipe``: one of the task's catalogue, spelled as ``RecipeChoice`` reads it; by default the task's own choice.
    ``accelerators``: of all ``processes``, one after another.

    Raises:
        InputError: a start, a recipe, a setting or a target that cannot be used.
    """
    folder = start if isinstance(start, Path) else None
    task, config = (task_of(folder), task_of(folder).read_config(folder)) if folder else named(str(start))
    changes, options = _sorted_out(task, settings)
    task.adjusted(config, options, target)  # refuses now what it would refuse later
    settled = _recipe(
        task,
        config,
        None if recipe is None else RecipeChoice.parse(recipe),
        changes,
        from_scratch=folder is None,
        target=target,
        device=device,
    )
    certified = folder is not None and (folder / CERTIFICATE).is_file()
    return RunSpec(
        start=_start(folder, config, certified, reference),
        start_folder=str(folder.resolve()) if folder else None,
        start_certificate_sha256=sha256_of(folder / CERTIFICATE) if folder and certified else None,
        task=task.name,
        architecture=config.architecture,
        system=config.system,
        named=str(start),
        data=str(data.resolve()),
        options=dict(options),
        leave_out_leaked=leave_out_leaked,
        target=target,
        # 48 bits: exact in JSON everywhere.
        seed=secrets.randbits(48) if seed is None else seed,
        replayed_seed=seed is not None,
        device=device.type,
        processes=processes,
        recipe=recipes.to_dict(settled),
        environment=dataclasses.replace(describe(device, settled.precision), accelerators=accelerators),
    )


def _start(folder: Path | None, config: ModelConfig, certified: bool, reference: str | None) -> Start:
    if folder is None:
        return Start(kind="scratch")
    return Start(
        kind="parent" if certified else "checkpoint",
        reference=reference,
        weights_sha256=sha256_of(folder / WEIGHTS),
        upstream=config.upstream,
    )


def _recipe(
    task: Task,
    config: ModelConfig,
    choice: RecipeChoice | None,
    changes: Mapping[str, Any],
    *,
    from_scratch: bool,
    target: Target | None,
    device: torch.device,
) -> Recipe:
    on_gpu = device.type == "cuda"
    if choice is None:
        recipe = task.recipe(config, from_scratch=from_scratch, on_gpu=on_gpu, batch_size=changes.get("batch_size"))
    else:
        recipe = choice.recipe(task.recipes(config), task=task.name, on_gpu=on_gpu)
        changes = _both(choice, changes)
    if target is not None and target.metric == "balanced_accuracy":
        # What is asked for is that each class counts the same, so it does so in the loss too.
        recipe = dataclasses.replace(recipe, class_weights="balanced")
    if changes.get("lora_rank") is not None:
        # Adapters stand beside every layer, so none is frozen for good.
        recipe = dataclasses.replace(recipe, frozen_share=0.0)
    if changes.get("shard"):
        # What needs the whole model in one process is left out; stated all the same, it is refused.
        recipe = dataclasses.replace(recipe, fit_head_first=False, probe=False)
    return dataclasses.replace(recipe, **changes)


def _both(choice: RecipeChoice, changes: Mapping[str, Any]) -> dict[str, Any]:
    for name in choice.changes.keys() & changes.keys():
        raise InputError(
            f"{name} is {choice.changes[name]} in --recipe {choice} and {changes[name]} as an option of its own. "
            "State it once."
        )
    return {**choice.changes, **changes}


def _sorted_out(task: Task, settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str | int]]:
    """(changes of the recipe, options of the task) among what was set; ``None`` is as good as not set."""
    stated = {name: value for name, value in settings.items() if value is not None}
    fields = {field.name for field in dataclasses.fields(Recipe)}
    for name in stated.keys() - fields - task.options:
        said = ", ".join(f"--{option.replace('_', '-')}" for option in sorted(task.options))
        raise InputError(
            f"--{name.replace('_', '-')} means nothing for {task.name}. Expected {said or 'no option'}, "
            f"or a field of its recipe: {', '.join(sorted(fields))}."
        )
    changes = {name: value for name, value in stated.items() if name in fields}
    return changes, {name: value for name, value in stated.items() if name in task.options}


def check_same(folder: RunFolder, *, data: Path, target: Target | None, seed: int | None) -> None:
    """Refuses to go on with a run that was begun otherwise.

    Raises:
        InputError: another data folder, target or seed; the message names it.
    """
    spec = folder.read_spec()
    wanted = {
        "--data": (spec.data, str(data.resolve())),
        "--target": (str(spec.target), str(target)),
        "--seed": (spec.seed, spec.seed if seed is None else seed),
    }
    for option, (expected, found) in wanted.items():
        if expected != found:
            raise InputError(
                f"{folder.root} holds a run begun with {option} {expected}; now it is {found}. "
                "Give the same options to go on with it, or another --out for a new run."
            )


def check_shared(folder: RunFolder, spec: RunSpec) -> None:
    """Refuses a run folder that this process does not share with the one that wrote ``spec`` into it.

    Raises:
        InputError: another run is seen there, or none, also after some seconds of patience with a network's disk.
    """
    for _ in range(_LOOKS):
        if folder.is_run:
            break
        time.sleep(_BETWEEN_LOOKS)
    if not folder.is_run or folder.read_spec() != spec:
        raise InputError(
            f"{folder.root} is not the folder that the leading process writes its run into; expected one folder on "
            "storage that all machines share. Put --out there."
        )
