"""The catalogue: each system is an architecture, a task, a protocol and an industry target.

Data, not code: a dict of frozen entries, so that listing systems imports no framework.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from .errors import InputError
from .protocol import Protocol, image_top1
from .protocols_of_scores import click_through, legacy_ranking, sampled_recommendation
from .target import Target

# The means and standard deviations of ImageNet's channels that every reference recipe uses.
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """One system.

    ``architecture`` is a name that ``finetune`` builds; ``parameters`` the reference's exact count with ``classes``
    classes, ``None`` where it has none: the sizes of its tables are then those of ``data``. ``source``: where target
    and recipe were published.
    """

    name: str
    task: str
    architecture: str
    parameters: int
    classes: int | None
    protocol: Protocol
    target: Target
    source: str
    data: str | None = None


# 224 x 224 centre crop of a bilinear resize of the short side to 256, one crop, one pass.
_IMAGENET = image_top1(resize=256, crop=224, interpolation="bilinear", mean=IMAGENET_MEAN, std=IMAGENET_STD)
_CONVNETS = "NVIDIA DeepLearningExamples, PyTorch/Classification/ConvNets"


def _imagenet(name: str, architecture: str, parameters: int, top1: float, folder: str) -> System:
    return System(
        name=name,
        task="image-classification",
        architecture=architecture,
        parameters=parameters,
        classes=1000,
        protocol=_IMAGENET,
        target=Target(metric="top1", relation=">=", threshold=top1),
        source=f"{_CONVNETS}/{folder}",
    )


_RECOMMENDERS = "NVIDIA DeepLearningExamples"

# Their parameters are nearly all rows of tables, as many as the data has values.
_OF_TABLES = (
    System(
        name="dlrm",
        task="click-through",
        architecture="dlrm",
        parameters=4_189_139_585,
        classes=None,
        data="Criteo 1TB, frequency limit 15",
        protocol=click_through(),
        target=Target(metric="auc", relation=">=", threshold=0.8),
        source=f"{_RECOMMENDERS}, PyTorch/Recommendation/DLRM",
    ),
    System(
        name="ncf",
        task="recommendation",
        architecture="neumf",
        parameters=31_832_577,
        classes=None,
        data="MovieLens 20M",
        protocol=sampled_recommendation(negatives=100, seed=0),
        target=Target(metric="hit_rate_at_10", relation=">=", threshold=0.95),
        source=f"{_RECOMMENDERS}, PyTorch/Recommendation/NCF",
    ),
    System(
        name="wide-and-deep",
        task="ranking",
        architecture="wide_deep",
        parameters=91_777_245,
        classes=None,
        data="Outbrain click prediction",
        # The published target is of the reference's own count, which cuts groups at the edges of batches.
        protocol=legacy_ranking(batch_size=131_072),
        target=Target(metric="legacy_map_at_12", relation=">=", threshold=0.67),
        source=f"{_RECOMMENDERS}, TensorFlow2/Recommendation/WideAndDeep",
    ),
)


CATALOGUE: Mapping[str, System] = {
    system.name: system
    for system in (
        _imagenet("resnet50-v1.5", "resnet50", 25_557_032, 0.76, "resnet50v1.5"),
        _imagenet("resnext101-32x4d", "resnext101_32x4d", 44_177_704, 0.792, "resnext101-32x4d"),
        # Squeeze width 16 in every block, as the reference has it; timm's net of this name has 48,955,416.
        _imagenet("se-resnext101-32x4d", "se_resnext101_32x4d_rd16", 45_251_128, 0.799, "se-resnext101-32x4d"),
        *_OF_TABLES,
    )
}


def find(name: str) -> System:
    """The system of that name.

    Raises:
        InputError: no such system; the message names the nearest.
    """
    if name in CATALOGUE:
        return CATALOGUE[name]
    near = difflib.get_close_matches(name, CATALOGUE, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    raise InputError(
        f"no system is called {name!r}. Expected one of: {', '.join(CATALOGUE)}; "
        f"'timm:ARCHITECTURE'; or a reference such as team/model@1.0.0.{hint}"
    )
