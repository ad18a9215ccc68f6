"""Tokenised texts as one flat run of ids, in memory or on the GPU, handed out in padded batches."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

_MULTIPLE = 8  # lengths are padded to it: matrix products on GPUs are fastest so


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenStore:
    """``ids``: int32, one text after another; text ``n`` is ``ids[offset[n]:offset[n + 1]]``."""

    ids: torch.Tensor
    offset: torch.Tensor
    pad: int

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each text."""
        lengths: NDArray[np.int64] = (self.offset[1:] - self.offset[:-1]).cpu().numpy()
        return lengths

    def moved_to(self, device: torch.device) -> "TokenStore":
        """The same on another device."""
        return TokenStore(ids=self.ids.to(device), offset=self.offset.to(device), pad=self.pad)

    def places(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Where the tokens of the texts in ``rows`` lie in ``ids``, int64 [B, L], and which are real, bool [B, L]."""
        start_B, end_B = self.offset[rows], self.offset[rows + 1]
        longest = int((end_B - start_B).max())
        length = -(-longest // _MULTIPLE) * _MULTIPLE
        place_BL = start_B[:, None] + torch.arange(length, device=self.ids.device)
        mask_BL = place_BL < end_B[:, None]
        return place_BL.clamp(max=len(self.ids) - 1), mask_BL

    def batch(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(token ids, attention mask) of the texts in ``rows``, int64 [B, L], padded on the right."""
        place_BL, mask_BL = self.places(rows)
        return self.ids[place_BL].long().masked_fill(~mask_BL, self.pad), mask_BL.long()
