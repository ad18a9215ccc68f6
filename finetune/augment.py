"""Augmentation as a function of (seed, epoch, index): nothing to save, nothing to restore.

Every random number is a hash of a counter (SplitMix64: Steele, Lea & Flood 2014), so that a run that
was killed draws the same crops when it goes on, whatever the batch size or the number of processes.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from .pixels import Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Random resized crop (area share and aspect ratio ranges) and horizontal flip probability."""

    area: tuple[float, float]
    ratio: tuple[float, float]
    flip: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A window in pixels, and whether it is mirrored."""

    top: int
    left: int
    height: int
    width: int
    flipped: bool


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def uniforms(seed: int, epoch: int, index: int, count: int) -> NDArray[np.float64]:
    """``count`` numbers in [0, 1) that depend on nothing but the arguments."""
    state = np.zeros(1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for word in (seed, epoch, index):
            state = _mix(state + np.uint64(word % 2**64) + np.uint64(0x9E3779B97F4A7C15))
        steps = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        bits: NDArray[np.uint64] = _mix(state + steps)
    numbers: NDArray[np.float64] = (bits >> np.uint64(11)).astype(np.float64) / 2.0**53
    return numbers


def order(seed: int, epoch: int, n: int) -> NDArray[np.int64]:
    """The order of ``n`` examples in an epoch: each once."""
    return np.argsort(uniforms(seed, epoch, -1, n), kind="stable")


def draw_crop(how: Augmentation, height: int, width: int, numbers: NDArray[np.float64]) -> Crop:
    """A window of random area and aspect ratio; the whole image where the draw does not fit.

    ``numbers`` are five uniforms: area, ratio, top, left, flip.
    """
    area = height * width * (how.area[0] + (how.area[1] - how.area[0]) * numbers[0])
    low, high = math.log(how.ratio[0]), math.log(how.ratio[1])
    ratio = math.exp(low + (high - low) * numbers[1])
    w, h = min(width, round(math.sqrt(area * ratio))), min(height, round(math.sqrt(area / ratio)))
    w, h = max(1, w), max(1, h)
    return Crop(
        top=int(numbers[2] * (height - h + 1)),
        left=int(numbers[3] * (width - w + 1)),
        height=h,
        width=w,
        flipped=bool(numbers[4] < how.flip),
    )


def cut(image: Pixels, crop: Crop, size: int) -> torch.Tensor:
    """The window of ``image`` (uint8 [height, width, 3]) as float [3, size, size] in 0..255."""
    window = image[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width]
    resized = interpolate(
        # A copy, because the images lie in a read-only file.
        torch.from_numpy(np.array(window)).permute(2, 0, 1).unsqueeze(0).float(),
        size=(size, size),
        mode="bilinear",
        antialias=True,
        align_corners=False,
    )[0]
    return resized.flip(2) if crop.flipped else resized
