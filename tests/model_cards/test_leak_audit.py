"""An audit of what a certificate says of leaks: every count has to follow from the evidence and the files."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import CryptoSigner, Key

from roadworthy.model_cards import Claim, Row, audit, list_files
from roadworthy.model_cards import near as near_duplicates
from roadworthy.model_cards import sketch as sketches
from roadworthy.model_cards.certificate import Certificate, SplitRecord, from_statement, to_statement
from roadworthy.model_cards.envelope import payload_of, seal
from roadworthy.model_cards.near import Near, Neighbour, near_of
from roadworthy.model_cards.sketch import ParentOverlap, Sketch, SketchRecord, overlap_with, sketch_of

Audited = Callable[..., tuple[str, ...]]
TRAINED = [f"{n:064x}" for n in range(30)]
THRESHOLDS = {"distance": 8.0, "similarity": 0.95}


@pytest.fixture
def rows(answers: Callable[..., tuple[Row, ...]]) -> tuple[Row, ...]:
    """20 examples, 18 of them answered rightly."""
    return answers(18, 20)


@pytest.fixture
def neighbours(rows: tuple[Row, ...]) -> list[Neighbour]:
    """Three test examples beside training examples."""
    return [
        Neighbour(id=row.id, nearest=trained, distance=3, similarity=0.99)
        for row, trained in zip(rows[:3], TRAINED, strict=False)
    ]


@pytest.fixture
def sketch() -> Sketch:
    """Of the training data, after a parent's."""
    return sketch_of(TRAINED, sketch_of([f"{n:064x}" for n in range(100, 140)], None))


@pytest.fixture
def audited(
    certified_snapshot: Callable[..., Path],
    signer: CryptoSigner,
    keys: tuple[Key, ...],
    rows: tuple[Row, ...],
    neighbours: list[Neighbour],
    sketch: Sketch,
) -> Audited:
    """Why the audit of a snapshot says no; ``near``, ``told``, ``record`` and ``overlap`` change what is signed,
    ``neighbours`` and ``sketch`` what lies in its files."""
    found, held = neighbours, sketch

    def why(
        *,
        near: Callable[[Near], Near] = lambda near: near,
        told: dict[str, Any] | None = None,
        neighbours: list[Neighbour] | None = None,
        sketch: bytes | None = sketches.dump(held),
        changes: Callable[[Claim], Claim] = lambda claim: claim,
    ) -> tuple[str, ...]:
        def lie(claim: Claim) -> Claim:
            stated = near(near_of("phash-64@1", THRESHOLDS, rows, found, claim.protocol))
            data = dataclasses.replace(
                claim.data,
                near=stated,
                near_duplicates=stated.n,
                sketch=held.record(),
                parent_overlap=overlap_with(held.inherited, [row.id for row in rows]),
                train=SplitRecord(n=40, fingerprint="a" * 64),
                validation=SplitRecord(n=10, fingerprint="b" * 64),
            )
            return changes(dataclasses.replace(claim, data=dataclasses.replace(data, **(told or {}))))

        folder = certified_snapshot(rows=rows, lie=lie)
        (folder / "evidence/near.jsonl").write_bytes(near_duplicates.dump(found if neighbours is None else neighbours))
        if sketch is not None:
            (folder / "data").mkdir()
            (folder / "data/train.sketch").write_bytes(sketch)
        path = folder / "certificate.json"
        claim = from_statement(payload_of(path.read_bytes())).claim
        path.unlink()
        path.write_bytes(seal(to_statement(Certificate(files=list_files(folder), claim=claim)), signer))
        outcome = audit(folder, keys)
        assert outcome.ok == (not outcome.reasons)
        return outcome.reasons

    return why


def test_a_true_one_passes(audited: Audited) -> None:
    """All of it at once."""
    assert audited() == ()


def test_a_count_that_does_not_follow(audited: Audited) -> None:
    """One near duplicate is not told of."""
    (reason,) = audited(near=lambda near: dataclasses.replace(near, n=2))
    assert reason.startswith(
        "the certificate says that 2 test examples have a near duplicate in the training data and 0"
    )
    assert reason.endswith("has 3 and 0")


def test_copies_that_are_told_in_one_place_only(audited: Audited, rows: tuple[Row, ...]) -> None:
    """A test example beside itself was trained on: the count of exact copies has to say so."""
    beside_itself = Neighbour(id=rows[5].id, nearest=rows[5].id, distance=0, similarity=1)
    said = "\n".join(audited(near=lambda near: dataclasses.replace(near, same=1), neighbours=[beside_itself]))
    assert "has 1 test examples that were trained on; the certificate says fewer were" in said


