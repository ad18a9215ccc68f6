"""Which protocol measures a model that has none yet, and the same protocol at another size."""

import math
from collections.abc import Sequence
from typing import cast

import timm

from roadworthy.model_cards import CATALOGUE, Protocol, image_top1
from roadworthy.model_cards.catalogue import IMAGENET_MEAN, IMAGENET_STD
from roadworthy.model_cards.protocol import Interpolation


def default_protocol(architecture: str, system: str) -> Protocol:
    """The catalogue's protocol for a system of its own, otherwise what timm evaluates the architecture with."""
    if system in CATALOGUE:
        return CATALOGUE[system].protocol
    published = timm.get_pretrained_cfg(architecture)
    if published is None:
        return image_top1(resize=256, crop=224, interpolation="bilinear", mean=IMAGENET_MEAN, std=IMAGENET_STD)
    crop = int(published.input_size[-1])
    return image_top1(
        resize=math.floor(crop / published.crop_pct),
        crop=crop,
        interpolation="bilinear" if published.interpolation == "bilinear" else "bicubic",
        mean=published.mean,
        std=published.std,
    )


def at_size(protocol: Protocol, size: int) -> Protocol:
    """The protocol with a crop of ``size`` pixels, cut from the same share of the image."""
    parameters = protocol.parameters
    crop, resize = int(str(parameters["crop"])), int(str(parameters["resize"]))
    return image_top1(
        resize=round(size * resize / crop),
        crop=size,
        interpolation=cast("Interpolation", parameters["interpolation"]),
        mean=cast("Sequence[float]", parameters["mean"]),
        std=cast("Sequence[float]", parameters["std"]),
    )
