"""Protocols: the exact way a metric is measured, with an id and a version.

A protocol's id spells out what changes the number (for images: interpolation, resize, crop), so that
two figures are comparable exactly when their protocols' names are equal.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from .classification import Estimate, accuracy, balanced_accuracy
from .errors import InputError
from .evidence import Row
from .foreign_scorer import foreign_scorer, score_with
from .metric import Metric, kind_of
from .protocol_family import Family, Protocol, of_rows
from .protocols_of_scores import OF_SCORES

__all__ = [
    "FAMILIES",
    "Family",
    "Interpolation",
    "Metric",
    "Protocol",
    "image_top1",
    "is_classification",
    "score",
    "text_accuracy",
    "with_metric",
]

Interpolation = Literal["bilinear", "bicubic"]
_SHA256 = re.compile("[0-9a-f]{64}")


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
    return _protocol(
        "image-top1",
        {
            "crop": crop,
            "decoder": "pillow",
            "interpolation": interpolation,
            "mean": tuple(float(m) for m in mean),
            "resize": resize,
            "std": tuple(float(s) for s in std),
        },
    )


def text_accuracy(*, max_length: int, tokenizer_sha256: str) -> Protocol:
    """Accuracy of a single-label text classifier: the label with the greatest logit.

    Tokenised by the snapshot's own tokenizer, whose files have the digest ``tokenizer_sha256`` (64 hex digits, so
    that lower-casing, vocabulary and special tokens are pinned), cut on the right to ``max_length`` tokens with the
    special ones; padding is masked, so it changes no number.

    Raises:
        InputError: no length of at least 1, or no SHA-256.
    """
    if max_length < 1 or not _SHA256.fullmatch(tokenizer_sha256):
        raise InputError(
            f"a text protocol needs max_length >= 1 and the tokenizer's SHA-256 in 64 hex digits, found {max_length!r} "
            f"and {tokenizer_sha256!r}. Take both from the snapshot's tokenizer."
        )
    return _protocol(
        "text-accuracy", {"max_length": max_length, "tokenizer_sha256": tokenizer_sha256, "truncation": "right"}
    )


# A new task adds its line here, its estimates beside those of `classification`, and its evaluation in finetune/.
FAMILIES: Mapping[str, Family] = {
    "image-top1": Family(
        subject="image",
        stated=("resize", "crop", "interpolation", "mean", "std"),
        build=image_top1,
        spell=lambda given: f"{given['interpolation']}-{given['resize']}-{given['crop']}",
        metrics={"top1": of_rows(accuracy), "balanced_accuracy": of_rows(balanced_accuracy)},
        classification=True,
    ),
    "text-accuracy": Family(
        subject="text",
        stated=("max_length", "tokenizer_sha256"),
        build=text_accuracy,
        spell=lambda given: f"{given['max_length']}-{given['tokenizer_sha256'][:12]}",
        metrics={"accuracy": of_rows(accuracy), "balanced_accuracy": of_rows(balanced_accuracy)},
        classification=True,
    ),
    **OF_SCORES,
}


def _protocol(family: str, parameters: Mapping[str, Any]) -> Protocol:
    return FAMILIES[family].first(family, parameters)


def with_metric(protocol: Protocol, metric: str) -> Protocol:
    """The protocol that scores the same answers by ``metric``, under an id of its own.

    Raises:
        InputError: the family offers no such metric; the message lists those it does.
    """
    if metric == protocol.metric:
        return protocol
    family = FAMILIES.get(protocol.family)
    offered = tuple(family.metrics) if family else (protocol.metric,)
    if metric not in offered:
        raise InputError(
            f"protocols of the family {protocol.family!r} do not measure {metric!r}; expected one of: "
            f"{', '.join(offered)}. State the target on one of these."
        )
    identity = FAMILIES[protocol.family].id_of(metric, protocol.parameters)
    return replace(protocol, id=identity, metric=metric, relation=kind_of(metric).relation)


def is_classification(protocol: Protocol) -> bool:
    """Whether its evidence holds one class as truth and one as prediction, by number, and a probability."""
    return protocol.family in FAMILIES and FAMILIES[protocol.family].classification


def _check_id(protocol: Protocol) -> None:
    """An id that does not spell out its own parameters would let two different figures look comparable."""
    family = FAMILIES[protocol.family]
    try:
        stated = {name: protocol.parameters[name] for name in family.stated}
        spelt = with_metric(family.build(**stated), protocol.metric)
    except KeyError as error:
        raise InputError(f"protocol {protocol.name} lacks the parameter {error}. Measure the model again.") from error
    except (TypeError, ValueError) as error:
        raise InputError(
            f"protocol {protocol.name} has a parameter of a wrong type ({error}). Measure the model again."
        ) from error
    if spelt != protocol:
        raise InputError(f"protocol {protocol.name} does not follow from its parameters; expected {spelt.name}.")


def score(protocol: Protocol, rows: Sequence[Row]) -> Metric:
    """The metric that ``rows`` prove under ``protocol``: what a reader recomputes, without a GPU.

    Raises:
        InputError: no rows, an id that does not follow from its parameters, or a protocol of a family that neither
            this release nor an installed package can score.
    """
    if not rows:
        raise InputError("the evidence holds no example, so no metric can be computed from it.")
    family = FAMILIES.get(protocol.family)
    if family is not None:
        _check_id(protocol)
        return _metric(protocol, family.metrics[protocol.metric](rows, protocol.parameters), len(rows))
    scorer = foreign_scorer(protocol.family)
    if scorer is None:
        raise InputError(
            f"protocol {protocol.name} is of the family {protocol.family!r}, which this release cannot score. "
            f"Expected one of: {', '.join(FAMILIES)}. Upgrade roadworthy, or install the package that brings it."
        )
    return score_with(scorer, protocol, rows)


def _metric(protocol: Protocol, estimate: Estimate, n: int) -> Metric:
    interval = estimate.interval
    return Metric(
        name=protocol.metric,
        protocol=protocol.name,
        value=estimate.value,
        low=interval.low,
        high=interval.high,
        n=n,
        confidence=interval.confidence,
        interval=estimate.method,
    )
