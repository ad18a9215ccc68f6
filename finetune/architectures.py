"""Architectures by name, always with random weights and never with a network.

A name is not enough to say which net it is (see `fingerprint`).
"""

import difflib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import timm
import torch
from timm.layers.squeeze_excite import SEModule
from timm.models import group_parameters
from torch import nn

from roadworthy.model_cards.errors import InputError

IMAGENET_CLASSES = 1000


def _se_resnext101_32x4d_rd16(num_classes: int) -> nn.Module:
    # NVIDIA's net squeezes to 16 channels in every block; timm's and the paper's squeeze to a sixteenth.
    squeeze = partial(SEModule, rd_channels=16)
    model: nn.Module = timm.create_model(
        "seresnext101_32x4d", pretrained=False, num_classes=num_classes, block_args={"attn_layer": squeeze}
    )
    return model


# Nets that no timm name covers.
OWN: Mapping[str, Callable[[int], nn.Module]] = {"se_resnext101_32x4d_rd16": _se_resnext101_32x4d_rd16}


def names() -> tuple[str, ...]:
    """Every name that `build` accepts."""
    return (*OWN, *timm.list_models())


def build(architecture: str, *, num_classes: int, global_pool: str | None = None) -> nn.Module:
    """The net called ``architecture`` with random weights and a head of ``num_classes`` classes.

    ``global_pool`` is how timm is to pool the last features, where that is not as the architecture usually does.

    timm's ``resnet50`` is v1.5: the stride of a downsampling block is on its 3x3 convolution.

    Raises:
        InputError: no such architecture (the message names near ones), no such pooling, or ``num_classes`` below 1.
    """
    _check_name(architecture)
    _check_classes(num_classes)
    if architecture in OWN:
        return OWN[architecture](num_classes)
    more = {} if global_pool is None else {"global_pool": global_pool}
    try:
        model: nn.Module = timm.create_model(architecture, pretrained=False, num_classes=num_classes, **more)
    except (AssertionError, TypeError, ValueError) as error:
        if not more:
            raise
        raise InputError(f"{architecture} cannot be built with global_pool {global_pool!r} ({error}).") from error
    return model


def _check_name(architecture: str) -> None:
    # Only exact names pass: timm would fetch what `hf-hub:…` names, and `resnet50.tv_in1k` names weights.
    known = names()
    if architecture in known:
        return
    plain = architecture.split(".")[0].lower().replace("-", "_")
    # Our own names first: near ones of timm's thousand would crowd them out.
    near = [
        *difflib.get_close_matches(plain, OWN, n=1, cutoff=0.8),
        *difflib.get_close_matches(plain, known[len(OWN) :], n=3),
    ]
    advice = f"Did you mean {' or '.join(near)}?" if near else "`timm.list_models()` has the names."
    raise InputError(
        f"architecture {architecture!r} is not known: expected one of timm's {len(known) - len(OWN)} model names"
        f" or {', '.join(OWN)}. {advice}"
    )


def _check_classes(num_classes: int) -> None:
    if num_classes < 1:
        raise InputError(
            f"num_classes must be 1 or more, found {num_classes}. Give the number of classes in your data."
        )


def default_classes(architecture: str) -> int:
    """The number of classes of the architecture's published weights (1000 where none are published).

    Raises:
        InputError: no such architecture.
    """
    _check_name(architecture)
    published = None if architecture in OWN else timm.get_pretrained_cfg(architecture)
    return (published.num_classes if published else None) or IMAGENET_CLASSES


def _classifiers(model: nn.Module) -> tuple[nn.Module, ...]:
    timm_model: Any = model
    if not hasattr(model, "get_classifier"):
        raise InputError(
            f"{type(model).__name__} has no classifier head that is known: expected a model of timm"
            " (`get_classifier`). Build it with `roadworthy.finetune.architectures.build`."
        )
    found = timm_model.get_classifier()
    # Distilled transformers have two heads.
    return tuple(found) if isinstance(found, (tuple, list)) else (found,)


def classifier_keys(model: nn.Module) -> tuple[str, ...]:
    """The keys of the state dict that belong to the classifier head, in the state dict's order.

    Raises:
        InputError: not a model of timm.
    """
    heads = _classifiers(model)
    prefixes = tuple(
        f"{name}." for name, module in model.named_modules() if name and any(module is head for head in heads)
    )
    return tuple(key for key in model.state_dict() if prefixes and key.startswith(prefixes))


def replace_head(model: nn.Module, num_classes: int) -> None:
    """Give ``model`` a new random head of ``num_classes`` classes, in place; all other weights stay.

    Raises:
        InputError: ``num_classes`` below 1, or not a model of timm.
    """
    _check_classes(num_classes)
    like = next(parameter for parameter in _classifiers(model)[0].parameters())
    timm_model: Any = model
    timm_model.reset_classifier(num_classes)
    for head in _classifiers(model):
        head.to(device=like.device, dtype=like.dtype)


def layer_groups(model: nn.Module) -> list[list[str]]:
    """Names of all parameters, each once, in groups from the stem to the head: what freezing goes by.

    timm's own grouping, coarse where there is one; for a model that is not timm's, its children in order.
    """
    matcher = getattr(model, "group_matcher", None)
    if callable(matcher):
        try:
            groups = matcher(coarse=True)
        except AssertionError:  # how timm says that a net (RDNet) has only the fine grouping
            groups = matcher(coarse=False)
        by_depth: dict[int, list[str]] = group_parameters(model, groups)
        return [by_depth[depth] for depth in sorted(by_depth)]
    by_child: dict[str, list[str]] = {}
    for name, _ in model.named_parameters():
        by_child.setdefault(name.split(".")[0], []).append(name)
    return list(by_child.values())


def skeleton(architecture: str, *, num_classes: int) -> nn.Module:
    """`build` without memory for the weights (torch's meta device): names and shapes only."""
    with torch.device("meta"):
        return build(architecture, num_classes=num_classes)
