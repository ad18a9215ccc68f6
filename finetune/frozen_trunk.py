"""An encoder whose lower layers stay as they are: their states are computed once for each text and kept.

Shapes: B batch, L tokens of the batch's longest text, T tokens of a whole part, D hidden size.
"""

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil
import torch
from torch import nn

from .first_token import FirstTokenLayer
from .precision import autocast
from .token_store import TokenStore

_LAYER = re.compile(r"(?:^|\.)(?:layer|layers|h|blocks)$")
_SHARE = 0.25  # of the free memory that states may take
_TOLERANCE = 1e-4  # of the largest logit: the same float32 arithmetic in two calls instead of one


class _Passthrough(nn.Module):
    """Stands where the embeddings were: what comes in are states already."""

    def forward(self, *given: Any, **named: Any) -> torch.Tensor:
        """The states as they are: the one argument that is no ids, by whatever name or place it comes."""
        states = (x for x in (*given, *named.values()) if isinstance(x, torch.Tensor) and x.is_floating_point())
        return next(states)


@dataclass(kw_only=True)
class FrozenTrunk:
    """``lower`` ends with the last frozen layer, ``upper`` begins after it; both share the model's weights."""

    lower: nn.Module
    upper: nn.Module
    tokens: TokenStore
    precision: str
    chunk_of: dict[int, Sequence[int]]
    """For each text (by row) the texts that its states are computed together with, always the same: floating-point
    sums depend on what else is in a batch, and a resumed run must end with the same bits."""
    _states_TD: torch.Tensor | None = None
    _known: set[int] = field(default_factory=set)

    def states(self, rows: Sequence[int]) -> torch.Tensor:
        """[B, L, D]: what the first layer above the frozen ones takes in."""
        for row in rows:
            if row not in self._known:
                self._compute(self.chunk_of[row])
        assert self._states_TD is not None
        place_BL, mask_BL = self.tokens.places(torch.tensor(rows, device=self.tokens.ids.device))
        return self._states_TD[place_BL] * mask_BL[..., None].to(self._states_TD.dtype)

    def logits(self, states_BLD: torch.Tensor, mask_BL: torch.Tensor) -> torch.Tensor:
        """[B, C]."""
        scores: torch.Tensor = self.upper(inputs_embeds=states_BLD, attention_mask=mask_BL).logits
        return scores

    @torch.inference_mode(mode=False)  # an evaluation may ask first, and what comes out goes into a graph later
    @torch.no_grad()
    def _compute(self, rows: Sequence[int]) -> None:
        # Frozen for good, dropout included: a state that is kept cannot be another one in every epoch.
        training = self.lower.training
        self.lower.eval()
        at = torch.tensor(rows, device=self.tokens.ids.device)
        ids_BL, mask_BL = self.tokens.batch(at)
        with autocast(self.precision, ids_BL.device):
            states_BLD = self.lower(input_ids=ids_BL, attention_mask=mask_BL).last_hidden_state
        self.lower.train(training)
        place_BL, real_BL = self.tokens.places(at)
        if self._states_TD is None:
            shape = (len(self.tokens.ids), states_BLD.shape[-1])
            self._states_TD = torch.empty(shape, dtype=states_BLD.dtype, device=states_BLD.device)
        self._states_TD[place_BL[real_BL]] = states_BLD[real_BL]
        self._known.update(rows)


def split_off(
    model: nn.Module, tokens: TokenStore, chunks: Sequence[Sequence[int]], precision: str
) -> FrozenTrunk | None:
    """The trunk of ``model``, by what of it requires no gradient.

    ``chunks``: the rows that may be asked for, in the batches that their states are computed in.

    Returns:
        ``None`` where nothing is frozen, where the architecture cannot be cut, or where memory is short.
    """
    transformers_model: Any = model
    name = getattr(model, "base_model_prefix", "")
    base = getattr(model, name, None) if name else None
    layers_at = next((n for n, m in model.named_modules() if isinstance(m, nn.ModuleList) and _LAYER.search(n)), None)
    if base is None or layers_at is None or not hasattr(base, "embeddings") or not layers_at.startswith(f"{name}."):
        return None
    layers = list(transformers_model.get_submodule(layers_at))
    frozen = 0
    while frozen < len(layers) and _is_frozen(layers[frozen]):
        frozen += 1
    if frozen == 0 or not _is_frozen(base.embeddings) or not _fits(tokens, transformers_model.config.hidden_size):
        return None
    inside = layers_at.removeprefix(f"{name}.")
    lower = _with(
        base, {inside: nn.ModuleList(layers[:frozen])} | ({"pooler": None} if hasattr(base, "pooler") else {})
    )
    chunk_of = {row: chunk for chunk in chunks for row in chunk}
    # The cheapest first: an architecture that it does not suit gives other logits, or none.
    for kept in _upper_layers(layers[frozen:]):
        upper = _with(model, {layers_at: nn.ModuleList(kept), f"{name}.embeddings": _Passthrough()})
        trunk = FrozenTrunk(lower=lower, upper=upper, tokens=tokens, precision=precision, chunk_of=chunk_of)
        if _computes_the_same(trunk, model, chunks[0][:2]):
            return trunk
    return None


def _upper_layers(layers: list[nn.Module]) -> list[list[nn.Module]]:
    """Ways to compute them, the last layer for the first token alone before the whole of it."""
    return [[*layers[:-1], FirstTokenLayer(layers[-1])], layers] if layers else [layers]


def _is_frozen(module: nn.Module) -> bool:
    return not any(parameter.requires_grad for parameter in module.parameters())


def _fits(tokens: TokenStore, hidden: int) -> bool:
    device = tokens.ids.device
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    return len(tokens.ids) * hidden * 4 < _SHARE * free


def _with(module: nn.Module, replaced: dict[str, nn.Module | None]) -> nn.Module:
    """A copy of ``module`` that shares everything but the submodules at the given paths."""
    changed = copy.copy(module)
    changed._modules = dict(module._modules)
    inner: dict[str, dict[str, nn.Module | None]] = {}
    for path, new in replaced.items():
        first, _, rest = path.partition(".")
        if rest:
            inner.setdefault(first, {})[rest] = new
        else:
            changed._modules[first] = new
    for first, paths in inner.items():
        child = module._modules[first]
        assert child is not None
        changed._modules[first] = _with(child, paths)
    return changed


@torch.no_grad()
def _computes_the_same(trunk: FrozenTrunk, model: nn.Module, rows: Sequence[int]) -> bool:
    """Whether the two halves give the whole's logits: architectures differ in what they do around their layers."""
    training = model.training
    model.eval()
    ids, mask = trunk.tokens.batch(torch.tensor(rows, device=trunk.tokens.ids.device))
    try:
        expected = model(input_ids=ids, attention_mask=mask).logits
        lower = trunk.lower(input_ids=ids, attention_mask=mask).last_hidden_state
        found = trunk.logits(lower, mask)
    except (AttributeError, IndexError, RuntimeError, TypeError, ValueError):
        return False
    finally:
        model.train(training)
    return torch.allclose(found, expected, rtol=0, atol=_TOLERANCE * float(expected.abs().max()))
