"""Fine-tuning: a start and a data folder in, a run folder with a candidate snapshot out."""

import dataclasses
import os
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from roadworthy.model_cards import InputError, Metric, Target, clocks
from roadworthy.model_cards.catalogue import find
from roadworthy.model_cards.certificate import Clocks, Data, Start
from roadworthy.model_cards.snapshot import CERTIFICATE, EVENTS, WEIGHTS, sha256_of

from . import recipe as recipes
from .architectures import build, replace_head
from .environment import choose_device, describe, make_deterministic
from .event_log import EventLog
from .image_classification import ImageClassification
from .image_data import ImageData, read_images
from .image_folder import Listing, list_folder
from .loop import Outcome, train
from .model_config import ModelConfig, read
from .open_model import read_weights, save
from .protocols import at_size, default_protocol
from .recipe import Recipe
from .run_folder import RunData, RunFolder, RunSpec
from .stopping import StoppingRule

Report = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finetuned:
    """A finished run: where it is, whether the target held on validation, its last metric, its clocks."""

    run: Path
    target_met: bool
    metric: Metric | None
    tts: Clocks | None


def silent(stage: str, done: int, total: int) -> None:
    """A report that nobody reads."""


def finetune(
    start: Path | str,
    *,
    data: Path | str,
    out: Path | str,
    target: Target | str | None = None,
    seed: int | None = None,
    epochs: int | None = None,
    device: str | None = None,
    image_size: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    leave_out_leaked: bool = False,
    checkpoint_seconds: float | None = None,
    reference: str | None = None,
    process_started: float | None = None,
    report: Report = silent,
) -> Finetuned:
    """Fine-tunes ``start`` on the images in ``data`` until ``target`` holds on validation.

    Called again with the same ``out``, it goes on where a killed run stopped, and ends with the same bits.

    Args:
        start: a snapshot folder; or the name of a system, or ``timm:ARCHITECTURE``, from scratch.
        data: a folder for each class, with or without train/val/test folders above.
        out: the run folder.
        target: for example ``"top1>=0.95"``; without one, all epochs are run.
        seed: replays a run; by default it comes from the operating system.
        image_size: crop in pixels; by default the start's.
        leave_out_leaked: train without the images that are also in the test part, pixel for pixel. They
            block publishing otherwise.
        checkpoint_seconds: at most this much work is lost with a killed process.
        reference: what the registry calls the start snapshot.
        process_started: when the user began to wait, seconds since the epoch; by default, now.
        report: called with (stage, done, total).

    Raises:
        InputError: data, start or options cannot be used; the message says which and what to do.
        StorageError: the run folder cannot be written.

    Example:
        >>> from pathlib import Path
        >>> from roadworthy.finetune import finetune
        >>> run = finetune(Path("base"), data="photos", out="run", target="top1>=0.3", epochs=2, image_size=48)
        >>> run.target_met, run.tts.run > 0
        (True, True)
    """
    began = time.time() if process_started is None else process_started
    folder = RunFolder(Path(out))
    goal = Target.parse(target) if isinstance(target, str) else target
    if folder.is_run:
        spec = folder.read_spec()
        _check_same(folder, spec, data=Path(data), target=goal, seed=seed)
        if folder.is_finished:
            return finished(folder)
    else:
        chosen = choose_device(device)
        recipe = _recipe(start, chosen, epochs, batch_size, learning_rate, checkpoint_seconds)
        spec = _specify(
            start,
            Path(data),
            goal,
            seed,
            recipe,
            image_size,
            leave_out_leaked,
            chosen,
            reference,
        )
        if goal is not None and goal.metric != "top1":
            raise InputError(f"metric {goal.metric!r} is not measured for images. Expected 'top1>=…'.")
        _check_empty(folder.root)
        folder.write_spec(spec)
    return _run(folder, spec, began, report)


def finished(folder: RunFolder) -> Finetuned:
    """What a finished run came to, read from its files."""
    road = clocks.read(clocks.parse(folder.events.read_text(encoding="utf-8")))
    return Finetuned(
        run=folder.root,
        target_met=road.clocks.target_met if road.clocks else False,
        metric=folder.read_data().validation,
        tts=road.clocks,
    )


