"""Certified versions of clicks, recommendations and rankings: audited, compared with a parent, and lied about."""

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from securesystemslib.signer import Key
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from roadworthy.model_cards import (
    Certificate,
    Claim,
    InputError,
    PairedComparison,
    Protocol,
    Row,
    Target,
    audit,
    evidence,
    image_top1,
    score,
    with_metric,
)
from roadworthy.model_cards.certificate import Parent, Verdicts, from_statement, to_statement
from roadworthy.model_cards.clicks import click_row
from roadworthy.model_cards.comparison import compare, non_inferiority
from roadworthy.model_cards.difference import figure_change
from roadworthy.model_cards.gate import POINT, Gate
from roadworthy.model_cards.grouped import group_row
from roadworthy.model_cards.protocols_of_scores import (
    click_through,
    full_recommendation,
    legacy_ranking,
    ranking,
    sampled_recommendation,
)
from roadworthy.model_cards.recommendation import user_row
from roadworthy.model_cards.refusals import refusals
from roadworthy.model_cards.score_comparison import ScoreComparison, ScoreNonInferiority

Answers = tuple[Protocol, list[Row], list[Row]]  # of a version and of its parent


def sha(text: str) -> str:
    """A digest, as examples have one."""
    return hashlib.sha256(text.encode()).hexdigest()


def tumours(columns: int) -> list[Row]:
    """Half of scikit-learn's real tumours, by a logistic regression on so many columns of the other half."""
    features, benign = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(features[::2, :columns], benign[::2])
    said: NDArray[np.float64] = model.predict_proba(features[1::2, :columns])[:, 1]
    likely = np.log(np.where(benign[1::2] == 1, said, 1 - said))
    return [
        click_row(id=sha(str(i)), clicked=truth == 1, probability=p, log_likelihood=ll)
        for i, (truth, p, ll) in enumerate(zip(benign[1::2].tolist(), said, likely, strict=True))
    ]


def users(seed: int, p: float) -> list[Row]:
    """Ranks of 150 users' items."""
    above = np.random.default_rng(seed).geometric(p, 150) - 1
    return [
        user_row(
            id=sha(f"user {i}"),
            candidates=100,
            pool=sha(str(i))[:16],
            seen=i % 50,
            above=min(100, a),
            equal=0,
            score=0.5,
        )
        for i, a in enumerate(above.tolist())
    ]


def groups(seed: int, lean: float, *, placed: bool) -> list[Row]:
    """150 groups of six, the first of which is relevant in each."""
    scores = np.random.default_rng(seed).random((150, 6))
    scores[:, 0] += lean
    return [
        group_row(
            id=sha(f"group {i}"),
            labels=[1, 0, 0, 0, 0, 0],
            scores=(row / 2).tolist(),
            start=6 * i if placed else None,
        )
        for i, row in enumerate(scores)
    ]


def answers(name: str) -> Answers:
    """Of a version that is better than its parent."""
    if name in ("auc", "average_precision", "log_loss"):
        return with_metric(click_through(), name), tumours(30), tumours(5)
    if name in ("hit_rate_at_10", "ndcg_at_10"):
        return with_metric(sampled_recommendation(), name), users(1, 0.3), users(2, 0.1)
    if name == "whole catalogue":
        return full_recommendation(), users(1, 0.3), users(2, 0.1)
    legacy = name == "legacy_map_at_12"
    protocol = legacy_ranking(batch_size=100) if legacy else ranking()
    return protocol, groups(3, 0.6, placed=legacy), groups(4, 0.1, placed=legacy)


NAMES = [
    "auc",
    "average_precision",
    "log_loss",
    "hit_rate_at_10",
    "ndcg_at_10",
    "whole catalogue",
    "map_at_12",
    "legacy_map_at_12",
]


ROWS = {name: (answers(name)[0], answers(name)[1][:40]) for name in NAMES}


def scored(protocol: Protocol, gate: Gate = POINT) -> Callable[[Claim, Sequence[Row], Sequence[Row]], Claim]:
    """What turns the claim of a classifier into one of this protocol, with everything that follows from the rows."""

    def change(claim: Claim, new: Sequence[Row], old: Sequence[Row]) -> Claim:
        metric = score(protocol, new)
        target = Target(metric=protocol.metric, relation=protocol.relation, threshold=0.4)
        worse = metric.low if protocol.relation == ">=" else metric.high
        comparison = compare(protocol, new, old)
        return dataclasses.replace(
            claim,
            task="click-through",
            protocol=protocol,
            metric=metric,
            target=target,
            verdicts=Verdicts(reproduced=target.met_by(metric.value), generalises=target.met_by(worse)),
            data=dataclasses.replace(claim.data, labels=()),
            gate=gate,
            parent=Parent(
                reference="demo/parent@1.0.0",
                certificate_sha256="1" * 64,
                metric=score(protocol, old),
                comparison=comparison,
                non_inferior=non_inferiority(protocol, comparison, gate),
            ),
        )

    return change


