"""Key maps between published checkpoint layouts and timm's.

Each layout is one function from timm's key to the key under which that publisher stores the same tensor.
What is known of each was learnt from the publisher's model definitions:

    torchvision        the same keys as timm for the nets listed below
    nvidia             DeepLearningExamples PyTorch/Classification/ConvNets since early 2021: `layers.0.…`
    nvidia-20.06       the releases of that project before it, those on NGC among them: `layer1.…`
    efficientnet-lite  the PyTorch port of EfficientNet: `_conv_stem`, `_blocks.0._depthwise_conv`, …

Where keys cannot tell layouts apart, all that fit are named: `torchvision/timm/nvidia-20.06`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from roadworthy.model_cards.errors import InputError

from . import architectures

_NVIDIA = frozenset(
    {
        "resnet50",
        "resnext101_32x4d",
        "se_resnext101_32x4d_rd16",
        # Not NVIDIA's net, but what one looks for first: its shapes do not fit, and the message says so.
        "seresnext101_32x4d",
    }
)
_TORCHVISION = frozenset(
    {
        *(
            "resnet18",
            "resnet34",
            "resnet50",
            "resnet101",
            "resnet152",
            "wide_resnet50_2",
            "wide_resnet101_2",
        ),
        *("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d"),
    }
)
# Not `efficientnet_lite0`: its keys are the same, but it pads otherwise and would classify worse in silence.
_EFFICIENTNET_LITE = frozenset(f"tf_efficientnet_lite{size}" for size in range(5))

# Counters that averaging and profiling leave among the weights; no forward pass reads them.
_LEFTOVER = re.compile(r"(^|\.)(n_averaged|total_ops|total_params)$")
_COUNTER = "num_batches_tracked"
_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Converted:
    """A state dict in timm's layout, the layout it came in, and the keys that had no place."""

    state_dict: dict[str, Tensor]
    layout: str
    dropped: tuple[str, ...]


def _same(key: str, keys: Sequence[str]) -> str:
    return key


def _nvidia_2006(key: str, keys: Sequence[str]) -> str:
    return key.replace(".se.fc1.", ".squeeze.squeeze.").replace(".se.fc2.", ".squeeze.expand.")


def _nvidia(key: str, keys: Sequence[str]) -> str:
    return re.sub(r"^layer(\d+)\.", lambda stage: f"layers.{int(stage[1]) - 1}.", _nvidia_2006(key, keys), count=1)


_LITE_ENDS = {
    "conv_stem": "_conv_stem",
    "bn1": "_bn0",
    "conv_head": "_conv_head",
    "bn2": "_bn1",
    "classifier": "_fc",
}
_LITE_EXPANDING = {
    "conv_pw": "_expand_conv",
    "bn1": "_bn0",
    "conv_dw": "_depthwise_conv",
    "bn2": "_bn1",
    "conv_pwl": "_project_conv",
    "bn3": "_bn2",
}
# The first block does not expand: its only pointwise convolution is the projection.
_LITE_PLAIN = {"conv_dw": "_depthwise_conv", "bn1": "_bn1", "conv_pw": "_project_conv", "bn2": "_bn2"}


_BLOCK = re.compile(r"blocks\.\d+\.\d+\.")


