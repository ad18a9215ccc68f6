"""Protocols: their names, and the scores that evidence proves under them."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from roadworthy.model_cards import InputError, Row, image_top1, score

TOP1 = image_top1(resize=256, crop=224, interpolation="bilinear", mean=(0.5, 0.5, 0.5), std=(1, 1, 1))


@pytest.mark.parametrize("n", [1, 17, 1000])
@pytest.mark.parametrize("classes", [2, 10])
def test_top1_equals_sklearn(n: int, classes: int) -> None:
    """The share of right answers on random evidence."""
    truth, prediction = np.random.default_rng(n * classes).integers(0, classes, size=(2, n)).tolist()
    rows = [
        Row(id=str(i), truth=t, prediction=p, confidence=0.5)
        for i, (t, p) in enumerate(zip(truth, prediction, strict=True))
    ]
    metric = score(TOP1, rows)
    assert metric.value == accuracy_score(truth, prediction)
    assert metric.low <= metric.value <= metric.high
    assert (metric.name, metric.n, metric.confidence, metric.interval) == ("top1", n, 0.95, "wilson")


def test_a_name_spells_out_what_changes_the_number() -> None:
    """Interpolation, resize and crop, and the version of the protocol."""
    assert TOP1.name == "image-top1-bilinear-256-224@1"
    bicubic = image_top1(resize=292, crop=256, interpolation="bicubic", mean=(0, 0, 0), std=(1, 1, 1))
    assert bicubic.name == "image-top1-bicubic-292-256@1"


def test_a_metric_carries_the_name_of_its_protocol() -> None:
    """A bare number without a protocol does not exist."""
    assert score(TOP1, [Row(id="a", truth=0, prediction=0, confidence=1)]).protocol == TOP1.name


def test_no_evidence_is_no_metric() -> None:
    """Zero of zero is not an accuracy."""
    with pytest.raises(InputError, match="no example"):
        score(TOP1, [])


def test_an_unknown_family_is_named_with_the_known_ones() -> None:
    """A certificate of a later release says how to read it."""
    later = dataclasses.replace(TOP1, family="speech-wer", id="speech-wer")
    with pytest.raises(InputError, match=r"speech-wer.*image-top1.*Upgrade"):
        score(later, [Row(id="a", truth=0, prediction=0, confidence=1)])
