"""Decoded images as one flat run of bytes, on a disk, in memory or on the GPU, handed out in padded batches."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

_SHARE = 0.5  # of the device's free memory that decoded images may take


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelStore:
    """``flat``: uint8. An image's row numbers its ``offset``, ``height`` and ``width`` (int64 [N])."""

    flat: NDArray[np.uint8]
    offset: NDArray[np.int64]
    height: NDArray[np.int64]
    width: NDArray[np.int64]
    on_device: torch.Tensor | None = None

    def image(self, row: int) -> NDArray[np.uint8]:
        """uint8 [height, width, 3], a view."""
        height, width, offset = int(self.height[row]), int(self.width[row]), int(self.offset[row])
        return self.flat[offset : offset + height * width * 3].reshape(height, width, 3)

    def moved_to(self, device: torch.device) -> "PixelStore":
        """The same with its bytes on a GPU, where half of its free memory holds them; otherwise as it is."""
        if device.type != "cuda" or self.flat.nbytes > _SHARE * torch.cuda.mem_get_info(device)[0]:
            return self
        return PixelStore(
            flat=self.flat,
            offset=self.offset,
            height=self.height,
            width=self.width,
            on_device=torch.from_numpy(np.array(self.flat)).to(device),
        )

    def batch(self, rows: NDArray[np.int64], device: torch.device) -> torch.Tensor:
        """uint8 [B, H, W, 3] on ``device``, smaller images padded with zeros below and to the right."""
        heights, widths = self.height[rows], self.width[rows]
        if self.on_device is None:
            even = len(set(heights.tolist())) == 1 and len(set(widths.tolist())) == 1
            shape = (len(rows), int(heights.max()), int(widths.max()), 3)
            padded = np.empty(shape, dtype=np.uint8) if even else np.zeros(shape, dtype=np.uint8)
            for place, row in enumerate(rows.tolist()):
                padded[place, : heights[place], : widths[place]] = self.image(row)
            return torch.from_numpy(padded).to(device, non_blocking=True)
        images = torch.zeros((len(rows), int(heights.max()), int(widths.max()), 3), dtype=torch.uint8, device=device)
        for place, row in enumerate(rows.tolist()):
            height, width, offset = int(heights[place]), int(widths[place]), int(self.offset[row])
            window = self.on_device[offset : offset + height * width * 3].view(height, width, 3)
            images[place, :height, :width] = window
        return images
