"""Protocols: their names, and the scores that evidence proves under them."""

import dataclasses

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from roadworthy.model_cards import InputError, Protocol, Row, image_top1, score, text_accuracy, with_metric
from roadworthy.model_cards.protocol import FAMILIES, is_classification
from roadworthy.model_cards.protocols_of_scores import (
    click_through,
    full_recommendation,
    legacy_ranking,
    ranking,
    sampled_recommendation,
)

DIGEST = "0123456789ab" + "c" * 52
TEXT = text_accuracy(max_length=128, tokenizer_sha256=DIGEST)
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
    assert TEXT.name == "text-accuracy-128-0123456789ab@1"


@pytest.mark.parametrize(
    ("protocol", "name"),
    [
        (TOP1, "image-balanced-accuracy-bilinear-256-224@1"),
        (TEXT, "text-balanced-accuracy-128-0123456789ab@1"),
    ],
)
def test_another_metric_is_another_protocol_of_the_same_answers(protocol: Protocol, name: str) -> None:
    """There and back again; nothing but metric and id changes."""
    balanced = with_metric(protocol, "balanced_accuracy")
    assert (balanced.name, balanced.metric) == (name, "balanced_accuracy")
    assert (balanced.family, balanced.parameters) == (protocol.family, protocol.parameters)
    assert with_metric(balanced, protocol.metric) == protocol
    assert with_metric(protocol, protocol.metric) == protocol


@pytest.mark.parametrize(
    ("protocol", "offered"), [(TOP1, "top1, balanced_accuracy"), (TEXT, "accuracy, balanced_accuracy")]
)
def test_a_metric_that_is_not_offered_lists_those_that_are(protocol: Protocol, offered: str) -> None:
    """So that a user can state the target on one of them."""
    with pytest.raises(InputError, match=f"do not measure 'f1'; expected one of: {offered}"):
        with_metric(protocol, "f1")


def test_a_foreign_protocol_has_its_own_metric_only() -> None:
    """Its package would have to say more."""
    foreign = dataclasses.replace(TOP1, family="speech-wer", id="speech-wer", metric="wer")
    assert with_metric(foreign, "wer") == foreign
    assert not is_classification(foreign)
    with pytest.raises(InputError, match="expected one of: wer"):
        with_metric(foreign, "top1")


@pytest.mark.parametrize("protocol", [TOP1, TEXT])
def test_balanced_accuracy_scores_as_sklearn_does(protocol: Protocol) -> None:
    """Three unbalanced classes."""
    truth = [0] * 90 + [1] * 9 + [2] * 3
    prediction = [0] * 85 + [1] * 8 + [2] * 7 + [0, 2]
    rows = [
        Row(id=f"{i}", truth=t, prediction=p, confidence=0.5)
        for i, (t, p) in enumerate(zip(truth, prediction, strict=True))
    ]
    metric = score(with_metric(protocol, "balanced_accuracy"), rows)
    assert metric.value == pytest.approx(balanced_accuracy_score(truth, prediction))
    assert (metric.name, metric.interval, metric.n) == ("balanced_accuracy", "price-bonett", 102)
    assert metric.low < metric.value < metric.high
    assert is_classification(protocol)


ROWS = [Row(id="a", truth=0, prediction=0, confidence=1)]


@pytest.mark.parametrize("protocol", [TOP1, TEXT])
@pytest.mark.parametrize("metric", [None, "balanced_accuracy"])
def test_an_id_that_does_not_follow_from_its_parameters_is_refused(protocol: Protocol, metric: str | None) -> None:
    """Another id, version or relation, another fixed parameter, one too many: of each family and metric."""
    good = with_metric(protocol, metric or protocol.metric)
    score(good, ROWS)
    fixed = "decoder" if protocol is TOP1 else "truncation"
    for changes in (
        {"id": f"{good.id}-x"},
        {"id": protocol.id if metric else with_metric(protocol, "balanced_accuracy").id},
        {"version": 2},
        {"relation": "<="},
        {"parameters": {**good.parameters, fixed: "another"}},
        {"parameters": {**good.parameters, "extra": 1}},
    ):
        with pytest.raises(InputError, match="does not follow from its parameters"):
            score(dataclasses.replace(good, **changes), ROWS)