def _run(folder: RunFolder, spec: RunSpec, began: float, report: Report) -> Finetuned:
    device = choose_device(spec.device)
    recipe = recipes.from_dict(spec.recipe)
    make_deterministic(device)
    _forget_failed_start(folder)
    with EventLog(folder.events) as log:
        log.start("init_start", process_started=round(began, 3))
        log.event("seed", spec.seed, replayed=spec.replayed_seed)
        log.event("global_batch_size", recipe.batch_size)
        log.event("opt_name", recipe.optimizer)
        log.event("opt_base_learning_rate", recipe.learning_rate)
        origin = read(Path(spec.start_folder)) if spec.start_folder else None
        log.end("init_stop")
        log.start("run_start")
        listing = list_folder(Path(spec.data), labels=None)
        listing = _in_order_of(listing, origin)
        config = _config(spec, listing, origin)
        images = read_images(listing, config.protocol, folder.cache, report)
        log.event("cache", "warm" if images.warm else "cold")
        if leaked := images.leaked():
            log.event("leaked", len(leaked), left_out=spec.leave_out_leaked)
        if spec.leave_out_leaked:
            images = images.without_leaked()
        _check_parts(images, listing)
        log.event("train_samples", len(images.part("train")))
        log.event("eval_samples", len(images.part("validation")))
        torch.manual_seed(spec.seed)
        model, new_head = _model(spec, config, origin)
        model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        task = ImageClassification(
            images,
            config.protocol,
            augmentation=recipe.augmentation,
            label_smoothing=recipe.label_smoothing,
            device=device,
            fit_head_first=recipe.fit_head_first and new_head,
        )
        rule = StoppingRule(target=spec.target, hold=recipe.hold)
        outcome = train(
            model,
            task,
            recipe,
            rule,
            seed=spec.seed,
            device=device,
            log=log,
            path=folder.checkpoint,
            report=report,
            answers_at_start=origin is not None and not new_head,
        )
    return _finish(folder, spec, config, images, model, outcome)


def _finish(
    folder: RunFolder, spec: RunSpec, config: ModelConfig, images: ImageData, model: nn.Module, outcome: Outcome
) -> Finetuned:
    save(folder.candidate, model, config)
    events = folder.candidate / EVENTS
    events.parent.mkdir(exist_ok=True)
    shutil.copyfile(folder.events, events)
    data = Data(
        name=Path(spec.data).resolve().name,
        labels=images.labels,
        split_rule=images.split_rule,
        test=images.record("test"),
        train=images.record("train"),
        validation=images.record("validation"),
        exact_duplicates=images.exact_duplicates(),
        near_duplicates=None,
    )
    seen = sorted({e.id for e in images.examples if e.part != "test"})
    folder.write_data(RunData(data=data, seen=tuple(seen), validation=outcome.metric))
    return finished(folder)


def _recipe(
    start: Path | str,
    device: torch.device,
    epochs: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    checkpoint_seconds: float | None,
) -> Recipe:
    on_gpu = device.type == "cuda"
    if isinstance(start, Path):
        recipe = recipes.small_data(on_gpu=on_gpu)
    else:
        recipe = recipes.convnet_from_scratch(on_gpu=on_gpu, batch_size=batch_size or 256)
    wanted = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "checkpoint_seconds": checkpoint_seconds,
    }
    return dataclasses.replace(recipe, **{name: value for name, value in wanted.items() if value is not None})  # type: ignore[arg-type]


