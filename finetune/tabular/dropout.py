"""Dropout whose random bits cost little on a CPU.

torch draws one number for each element there, one after another, unless the processor is of one maker. Four elements
out of each 64-bit word of the same generator take a seventh of the time; dropout is nearly half of a step of NeuMF.
"""

import torch
from torch import nn

_LEVELS = 2**16  # of a share; 0.1 is 0.10001


class Dropout(nn.Dropout):
    """``nn.Dropout``, with other masks where it trains on a CPU: the share of zeros is ``p`` to within 1 in 131,072."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Zeros at random places of a tensor of any shape, what is left scaled up so that the mean stays."""
        dropped = round(self.p * _LEVELS)
        if not self.training or input.device.type != "cpu" or not 0 < dropped < _LEVELS:
            return super().forward(input)
        count = input.numel()
        words = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None)
        kept = (words.view(torch.int16)[:count] >= dropped - _LEVELS // 2).view(input.shape)
        return input * kept.to(input.dtype).mul_(_LEVELS / (_LEVELS - dropped))