@pytest.fixture
def version(certified_snapshot: Any) -> Callable[..., Path]:
    """A certified version with its parent; ``lie`` changes the claim before it is signed."""

    def build(name: str, lie: Callable[[Claim], Claim] = lambda claim: claim, gate: Gate = POINT) -> Path:
        protocol, new, old = answers(name)
        new_rows, old_rows = (evidence.load(evidence.dump(rows)) for rows in (new, old))
        folder: Path = certified_snapshot(
            rows=new,
            parent_rows=old,
            lie=lambda claim: lie(scored(protocol, gate)(claim, new_rows, old_rows)),
            card_lie=lambda claim: claim,
        )
        return folder

    return build


@pytest.mark.parametrize("name", NAMES)
def test_a_true_version_passes(version: Callable[..., Path], keys: tuple[Key, ...], name: str) -> None:
    """The metric recomputed, the comparison, the test of the margin, the card and its plots."""
    outcome = audit(version(name, gate=Gate(kind="non-inferior", margin=0.01)), keys)
    assert outcome.ok, outcome.reasons
    assert any("recomputed from" in check for check in outcome.checks)
    assert any("comparison with the parent recomputed" in check for check in outcome.checks)
    assert outcome.certificate is not None
    claim = outcome.certificate.claim
    assert claim.parent is not None
    kind = PairedComparison if claim.metric.name == "hit_rate_at_10" else ScoreComparison
    assert isinstance(claim.parent.comparison, kind)
    assert claim.parent.non_inferior is not None
    assert claim.parent.non_inferior.holds
    assert not refusals(claim)
    assert from_statement(to_statement(Certificate(files=(), claim=claim))).claim == claim


PLOTS = {
    "auc": {"roc", "precision-recall", "lift", "calibration"},
    "hit_rate_at_10": {"popularity"},
    "map_at_12": {"places"},
    "legacy_map_at_12": {"places"},
}


@pytest.mark.parametrize("name", PLOTS)
def test_the_card_says_it(version: Callable[..., Path], name: str) -> None:
    """The figure, every metric of the family, the comparison, and a plot for each that it shows."""
    folder = version(name)
    card = (folder / "README.md").read_text()
    assert {path.stem for path in (folder / "plots").iterdir()} == PLOTS[name] | {"curve"}
    for plot in PLOTS[name]:
        assert f"(plots/{plot}.svg)" in card
    assert f"| {name} |" in card
    assert "Worse by less than" in card
    assert "classes:" not in card
    if name == "auc":
        assert "| log_loss | 0." in card
        assert "DeLong's test p = " in card
        assert "type: roc_auc" in card
    if name == "legacy_map_at_12":
        assert "Over whole groups the same scores have map_at_12 0." in card


def parent_lie(field: str, **changes: Any) -> Callable[[Claim], Claim]:
    """A lie about one record of the comparison."""

    def lie(claim: Claim) -> Claim:
        assert claim.parent is not None
        record = dataclasses.replace(getattr(claim.parent, field), **changes)
        return dataclasses.replace(claim, parent=dataclasses.replace(claim.parent, **{field: record}))

    return lie


@pytest.mark.parametrize("name", NAMES)
def test_another_figure_is_found(version: Callable[..., Path], keys: tuple[Key, ...], name: str) -> None:
    """A last bit more than the evidence gives."""

    def lie(claim: Claim) -> Claim:
        value = float(np.nextafter(claim.metric.value, 2))
        return dataclasses.replace(claim, metric=dataclasses.replace(claim.metric, value=value))

    outcome = audit(version(name, lie), keys)
    assert any("the figure was not made from this evidence" in reason.lower() for reason in outcome.reasons)


@pytest.mark.parametrize(
    "lie",
    [
        parent_lie("comparison", difference=0.5),
        parent_lie("comparison", error=1e-6),
        parent_lie("comparison", p_value=1e-9),
        parent_lie("comparison", n=10**6),
        parent_lie("comparison", metric="ndcg_at_10"),
        parent_lie("comparison", method="paired-t"),
        parent_lie("non_inferior", low=0.25),
        parent_lie("non_inferior", margin=0.2),
    ],
)
def test_a_comparison_that_was_made_up_is_found(
    version: Callable[..., Path], keys: tuple[Key, ...], lie: Callable[[Claim], Claim]
) -> None:
    """Whichever figure of it."""
    outcome = audit(version("auc", lie), keys)
    assert any("does not follow from" in reason for reason in outcome.reasons)


def test_a_gate_needs_its_test(version: Callable[..., Path], keys: tuple[Key, ...]) -> None:
    """Left out, the audit says no."""

    def lie(claim: Claim) -> Claim:
        assert claim.parent is not None
        return dataclasses.replace(claim, parent=dataclasses.replace(claim.parent, non_inferior=None))

    outcome = audit(version("map_at_12", lie, gate=Gate(kind="non-inferior", margin=0.01)), keys)
    assert any("the test of it is missing" in reason for reason in outcome.reasons)


# --- the gate


