"""What the tuned image contenders share: photographs decoded once, milder crops, statistics that stay.

Somebody who knows this data and this machine decodes the photographs once, in threads, and keeps them in memory;
crops less than ImageNet's recipes do; and keeps batch normalisation's statistics, because 32 images give poor ones.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from case import Labelled
from image_files import SHORT_SIDE, SIZE
from PIL import Image
from torch import nn
from torch.utils.data import Dataset
from torchvision.transforms import v2

AUGMENT = v2.Compose(
    [v2.RandomResizedCrop(SIZE, scale=(0.6, 1.0), ratio=(0.8, 1.25), antialias=True), v2.RandomHorizontalFlip()]
)
CENTRE = v2.CenterCrop(SIZE)


class Decoded(Dataset):
    """(uint8 [3, 128, 128], class) of each photograph, augmented or not."""

    def __init__(self, files: Labelled, transform: Any) -> None:
        shrink = v2.Compose([v2.Resize(SHORT_SIDE, v2.InterpolationMode.BICUBIC), v2.PILToTensor()])

        def one(path: str) -> torch.Tensor:
            with Image.open(path) as file:
                return shrink(file.convert("RGB"))

        with ThreadPoolExecutor() as pool:
            self.pictures = list(pool.map(one, [path for path, _ in files]))
        self.labels = [label for _, label in files]
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.pictures[number]), self.labels[number]


def normalised(images: torch.Tensor) -> torch.Tensor:
    """uint8 [B, 3, 128, 128] to float32 with mean 0.5 and deviation 0.5, channels last."""
    return (images / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def keep_statistics(model: nn.Module) -> None:
    """Batch normalisation goes on with ImageNet's means and variances, whatever mode the model is put in."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
            module.train = lambda mode=True, module=module: module


def freeze_lower(network: Any, blocks: int) -> None:
    """The stem and the first ``blocks`` of EfficientNet-Lite0's seven stages stay as they are; none for 0."""
    for module in [network.conv_stem, network.bn1, *network.blocks[:blocks]] if blocks else []:
        module.requires_grad_(False)
