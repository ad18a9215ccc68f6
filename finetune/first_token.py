"""The last layer of an encoder whose classifier reads the first token alone: nothing else of it is computed.

Every token hands the layer its key and its value; the query, the feed-forward part and both normalisations are
those of the first token. Of a layer's twelve D-by-D products for each token (four of attention, eight of the
feed-forward part) two are left.

Shapes: B batch, L tokens, D hidden size, H heads, K = D / H.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional


class FirstTokenLayer(nn.Module):
    """Around a layer built as BERT's is (``BertLayer`` of transformers; RoBERTa's and ELECTRA's are the same)."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(
        self, states_BLD: torch.Tensor, attention_mask: torch.Tensor | None = None, *_: Any, **__: Any
    ) -> torch.Tensor:
        """[B, 1, D]: what the layer makes of the first token. What a decoder's layer would be given too is not read.

        Raises:
            AttributeError, IndexError: a layer, or a mask, of another architecture.
        """
        layer: Any = self.layer
        attention = layer.attention.self
        first_B1D = states_BLD[:, :1]
        query_BH1K, key_BHLK, value_BHLK = (
            projected.unflatten(-1, (attention.num_attention_heads, -1)).transpose(1, 2)
            for projected in (attention.query(first_B1D), attention.key(states_BLD), attention.value(states_BLD))
        )
        seen_BH1K = functional.scaled_dot_product_attention(
            query_BH1K,
            key_BHLK,
            value_BHLK,
            attn_mask=None if attention_mask is None else attention_mask[:, :, :1],
            # The wrapper stands outside the model, so it is the layer that knows whether it is being trained.
            dropout_p=attention.dropout.p if layer.training else 0.0,
        )
        mixed_B1D = layer.attention.output(seen_BH1K.transpose(1, 2).flatten(-2), first_B1D)
        answer: torch.Tensor = layer.output(layer.intermediate(mixed_B1D), mixed_B1D)
        return answer