@pytest.mark.parametrize("name", NAMES)
def test_a_worse_version_does_not_pass(claim: Claim, name: str) -> None:
    """Version and parent exchanged: the refusal says by how much, in the metric's own unit."""
    protocol, new, old = answers(name)
    gate = Gate(kind="non-inferior", margin=0.002)
    changed = scored(protocol, gate)(claim, sorted(old, key=lambda row: row.id), sorted(new, key=lambda row: row.id))
    (refusal,) = refusals(changed)
    assert refusal.kind == "non-inferior"
    unit = "-0.20 points" if name in ("hit_rate_at_10", "whole catalogue") else "-0.0020"
    assert f"expected a difference above {unit}, found -" in refusal.reason


def test_a_loss_that_fell_is_no_refusal(claim: Claim) -> None:
    """Less is better: the version's difference is below 0, and its gain above."""
    protocol, new, old = answers("log_loss")
    changed = scored(protocol, Gate(kind="non-inferior", margin=0.002))(claim, new, old)
    assert changed.parent is not None
    assert isinstance(changed.parent.comparison, ScoreComparison)
    assert isinstance(changed.parent.non_inferior, ScoreNonInferiority)
    assert changed.parent.comparison.difference < 0 < changed.parent.non_inferior.gain
    assert not refusals(changed)


# --- whatever the evidence holds

WORDS = st.sampled_from(["", "a", "f" * 16])
NUMBERS = st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False)
JSON = st.recursive(
    st.none() | NUMBERS | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["labels", "start", "candidates", "pool", "seen", "above", "equal"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("name", ["auc", "log_loss", "hit_rate_at_10", "ndcg_at_10", "map_at_12", "legacy_map_at_12"])
@given(truth=JSON, prediction=JSON, confidence=st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=40, deadline=None)
def test_any_row_is_scored_or_refused(name: str, truth: Any, prediction: Any, confidence: float) -> None:
    """One among good ones: a figure between 0 and 1, or an error that says what was expected."""
    protocol, rows = ROWS[name]
    bad = Row(id="ab", truth=truth, prediction=prediction, confidence=confidence, log_likelihood=-0.5)
    found = value_or_reason(protocol, [*rows, bad])
    assert "expected" in found if isinstance(found, str) else 0 <= found <= 1


def value_or_reason(protocol: Protocol, rows: list[Row]) -> float | str:
    """The figure, or why there is none."""
    try:
        return score(protocol, rows).value
    except InputError as error:
        return str(error)


# --- what is not compared


def test_another_draw_is_another_example(claim: Claim) -> None:
    """The same users, ranked among others: the digests of the candidates differ."""
    protocol, new, old = answers("ndcg_at_10")
    assert isinstance(old[3].truth, dict)
    old[3] = dataclasses.replace(old[3], truth=old[3].truth | {"pool": "f" * 16})
    with pytest.raises(InputError, match="not to the same examples"):
        compare(protocol, new, old)
    protocol, clicks, before = answers("auc")
    with pytest.raises(InputError, match="not to the same examples"):
        compare(protocol, clicks, [dataclasses.replace(row, unit="ab") for row in before])


def test_a_difference_that_does_not_vary_is_told() -> None:
    """One parts the classes, the other parts them the wrong way round."""
    truths = [True, True, False, False]
    new, old = (
        [click_row(id=f"{i}", clicked=c, probability=p) for i, (c, p) in enumerate(zip(truths, said, strict=True))]
        for said in ([0.9, 0.8, 0.1, 0.2], [0.1, 0.2, 0.9, 0.8])
    )
    with pytest.raises(InputError, match="cannot be compared on these 4 rows of evidence"):
        compare(click_through(), new, old)


def test_two_certificates_are_paired_by_their_metric(claim: Claim) -> None:
    """As `roadworthy diff` tells them; of different protocols they are shown beside each other only."""
    protocol, new, old = answers("map_at_12")
    one = scored(protocol)(claim, new, old)
    found = figure_change(one, one, old, new)
    assert isinstance(found.comparison, ScoreComparison)
    assert found.comparison.metric == "map_at_12"
    other = scored(legacy_ranking())(claim, *answers("legacy_map_at_12")[1:])
    assert "different protocols" in (figure_change(one, other, old, new).not_comparable or "")


def test_a_classifier_is_compared_by_its_right_answers() -> None:
    """As before; and a task of another package too, whose margin is not tested."""
    top1 = image_top1(resize=256, crop=224, interpolation="bilinear", mean=(0, 0, 0), std=(1, 1, 1))
    rows = [Row(id=f"{i}", truth=1, prediction=int(i > 3), confidence=0.5) for i in range(10)]
    assert isinstance(compare(top1, rows, rows), PairedComparison)
    foreign = dataclasses.replace(top1, family="speech-wer", id="speech-wer", metric="wer")
    found = compare(foreign, rows, rows)
    assert isinstance(found, PairedComparison)
    assert non_inferiority(foreign, found, POINT) is None
    assert non_inferiority(top1, found, POINT) is not None
