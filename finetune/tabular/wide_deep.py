"""Wide & Deep: a linear model of all features beside a network over their embeddings, added up.

Cheng et al. 2016 (arXiv 1606.07792), in the form of NVIDIA DeepLearningExamples, TensorFlow2/Recommendation/
WideAndDeep: five layers of 1,024 with dropout 0.1; several categories of one column are averaged in the network and
added up in the linear model.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import nn

from .dropout import Dropout
from .tables import Tables


class WideDeep(nn.Module):
    """Scores rows of ``numeric`` numbers and categories: of column f at most ``hotness[f]`` out of ``sizes[f]``, whose
    embeddings are ``widths[f]`` wide."""

    def __init__(
        self,
        *,
        numeric: int,
        sizes: Sequence[int],
        widths: Sequence[int],
        hotness: Sequence[int] | None = None,
        layers: Sequence[int] = (1024,) * 5,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        hotness = tuple(hotness or (1,) * len(sizes))
        self.wide = Tables(sizes, 1, hotness=hotness, combine="sum")
        self.wide_numeric = nn.Parameter(torch.zeros(numeric))
        self.wide_bias = nn.Parameter(torch.zeros(()))
        # One matrix for the tables of each width, and which columns of the input are theirs.
        self.deep = nn.ModuleDict()
        self._columns: dict[str, list[int]] = {}
        begin = list(itertools.accumulate((0, *hotness)))
        for width in sorted(set(widths), reverse=True):
            mine = [f for f, one in enumerate(widths) if one == width]
            self.deep[str(width)] = Tables(
                [sizes[f] for f in mine], width, hotness=[hotness[f] for f in mine], combine="mean"
            )
            self._columns[str(width)] = [at for f in mine for at in range(begin[f], begin[f + 1])]
        made: list[nn.Module] = []
        for before, after in itertools.pairwise((numeric + sum(widths), *layers)):
            made += [_filled(nn.Linear(before, after)), nn.ReLU(), Dropout(dropout)]
        self.layers = nn.Sequential(*made)
        self.score = _filled(nn.Linear(layers[-1], 1))
        nn.init.zeros_(self.wide.weight)
        for tables in self.deep.values():
            assert isinstance(tables, Tables)
            tables.fill(lambda block, size: nn.init.trunc_normal_(block, std=(2 / (size + block.shape[1])) ** 0.5))

    def forward(self, numeric: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """Logits [B] of rows with numbers, float [B, N], and categories, int64 [B, sum of hotness], -1 for none."""
        wide: torch.Tensor = self.wide(ids).sum(dim=(1, 2)) + numeric @ self.wide_numeric + self.wide_bias
        embedded = [self.deep[width](ids[:, columns]).flatten(1) for width, columns in self._columns.items()]
        deep: torch.Tensor = self.score(self.layers(torch.cat([*embedded, numeric], dim=1)))
        return wide + deep.squeeze(1)


def _filled(layer: nn.Linear) -> nn.Linear:
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
