"""DLRM: the pairwise dot products of embeddings, and of what a network makes of the numbers, into a network.

Naumov et al. 2019 (arXiv 1906.00091), in the form of NVIDIA DeepLearningExamples, PyTorch/Recommendation/DLRM:
embeddings 128 wide, bottom 512-256-128, top 1024-1024-512-256-1, the interactions padded with zeros to a multiple of
eight.
"""

import itertools
import math
from collections.abc import Sequence

import torch
from torch import nn

from .tables import Tables


class Dlrm(nn.Module):
    """Scores rows of ``numeric`` numbers and categories: of column f at most ``hotness[f]`` (one) out of ``sizes[f]``.

    The last layer of ``bottom`` is as wide as the embeddings; ``top`` leaves the last layer, of one unit, unsaid.
    """

    def __init__(
        self,
        *,
        numeric: int,
        sizes: Sequence[int],
        hotness: Sequence[int] | None = None,
        bottom: Sequence[int] = (512, 256, 128),
        top: Sequence[int] = (1024, 1024, 512, 256),
    ) -> None:
        super().__init__()
        width = bottom[-1]
        self.bottom = _layers(max(1, numeric), bottom)
        self.tables = Tables(sizes, width, hotness=hotness)
        vectors = 1 + len(sizes)
        interactions = width + vectors * (vectors - 1) // 2
        self.padding = -interactions % 8
        self.top = _layers(interactions + self.padding, top)
        self.score = nn.Linear(top[-1], 1)
        _fill_layer(self.score)
        pairs = torch.tensor([(i, j) for i in range(vectors) for j in range(i)], dtype=torch.int64).reshape(-1, 2)
        self.register_buffer("pairs", pairs.T.contiguous(), persistent=False)
        self.pairs: torch.Tensor
        self.tables.fill(lambda block, size: block.uniform_(-math.sqrt(1 / size), math.sqrt(1 / size)))

    def forward(self, numeric: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """Logits [B] of rows with numbers, float [B, N], and categories, int64 [B, sum of hotness]."""
        if not numeric.shape[1]:  # nothing but categories: the bottom then learns one vector
            numeric = numeric.new_ones(ids.shape[0], 1)
        dense = self.bottom(numeric)
        vectors = torch.cat([dense[:, None], self.tables(ids)], dim=1)
        products = torch.bmm(vectors, vectors.transpose(1, 2))[:, self.pairs[0], self.pairs[1]]
        joined = torch.cat([dense, products, dense.new_zeros(dense.shape[0], self.padding)], dim=1)
        scores: torch.Tensor = self.score(self.top(joined))
        return scores.squeeze(1)


def _layers(inputs: int, widths: Sequence[int]) -> nn.Sequential:
    made: list[nn.Module] = []
    for before, after in itertools.pairwise((inputs, *widths)):
        layer = nn.Linear(before, after)
        _fill_layer(layer)
        made += [layer, nn.ReLU()]
    return nn.Sequential(*made)


def _fill_layer(layer: nn.Linear) -> None:
    # As the reference, and as the paper's own code.
    nn.init.normal_(layer.weight, 0.0, math.sqrt(2 / (layer.in_features + layer.out_features)))
    nn.init.normal_(layer.bias, 0.0, math.sqrt(1 / layer.out_features))
