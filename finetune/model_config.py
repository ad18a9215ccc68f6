"""config.json: timm's own form, so that timm and transformers open the snapshot, with one section of ours."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from roadworthy.model_cards import InputError, Protocol, image_top1
from roadworthy.model_cards.certificate import Upstream
from roadworthy.model_cards.snapshot import CONFIG

TASK = "image-classification"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """What must be known to open a model: its architecture, its classes, its protocol, its origin."""

    architecture: str
    system: str
    labels: tuple[str, ...]
    protocol: Protocol
    upstream: Upstream | None = None


def write(folder: Path, config: ModelConfig, *, num_features: int, first_conv: str | None, classifier: str) -> None:
    """Writes ``config.json``. The preprocessing stands where timm looks for it."""
    parameters = config.protocol.parameters
    crop = parameters["crop"]
    ours: dict[str, Any] = {
        "protocol": config.protocol.name,
        "resize": parameters["resize"],
        "system": config.system,
        "task": TASK,
    }
    if config.upstream is not None:
        ours["upstream"] = {
            "claim": config.upstream.claim,
            "licence": config.upstream.licence,
            "source": config.upstream.source,
            "status": "not verified here",
        }
    document = {
        "architecture": config.architecture,
        "num_classes": len(config.labels),
        "num_features": num_features,
        "label_names": list(config.labels),
        "pretrained_cfg": {
            "tag": "roadworthy",
            "custom_load": False,
            "input_size": [3, crop, crop],
            "fixed_input_size": False,
            "interpolation": parameters["interpolation"],
            "crop_pct": _crop_pct(int(str(crop)), int(str(parameters["resize"]))),
            "crop_mode": "center",
            "mean": list(parameters["mean"]),  # type: ignore[arg-type]
            "std": list(parameters["std"]),  # type: ignore[arg-type]
            "num_classes": len(config.labels),
            "first_conv": first_conv,
            "classifier": classifier,
        },
        "roadworthy": ours,
    }
    (folder / CONFIG).write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read(folder: Path) -> ModelConfig:
    """Reads ``config.json``; one that timm wrote, without our section, is understood too.

    Raises:
        InputError: no config.json, not timm's form, or one that asks for code of its own.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise InputError(f"no {CONFIG} in {folder}. Expected a snapshot: {CONFIG} beside model.safetensors.")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
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
        labels = tuple(names) if names else tuple(str(n) for n in range(int(document["num_classes"])))
        upstream = ours.get("upstream")
        return ModelConfig(
            architecture=document["architecture"],
            system=ours.get("system", document["architecture"]),
            labels=labels,
            protocol=protocol,
            upstream=Upstream(source=upstream["source"], claim=upstream["claim"], licence=upstream["licence"])
            if upstream
            else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} is not the config of an image classifier in timm's form: {error!r} is missing or wrong. "
            "Expected architecture, num_classes and pretrained_cfg with input_size, interpolation, mean, std."
        ) from error


def _crop_pct(crop: int, resize: int) -> float:
    """The share from which timm's ``floor(crop / share)`` gives back exactly ``resize``."""
    for digits in range(3, 9):
        share = round(crop / resize, digits)
        if math.floor(crop / share) == resize:
            return share
    # Just below crop / resize, so that rounding cannot fall under the whole number.
    return crop / (resize + 1e-6)