def _specify(
    start: Path | str,
    data: Path,
    target: Target | None,
    seed: int | None,
    recipe: Recipe,
    image_size: int | None,
    leave_out_leaked: bool,
    device: torch.device,
    reference: str | None,
) -> RunSpec:
    if isinstance(start, Path):
        config = read(start)
        certificate = start / CERTIFICATE
        certified = certificate.is_file()
        origin = Start(
            kind="parent" if certified else "checkpoint",
            reference=reference,
            weights_sha256=sha256_of(start / WEIGHTS),
            upstream=config.upstream,
        )
        architecture, system = config.architecture, config.system
    else:
        architecture, system = named(start)
        origin, certified = Start(kind="scratch"), False
    if image_size is not None and not 16 <= image_size <= 2048:
        raise InputError(f"image size {image_size} is out of range. Expected 16 to 2048 pixels.")
    return RunSpec(
        start=origin,
        start_folder=str(start.resolve()) if isinstance(start, Path) else None,
        start_certificate_sha256=sha256_of(start / CERTIFICATE) if certified and isinstance(start, Path) else None,
        architecture=architecture,
        system=system,
        data=str(data.resolve()),
        image_size=image_size,
        leave_out_leaked=leave_out_leaked,
        target=target,
        # 48 bits: exact in JSON everywhere.
        seed=secrets.randbits(48) if seed is None else seed,
        replayed_seed=seed is not None,
        device=device.type,
        recipe=recipes.to_dict(recipe),
        environment=describe(device, recipe.precision),
    )


def named(start: str) -> tuple[str, str]:
    """(architecture, system) of a name that is not a snapshot."""
    if start.startswith("timm:"):
        architecture = start.removeprefix("timm:")
        return architecture, architecture
    system = find(start)
    return system.architecture, system.name


def _config(spec: RunSpec, listing: Listing, origin: ModelConfig | None) -> ModelConfig:
    if origin is not None:
        protocol, upstream = origin.protocol, origin.upstream
    else:
        protocol, upstream = default_protocol(spec.architecture, spec.system), None
    if spec.image_size is not None:
        protocol = at_size(protocol, spec.image_size)
    return ModelConfig(
        architecture=spec.architecture,
        system=spec.system,
        labels=listing.labels,
        protocol=protocol,
        upstream=upstream,
    )


def _in_order_of(listing: Listing, origin: ModelConfig | None) -> Listing:
    """The start's order of classes where the classes are the same, so that its head stays right."""
    if origin is None or set(origin.labels) != set(listing.labels) or origin.labels == listing.labels:
        return listing
    return list_folder(listing.root, labels=origin.labels)


def _model(spec: RunSpec, config: ModelConfig, origin: ModelConfig | None) -> tuple[nn.Module, bool]:
    """The model to train, and whether its head is new."""
    if origin is None:
        return build(config.architecture, num_classes=len(config.labels)), False
    model = build(config.architecture, num_classes=len(origin.labels))
    model.load_state_dict(read_weights(Path(str(spec.start_folder)), model))
    if config.labels == origin.labels:
        return model, False
    replace_head(model, len(config.labels))
    return model, True


def _check_parts(images: ImageData, listing: Listing) -> None:
    for part, least in (("train", 2), ("validation", 1), ("test", 1)):
        n = len(images.part(part))  # type: ignore[arg-type]
        if n < least:
            raise InputError(
                f"the {part} part of {listing.root} has {n} images; expected at least {least}. "
                f"The split is {listing.split_rule}. Add images, or give folders train, val and test."
            )
    have = {e.label for e in images.part("train")}
    for number, label in enumerate(images.labels):
        if number not in have:
            raise InputError(
                f"class {label!r} in {listing.root} has no image in the train part ({listing.split_rule}). "
                "Add images to it, or give folders train, val and test."
            )


def _check_same(folder: RunFolder, spec: RunSpec, *, data: Path, target: Target | None, seed: int | None) -> None:
    """A run goes on only as it was begun."""
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


def _forget_failed_start(folder: RunFolder) -> None:
    """An attempt that ended at the data, before anything could be trained, is no segment of this run."""
    if folder.events.is_file() and "train_samples" not in folder.events.read_text(encoding="utf-8"):
        folder.events.unlink()


def _check_empty(root: Path) -> None:
    if root.is_dir() and os.listdir(root):
        raise InputError(
            f"{root} is not empty and is not a run. Expected a new folder or an earlier run. Choose another --out."
        )
