"""Protocols: the exact way a metric is measured, with an id and a version.

A protocol's id spells out what changes the number (for images: interpolation, resize, crop), so that
two figures are comparable exactly when their protocols' names are equal.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .errors import InputError
from .evidence import Row
from .statistics import wilson
from .target import Relation

Interpolation = Literal["bilinear", "bicubic"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A measured figure under a named protocol; ``low`` and ``high`` bound it at ``confidence``."""

    name: str
    protocol: str
    value: float
    low: float
    high: float
    n: int
    confidence: float
    interval: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How a metric is measured.

    ``family`` names the scorer that recomputes the metric from evidence; ``parameters`` hold everything
    that an evaluation needs besides the weights.
    """

    family: str
    id: str
    version: int
    metric: str
    relation: Relation
    parameters: Mapping[str, int | float | str | tuple[float, ...]]

    @property
    def name(self) -> str:
        """``id@version``: what figures are compared under."""
        return f"{self.id}@{self.version}"


def image_top1(
    *,
    resize: int,
    crop: int,
    interpolation: Interpolation,
    mean: Sequence[float],
    std: Sequence[float],
) -> Protocol:
    """Top-1 accuracy of an image classifier: single centre crop, no test-time augmentation.

    Decoded by Pillow, EXIF orientation applied, RGB; the short side resized to ``resize`` pixels,
    the centre ``crop`` x ``crop`` taken, scaled to [0, 1], then ``(x - mean) / std`` per channel.
    """
    return Protocol(
        family="image-top1",
        id=f"image-top1-{interpolation}-{resize}-{crop}",
        version=1,
        metric="top1",
        relation=">=",
        parameters={
            "crop": crop,
            "decoder": "pillow",
            "interpolation": interpolation,
            "mean": tuple(float(m) for m in mean),
            "resize": resize,
            "std": tuple(float(s) for s in std),
        },
    )


def _check_id(protocol: Protocol) -> None:
    """An id that does not spell out its own parameters would let two different figures look comparable."""
    given: Mapping[str, Any] = protocol.parameters
    try:
        spelt = image_top1(**{name: given[name] for name in ("resize", "crop", "interpolation", "mean", "std")})
    except (KeyError, TypeError) as error:
        raise InputError(f"protocol {protocol.name} lacks the parameter {error}. Measure the model again.") from error
    if spelt != protocol:
        raise InputError(f"protocol {protocol.name} does not follow from its parameters; expected {spelt.name}.")


def _accuracy(protocol: Protocol, rows: Sequence[Row]) -> Metric:
    _check_id(protocol)
    right = sum(row.prediction == row.truth for row in rows)
    interval = wilson(right, len(rows))
    return Metric(
        name=protocol.metric,
        protocol=protocol.name,
        value=right / len(rows),
        low=interval.low,
        high=interval.high,
        n=len(rows),
        confidence=interval.confidence,
        interval="wilson",
    )


# One scorer a family; a new task adds its line here and its evaluation in finetune/.
_SCORERS: Mapping[str, Callable[[Protocol, Sequence[Row]], Metric]] = {"image-top1": _accuracy}


def score(protocol: Protocol, rows: Sequence[Row]) -> Metric:
    """The metric that ``rows`` prove under ``protocol``: what a reader recomputes, without a GPU.

    Raises:
        InputError: no rows, or a protocol of a family this release does not know.
    """
    if not rows:
        raise InputError("the evidence holds no example, so no metric can be computed from it.")
    if protocol.family not in _SCORERS:
        raise InputError(
            f"protocol {protocol.name} is of the family {protocol.family!r}, which this release cannot score. "
            f"Expected one of: {', '.join(_SCORERS)}. Upgrade roadworthy."
        )
    return _SCORERS[protocol.family](protocol, rows)