@pytest.mark.parametrize("protocol", [TOP1, TEXT])
def test_every_stated_parameter_is_needed(protocol: Protocol) -> None:
    """A certificate that leaves one out is told which."""
    for name in FAMILIES[protocol.family].stated:
        rest = {key: value for key, value in protocol.parameters.items() if key != name}
        with pytest.raises(InputError, match=f"lacks the parameter '{name}'"):
            score(dataclasses.replace(protocol, parameters=rest), ROWS)


@pytest.mark.parametrize("parameter", [{"max_length": 64}, {"tokenizer_sha256": "f" * 64}])
def test_a_text_protocol_that_hides_its_parameters_is_refused(parameter: dict[str, int | str]) -> None:
    """Measured at 64 tokens and called 128, or with another tokenizer."""
    hidden = dataclasses.replace(TEXT, parameters={**TEXT.parameters, **parameter})
    with pytest.raises(InputError, match="does not follow from its parameters"):
        score(hidden, ROWS)


@pytest.mark.parametrize(
    ("max_length", "digest"), [(0, DIGEST), (-1, DIGEST), (128, "abc"), (128, DIGEST.upper()), (128, DIGEST + "0")]
)
def test_a_text_protocol_needs_a_length_and_a_digest(max_length: int, digest: str) -> None:
    """Or two different tokenizers would share a name."""
    with pytest.raises(InputError, match="a text protocol needs max_length >= 1 and the tokenizer's SHA-256"):
        text_accuracy(max_length=max_length, tokenizer_sha256=digest)


def test_a_parameter_of_a_wrong_type_is_refused() -> None:
    """As a certificate may hold it."""
    wrong = dataclasses.replace(TEXT, parameters={**TEXT.parameters, "max_length": "128"})
    with pytest.raises(InputError, match="has a parameter of a wrong type"):
        score(wrong, ROWS)


SCORED = {
    "click-through-auc@1": click_through(),
    "recommendation-hit-rate-at-10-100-negatives-seed-0@1": sampled_recommendation(),
    "recommendation-hit-rate-at-10-whole-catalogue@1": full_recommendation(),
    "ranking-map-at-12-whole-groups@1": ranking(),
    "ranking-legacy-map-at-12-batches-of-131072@1": legacy_ranking(),
}


@pytest.mark.parametrize(("name", "protocol"), SCORED.items())
def test_protocols_of_scores_hide_nothing(name: str, protocol: Protocol) -> None:
    """Their names; every metric has another id and goes back; what an id does not spell out is refused."""
    assert protocol.name == name
    assert not is_classification(protocol)
    names = {with_metric(protocol, metric).name for metric in FAMILIES[protocol.family].metrics}
    assert len(names) == len(FAMILIES[protocol.family].metrics)
    for metric in FAMILIES[protocol.family].metrics:
        assert with_metric(with_metric(protocol, metric), protocol.metric) == protocol
    hidden = [{**protocol.parameters, "extra": 1}]
    hidden += [{**protocol.parameters, key: 7} for key in protocol.parameters]
    hidden += [{**protocol.parameters, key: "7"} for key in FAMILIES[protocol.family].stated]
    for parameters in hidden:
        with pytest.raises(InputError, match=r"does not follow from its parameters|of a wrong type"):
            score(dataclasses.replace(protocol, parameters=parameters), ROWS)
    for key in FAMILIES[protocol.family].stated:
        rest = {k: v for k, v in protocol.parameters.items() if k != key}
        with pytest.raises(InputError, match=f"lacks the parameter '{key}'"):
            score(dataclasses.replace(protocol, parameters=rest), ROWS)


def test_less_loss_is_better() -> None:
    """The direction goes with the metric."""
    assert with_metric(click_through(), "log_loss").relation == "<="
    assert {protocol.relation for protocol in SCORED.values()} == {">="}


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