def test_a_file_with_a_line_less(audited: Audited, neighbours: list[Neighbour]) -> None:
    """The certificate says three."""
    (reason,) = audited(neighbours=neighbours[1:])
    assert reason.endswith("evidence/near.jsonl has 2 and 0")


def test_a_metric_that_does_not_follow(audited: Audited) -> None:
    """15 of 17 are right without them; 16 of 17 are claimed."""

    def better(near: Near) -> Near:
        assert near.metric is not None
        assert near.metric.value == 15 / 17
        return dataclasses.replace(near, metric=dataclasses.replace(near.metric, value=16 / 17))

    (reason,) = audited(near=better)
    assert reason.startswith("the metric without near duplicates says top1 0.941176")


def test_a_metric_that_is_left_out(audited: Audited) -> None:
    """There is one wherever something was left out of it and something is left."""
    (reason,) = audited(near=lambda near: dataclasses.replace(near, metric=None))
    assert reason == "the metric without near duplicates is missing, or follows from nothing"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"id": "f" * 64}, "tells of 1 test examples that the evidence does not have: ffff"),
        ({"distance": 9.0}, "1 near duplicates are beyond the thresholds of phash-64@1"),
        ({"similarity": 0.9}, "1 near duplicates are beyond the thresholds of phash-64@1"),
        ({"nearest": "e" * 64}, "training examples that are not in the sketch"),
    ],
)
def test_a_neighbour_that_cannot_be(
    audited: Audited, neighbours: list[Neighbour], changed: dict[str, Any], said: str
) -> None:
    """Unknown to the evidence, beyond the thresholds, or not trained on."""
    found = [dataclasses.replace(neighbours[0], **changed), *neighbours[1:]]
    assert said in "\n".join(audited(neighbours=found))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"near": None, "near_duplicates": None}, "near duplicates are told of that the certificate does not account"),
        ({"near": None}, "near duplicates are told of that the certificate does not account"),
        ({"near_duplicates": 0}, "the certificate says that 3 test examples have a near duplicate"),
        ({"sketch": None}, "do not agree on whether there is a sketch"),
        (
            {"sketch": SketchRecord(n=29, filters=2, false_positive_rate=1e-9)},
            "its sketch has 29 examples and 2 filters",
        ),
        ({"train": None, "validation": None}, "its sketch has 30 different examples, and only 0 were trained"),
        ({"parent_overlap": None}, "the certificate says nothing of an overlap"),
        (
            {"parent_overlap": ParentOverlap(n=4, filters=1, false_positive_rate=1e-9)},
            "4 test examples are in the sketch of its parent's training data; the parent's part of data/train.sketch",
        ),
        ({"exact_duplicates": 1}, "says that 1 test examples were trained on; 0 are in the sketch"),
    ],
)
def test_what_is_said_has_to_follow(audited: Audited, told: dict[str, Any], said: str) -> None:
    """From the files of the snapshot."""
    assert said in "\n".join(audited(told=told))


def test_a_hidden_leak_is_in_the_sketch(audited: Audited, rows: tuple[Row, ...], sketch: Sketch) -> None:
    """A test example among those trained on, and another among its parent's, that the certificate does not count."""
    own = sketch_of([*TRAINED[1:], rows[7].id], None)
    inherited = sketch_of([*(f"{n:064x}" for n in range(101, 140)), rows[8].id], None)
    reasons = audited(sketch=sketches.dump(Sketch(own=own.own, inherited=inherited.filters)))
    said = "\n".join(reasons)
    assert "says that 0 test examples were trained on; 1 are in the sketch" in said
    assert "says that 0 test examples are in the sketch of its parent's training data; the parent's part" in said


@pytest.mark.parametrize("data", [b"", b"RWSKETCH", sketches.dump(sketch_of(TRAINED, None))[:-1]])
def test_a_sketch_that_cannot_be_read(audited: Audited, data: bytes) -> None:
    """Is a no, with what is wrong with it."""
    assert "the sketch of the training data cannot be read" in "\n".join(audited(sketch=data))


@pytest.mark.parametrize(("n", "rate"), [(21, 1e-7), (1, 0.5), (1, 0.0), (-1, 1e-7)])
def test_an_overlap_without_a_sketch_that_cannot_be(audited: Audited, n: int, rate: float) -> None:
    """With no sketch of its own nothing can be counted again, but no sketch is wrong half of the time."""
    stated = ParentOverlap(n=n, filters=1, false_positive_rate=rate)
    (reason,) = audited(told={"sketch": None, "parent_overlap": stated}, sketch=None)
    assert reason.startswith(f"{n} of 20 test examples in the parent's training data, at {rate:g} false positives")


def test_a_missing_sketch(audited: Audited) -> None:
    """The certificate tells of one."""
    (reason,) = audited(sketch=None)
    assert "do not agree on whether there is a sketch" in reason
