"""Random resized crops of a whole batch at once, on whichever device the pixels are.

Shapes: B batch, H and W the batch's largest image in pixels, S crop size.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Random resized crop (area share and aspect ratio ranges) and horizontal flip probability."""

    area: tuple[float, float]
    ratio: tuple[float, float]
    flip: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Crops:
    """A window for each image, in pixels (int64 [B]), and whether it is mirrored (bool [B])."""

    top: NDArray[np.int64]
    left: NDArray[np.int64]
    height: NDArray[np.int64]
    width: NDArray[np.int64]
    flipped: NDArray[np.bool_]


def draw_crops(
    how: Augmentation, height: NDArray[np.int64], width: NDArray[np.int64], numbers: NDArray[np.float64]
) -> Crops:
    """A window of random area and aspect ratio for each image, cut where the draw does not fit.

    ``numbers`` are five uniforms an image, [B, 5]: area, ratio, top, left, flip.
    """
    area = height * width * (how.area[0] + (how.area[1] - how.area[0]) * numbers[:, 0])
    low, high = math.log(how.ratio[0]), math.log(how.ratio[1])
    ratio = np.exp(low + (high - low) * numbers[:, 1])
    w = np.clip(np.rint(np.sqrt(area * ratio)).astype(np.int64), 1, width)
    h = np.clip(np.rint(np.sqrt(area / ratio)).astype(np.int64), 1, height)
    return Crops(
        top=(numbers[:, 2] * (height - h + 1)).astype(np.int64),
        left=(numbers[:, 3] * (width - w + 1)).astype(np.int64),
        height=h,
        width=w,
        flipped=numbers[:, 4] < how.flip,
    )


def centre_crops(height: NDArray[np.int64], width: NDArray[np.int64], size: int) -> Crops:
    """The centred window of ``size`` pixels; rounds half to even, as torchvision's does."""
    whole = np.full_like(height, size)
    return Crops(
        top=np.rint((height - size) / 2).astype(np.int64),
        left=np.rint((width - size) / 2).astype(np.int64),
        height=whole,
        width=whole,
        flipped=np.zeros(len(height), dtype=np.bool_),
    )


def cut(images: torch.Tensor, crops: Crops, size: int) -> torch.Tensor:
    """The windows of ``images`` (uint8 [B, H, W, 3]) as float32 [B, 3, S, S] in 0..255.

    Bilinear with antialiasing, the same filter as ``torch.nn.functional.interpolate(antialias=True)`` applied
    to each window: two matrix products for the whole batch instead of a call for each image.
    """
    x_BCHW = images.permute(0, 3, 1, 2).float()
    height, width = x_BCHW.shape[2:]
    if _are_plain(crops, size):
        top, left = int(crops.top[0]), int(crops.left[0])
        return x_BCHW[:, :, top : top + size, left : left + size]
    down_BSH = _weights(crops.top, crops.height, np.zeros_like(crops.flipped), size, height).to(images.device)
    across_BSW = _weights(crops.left, crops.width, crops.flipped, size, width).to(images.device)
    return torch.matmul(torch.matmul(down_BSH[:, None], x_BCHW), across_BSW[:, None].transpose(2, 3))


def _are_plain(crops: Crops, size: int) -> bool:
    """The same unscaled, unmirrored window for all: a slice."""
    same = all(len(set(values.tolist())) == 1 for values in (crops.top, crops.left))
    return bool(same and (crops.height == size).all() and (crops.width == size).all() and not crops.flipped.any())


def _weights(
    start: NDArray[np.int64], length: NDArray[np.int64], flipped: NDArray[np.bool_], size: int, extent: int
) -> torch.Tensor:
    """[B, size, extent]: how much each source pixel counts in each resampled one (a triangle filter)."""
    scale = (length / size)[:, None, None]
    support = np.maximum(scale, 1.0)
    place = np.arange(size)[None, :, None]
    # A mirrored window is the same window read from its other end.
    place = np.where(flipped[:, None, None], size - 1 - place, place)
    middle = start[:, None, None] + (place + 0.5) * scale
    pixel = np.arange(extent)[None, None, :]
    weight = np.maximum(0.0, 1.0 - np.abs(pixel + 0.5 - middle) / support)
    inside = (pixel >= start[:, None, None]) & (pixel < (start + length)[:, None, None])
    weight = np.where(inside, weight, 0.0)
    return torch.from_numpy((weight / weight.sum(2, keepdims=True)).astype(np.float32))
