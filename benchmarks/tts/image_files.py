"""Photographs as the documented contenders read them: opened, decoded and transformed each time."""

from collections.abc import Callable
from typing import Any

import torch
from case import Labelled
from PIL import Image
from torch.utils.data import Dataset

SIZE = 128  # pixels, the crop
SHORT_SIDE = 146  # pixels, before the crop: floor(128 / 0.875)


class Files(Dataset):
    """(transformed image, class) of each file."""

    def __init__(self, files: Labelled, transform: Callable[[Image.Image], Any]) -> None:
        self.files = files
        self.transform = transform

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> tuple[Any, int]:
        path, label = self.files[number]
        with Image.open(path) as file:
            return self.transform(file.convert("RGB")), label


def evaluation_image(path: str) -> torch.Tensor:
    """Protocol image-top1-bicubic-146-128: float32 [3, 128, 128], mean 0.5, deviation 0.5."""
    with Image.open(path) as file:
        image = file.convert("RGB")
    width, height = image.size
    short = min(width, height)
    image = image.resize((SHORT_SIDE * width // short, SHORT_SIDE * height // short), Image.Resampling.BICUBIC)
    left, top = round((image.width - SIZE) / 2), round((image.height - SIZE) / 2)
    image = image.crop((left, top, left + SIZE, top + SIZE))
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).view(SIZE, SIZE, 3).permute(2, 0, 1)
    return (pixels / 255 - 0.5) / 0.5
