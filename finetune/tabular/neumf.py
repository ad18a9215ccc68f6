"""NeuMF: a product of two embeddings beside a network over two others, into one score.

He et al. 2017 (arXiv 1708.05031), in the form of NVIDIA DeepLearningExamples, PyTorch/Recommendation/NCF: 64 factors,
layers 256-256-128-64, dropout 0.5.
"""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import nn

from .dropout import Dropout
from .tables import Tables


class NeuMf(nn.Module):
    """Scores pairs of one of ``users`` and one of ``items``.

    ``layers``: the widths of the network, from its input on, half of which is the user's.
    """

    def __init__(
        self,
        *,
        users: int,
        items: int,
        factors: int = 64,
        layers: Sequence[int] = (256, 256, 128, 64),
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.factors = Tables((users, items), factors)
        self.inputs = Tables((users, items), layers[0] // 2)
        made: list[nn.Module] = []
        for before, after in itertools.pairwise(layers):
            layer = nn.Linear(before, after)
            nn.init.xavier_uniform_(layer.weight)
            made += [layer, nn.ReLU(), Dropout(dropout)]
        self.layers = nn.Sequential(*made)
        self.score = nn.Linear(layers[-1] + factors, 1)
        limit = math.sqrt(3 / self.score.in_features)  # LeCun's
        nn.init.uniform_(self.score.weight, -limit, limit)
        for tables in (self.factors, self.inputs):
            tables.fill(lambda block, size: block.normal_(0.0, 0.01))

    def forward(self, numeric: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """Logits [B] of users and items, int64 [B, 2]. ``numeric``, [B, 0], is what every model of rows is given."""
        user, item = self.factors(ids).unbind(1)
        scores: torch.Tensor = self.score(torch.cat([user * item, self.layers(self.inputs(ids).flatten(1))], dim=1))
        return scores.squeeze(1)
