"""Which leaks block, in which words, and what a card says of them."""

import dataclasses
from typing import Any

import pytest

from roadworthy.model_cards import Claim, Row
from roadworthy.model_cards.card_data import data_section
from roadworthy.model_cards.certificate import Certificate, Parent, from_statement, to_statement
from roadworthy.model_cards.groups import Groups
from roadworthy.model_cards.leakage import leaks
from roadworthy.model_cards.near import Neighbour, near_of
from roadworthy.model_cards.refusals import standing
from roadworthy.model_cards.sketch import ParentOverlap, SketchRecord
from roadworthy.model_cards.waiver import Waiver

GROUPS = Groups(by="pattern", name=r"person(\d+)_", n=12, crossing=3)
OVERLAP = ParentOverlap(n=1, filters=2, false_positive_rate=4.2e-7)


def with_data(claim: Claim, **changes: Any) -> Claim:
    """The claim with other facts on its data."""
    return dataclasses.replace(claim, data=dataclasses.replace(claim.data, **changes))


def test_nothing_leaks(claim: Claim) -> None:
    """No fact, or facts that say so."""
    assert list(leaks(claim.data)) == []
    clean = with_data(
        claim,
        groups=dataclasses.replace(GROUPS, crossing=0),
        parent_overlap=dataclasses.replace(OVERLAP, n=0),
        near_duplicates=20,
    )
    assert list(leaks(clean.data)) == []


def test_each_leak_has_a_sentence_and_one_waiver_takes_all(claim: Claim) -> None:
    """Exact copies as ever; groups; the parent's training data."""
    leaky = with_data(claim, exact_duplicates=2, groups=GROUPS, parent_overlap=OVERLAP)
    assert [str(refusal) for refusal in standing(leaky)] == [
        "2 of 20 test examples were also trained on, with the same content: expected 0. Remove them and measure again",
        "3 of 20 test examples share a group (pattern 'person(\\\\d+)_') with what was trained or stopped on: expected "
        "0. Keep each group in one part, train and measure again",
        "1 of 20 test examples are in the sketch of what its parent, or a version it descends from, was trained on: "
        "expected 0. Test on others, or start from another parent",
    ]
    assert {refusal.kind for refusal in standing(leaky)} == {"leak"}
    waiver = Waiver(kind="leak", reason="a pilot", by="ana", keyid="ab" * 32)
    assert standing(dataclasses.replace(leaky, waivers=(waiver,))) == ()


@pytest.mark.parametrize(
    ("n", "found", "rate", "blocks"),
    [
        (20, 1, 4e-7, True),  # 8 in a million
        (20, 1, 1e-4, False),  # 2 in a thousand
        (100_000, 1, 1e-6, False),  # one in ten
        (100_000, 3, 1e-6, True),  # 0.1^3 / 6
        (20, 20, 1e-6, True),
        (20, 1, 0.0, True),
    ],
)
def test_more_than_false_positives_explain(claim: Claim, n: int, found: int, rate: float, blocks: bool) -> None:
    """The line is one in a thousand."""
    data = with_data(
        claim,
        test=dataclasses.replace(claim.data.test, n=n),
        parent_overlap=ParentOverlap(n=found, filters=1, false_positive_rate=rate),
    ).data
    assert bool(list(leaks(data))) == blocks


def test_old_certificates_are_written_as_they_were(claim: Claim) -> None:
    """Nothing of it at its default; all of it comes back where it is told."""
    old = to_statement(Certificate(files=(), claim=claim))
    for name in (b'"near"', b"near_not_measured", b'"groups"', b'"sketch"', b"parent_overlap"):
        assert name not in old
    told = with_data(
        claim,
        groups=GROUPS,
        parent_overlap=OVERLAP,
        sketch=SketchRecord(n=5, filters=2, false_positive_rate=2e-7),
        near_not_measured="there is no method yet",
    )
    assert from_statement(to_statement(Certificate(files=(), claim=told))).claim == told


def test_a_card_says_all_of_it(claim: Claim, answers: Any) -> None:
    """Near duplicates with both figures, groups, the parent's data, and what a sketch gives away."""
    rows: tuple[Row, ...] = answers(18, 20)
    found = [
        Neighbour(id=row.id, nearest=row.id if n == 3 else "f" * 64, distance=0, similarity=1)
        for n, row in enumerate(rows[:4])
    ]
    near = near_of("phash-64@1", {"distance": 8, "similarity": 0.95}, rows, found, claim.protocol)
    parent = Parent(reference="team/p@1.0.0", certificate_sha256=None, metric=None, comparison=None)
    told = dataclasses.replace(
        with_data(
            claim,
            near=near,
            near_duplicates=3,
            groups=GROUPS,
            parent_overlap=OVERLAP,
            sketch=SketchRecord(n=1500, filters=2, false_positive_rate=4.2e-7),
        ),
        parent=parent,
    )
    text = data_section(told)
    # 18 of 20 are right, and so are the four that are left out: 14 of 16.
    assert (
        "3 of 20 test examples have a near duplicate in the training data, and 1 more are in it; top1 with: 90.00 %, "
        "without: 87.50 % (n = 16). Found by `phash-64@1`: distance 8 at most, similarity 0.95 at least." in text
    )
    assert "Groups by pattern `person(\\d+)_`: 12; 3 of 20 test examples share one with" in text
    assert "by its sketch: 1 of 20 (4.2e-07 false positives, 2 filters)" in text
    assert "A sketch of the 1,500 different examples that were trained or stopped on, and of those of what" in text
    assert "whoever has an example can ask whether it is one of them" in text


def test_a_card_says_what_was_not_measured(claim: Claim) -> None:
    """And why."""
    parent = Parent(reference="team/p@1.0.0", certificate_sha256=None, metric=None, comparison=None)
    text = data_section(
        dataclasses.replace(with_data(claim, near_not_measured="there is no method for sonar yet"), parent=parent)
    )
    assert "near duplicates: not measured." in text
    assert "Near duplicates were not measured: there is no method for sonar yet." in text
    assert "training data of the parent: not measured, it has no sketch of them." in text
