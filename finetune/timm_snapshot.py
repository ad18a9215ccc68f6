"""Snapshots of image classifiers in timm's own form, so that timm and transformers open them as they are."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from roadworthy.model_cards import InputError, image_top1
from roadworthy.model_cards.protocol import with_metric
from roadworthy.model_cards.snapshot import CONFIG

from .model_config import ModelConfig, our_section, read_document, upstream_of, write_document
from .weights import read_weights, write_weights

TASK = "image-classification"
_MOST_CLASSES = 1_000_000


def is_timm(document: Mapping[str, Any]) -> bool:
    """Whether a ``config.json`` is of this form."""
    return "architecture" in document and "model_type" not in document


def read_config(folder: Path) -> ModelConfig:
    """Reads ``config.json``; one that timm wrote, without our section, is understood too.

    Raises:
        InputError: no config.json, not timm's form, or one that asks for code of its own.
    """
    document = read_document(folder)
    try:
        cfg = document.get("pretrained_cfg", {})
        ours = document.get("roadworthy", {})
        crop = int(cfg["input_size"][-1])
        protocol = image_top1(
            resize=int(ours.get("resize", math.floor(crop / cfg.get("crop_pct", 0.875)))),
            crop=crop,
            interpolation="bilinear" if cfg["interpolation"] == "bilinear" else "bicubic",
            mean=cfg["mean"],
            std=cfg["std"],
        )
        names = document.get("label_names") or cfg.get("label_names")
        labels = tuple(map(str, names)) if names else tuple(map(str, range(_classes(document))))
        return ModelConfig(
            task=TASK,
            architecture=document["architecture"],
            system=ours.get("system", document["architecture"]),
            labels=labels,
            protocol=with_metric(protocol, ours.get("metric", protocol.metric)),
            upstream=upstream_of(document),
            settings=_settings(document),
            folder=folder,
        )
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"{folder / CONFIG} is not an image classifier's config in timm's form: {error!r} is missing or wrong. "
            "Expected architecture, num_classes and pretrained_cfg with input_size, interpolation, mean, std."
        ) from error


def _settings(document: Mapping[str, Any]) -> dict[str, Any]:
    # timm would build the net with it, and no weight tells: what is measured has to be what others open.
    pool = document.get("model_args", {}).get("global_pool")
    return {} if pool is None else {"global_pool": str(pool)}


def _classes(document: Mapping[str, Any]) -> int:
    # Each becomes a label before a tensor is looked at: a few digits would fill the memory.
    classes = int(document["num_classes"])
    if not 0 <= classes <= _MOST_CLASSES:
        raise ValueError(f"num_classes {classes}")
    return classes


def open_model(folder: Path, config: ModelConfig) -> nn.Module:
    """The snapshot's model, on the CPU.

    Raises:
        InputError: weights that do not fit the architecture its config names.
    """
    from .architectures import build

    model = build(config.architecture, num_classes=len(config.labels), **config.settings)
    model.load_state_dict(read_weights(folder, model))
    return model.eval()


def save(folder: Path, model: nn.Module, config: ModelConfig) -> None:
    """Writes ``config.json`` and ``model.safetensors``.

    Raises:
        StorageError: the folder cannot be written.
    """
    write_weights(folder, model)
    write_document(folder, _document(model, config))


def _document(model: nn.Module, config: ModelConfig) -> dict[str, Any]:
    """The preprocessing stands where timm looks for it."""
    from .architectures import classifier_keys

    parameters: Mapping[str, Any] = config.protocol.parameters
    keys = classifier_keys(model)
    return {
        "architecture": config.architecture,
        "num_classes": len(config.labels),
        "num_features": int(getattr(model, "num_features", 0)),
        "label_names": list(config.labels),
        "pretrained_cfg": {
            "tag": "roadworthy",
            "custom_load": False,
            "input_size": [3, parameters["crop"], parameters["crop"]],
            "fixed_input_size": False,
            "interpolation": parameters["interpolation"],
            "crop_pct": _crop_pct(int(parameters["crop"]), int(parameters["resize"])),
            "crop_mode": "center",
            "mean": list(parameters["mean"]),
            "std": list(parameters["std"]),
            "num_classes": len(config.labels),
            "first_conv": _first_conv(model),
            "classifier": keys[0].rsplit(".", 1)[0] if keys else "",
        },
        "roadworthy": our_section(config, resize=parameters["resize"]),
    }


def _first_conv(model: nn.Module) -> str | None:
    return next((name for name, module in model.named_modules() if isinstance(module, torch.nn.Conv2d)), None)


def _crop_pct(crop: int, resize: int) -> float:
    """The share from which timm's ``floor(crop / share)`` gives back exactly ``resize``."""
    for digits in range(3, 9):
        share = round(crop / resize, digits)
        if math.floor(crop / share) == resize:
            return share
    # Just below crop / resize, so that rounding cannot fall under the whole number.
    return crop / (resize + 1e-6)