def _efficientnet_lite(key: str, keys: Sequence[str]) -> str:
    block = _BLOCK.match(key)
    if block is None:
        module, rest = key.split(".", 1)
        return f"{_LITE_ENDS[module]}.{rest}"
    stem = block[0]
    # timm counts blocks within stages, the port counts them through.
    stems = list(dict.fromkeys(found[0] for found in map(_BLOCK.match, keys) if found))
    parts = _LITE_EXPANDING if f"{stem}conv_pwl.weight" in keys else _LITE_PLAIN
    module, rest = key.removeprefix(stem).split(".", 1)
    return f"_blocks.{stems.index(stem)}.{parts[module]}.{rest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """A publisher's layout: `source` gives its key for one of timm's; None in `architectures` means any."""

    name: str
    architectures: frozenset[str] | None
    source: Callable[[str, Sequence[str]], str]

    def keys(self, expected: Sequence[str]) -> dict[str, str]:
        """This layout's key for each of timm's keys."""
        return {key: self.source(key, expected) for key in expected}


_LAYOUTS = (
    _Layout(name="torchvision", architectures=_TORCHVISION, source=_same),
    _Layout(name="timm", architectures=None, source=_same),
    _Layout(name="nvidia", architectures=_NVIDIA, source=_nvidia),
    _Layout(name="nvidia-20.06", architectures=_NVIDIA, source=_nvidia_2006),
    _Layout(name="efficientnet-lite", architectures=_EFFICIENTNET_LITE, source=_efficientnet_lite),
)


def convert(state_dict: Mapping[str, Tensor], architecture: str, *, num_classes: int | None = None) -> Converted:
    """``state_dict`` in timm's layout for ``architecture``, ready for a strict ``load_state_dict``.

    ``num_classes`` is the number of classes of the checkpoint's own head; without it, that of the
    architecture's published weights (1000 for ImageNet). Tensors keep their dtype and share memory with the
    input. Batch-norm counters that a publisher left out are filled with 0, which no forward pass reads.

    Raises:
        InputError: no such architecture, keys that fit no layout, or shapes that fit another net.
    """
    classes = architectures.default_classes(architecture) if num_classes is None else num_classes
    model = architectures.skeleton(architecture, num_classes=classes)
    expected = model.state_dict()
    dropped = tuple(key for key in state_dict if _LEFTOVER.search(key) and key not in expected)
    given = {key: tensor for key, tensor in state_dict.items() if key not in dropped}

    tried = {
        layout.name: layout.keys(tuple(expected))
        for layout in _LAYOUTS
        if layout.architectures is None or architecture in layout.architectures
    }
    fitting = [name for name, keys in tried.items() if not any(_differences(keys, given))]
    if not fitting:
        raise InputError(_no_layout(architecture, tried, given))

    keys = tried[fitting[0]]
    converted = {
        key: _fitted(given[keys[key]], like) if keys[key] in given else torch.zeros((), dtype=like.dtype)
        for key, like in expected.items()
    }
    _check_shapes(converted, expected, architecture, architectures.classifier_keys(model))
    return Converted(state_dict=converted, layout="/".join(fitting), dropped=dropped)


def _differences(keys: Mapping[str, str], given: Mapping[str, Tensor]) -> tuple[list[str], list[str]]:
    """What a layout lacks in ``given`` and what it has no place for."""
    missing = [source for source in keys.values() if source not in given and not source.endswith(_COUNTER)]
    places = set(keys.values())
    return missing, [key for key in given if key not in places]


def _no_layout(architecture: str, tried: Mapping[str, Mapping[str, str]], given: Mapping[str, Tensor]) -> str:
    differences = {name: _differences(keys, given) for name, keys in tried.items()}
    nearest = min(differences, key=lambda name: sum(map(len, differences[name])))
    missing, unexpected = differences[nearest]
    return (
        f"the checkpoint's {len(given)} keys fit no layout that is known for {architecture}:"
        f" expected {', '.join(tried)}. Nearest is {nearest}, where {_few(missing)} are missing and"
        f" {_few(unexpected)} have no place. Name the architecture that the weights were trained with."
    )


def _few(keys: Sequence[str]) -> str:
    # repr: these are a stranger's words.
    shown = ", ".join(f"{key!r:.80}" for key in keys[:_SHOWN]) + (", …" if len(keys) > _SHOWN else "")
    return f"{len(keys)} keys ({shown})" if keys else "no keys"


def _fitted(tensor: Tensor, like: Tensor) -> Tensor:
    """``tensor``, where a fully connected layer (out, in) is timm's 1x1 convolution (out, in, 1, 1)."""
    return tensor[:, :, None, None] if tensor.ndim == 2 and like.shape[2:] == (1, 1) else tensor


def _check_shapes(
    converted: Mapping[str, Tensor], expected: Mapping[str, Tensor], architecture: str, head: Sequence[str]
) -> None:
    wrong = [
        key
        for key, like in expected.items()
        if converted[key].shape != like.shape or converted[key].is_floating_point() != like.is_floating_point()
    ]
    if not wrong:
        return
    if set(wrong) <= set(head):
        found, wanted = converted[wrong[0]].shape[0], expected[wrong[0]].shape[0]
        raise InputError(
            f"the checkpoint's head has {found} classes, expected {wanted}. Pass num_classes={found} to keep it."
        )
    first = wrong[0]
    advice = (
        "NVIDIA's net is se_resnext101_32x4d_rd16."
        if architecture == "seresnext101_32x4d"
        else "Name the architecture that the weights were trained with."
    )
    raise InputError(
        f"the checkpoint has the keys of {architecture} but not its shapes: {len(wrong)} tensors differ, first"
        f" {first}: expected {tuple(expected[first].shape)} {expected[first].dtype},"
        f" found {tuple(converted[first].shape)} {converted[first].dtype}. {advice}"
    )
