"""A registry asks its own copy of a parent's sketch, whatever a child's certificate says."""

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from securesystemslib.signer import Key

from roadworthy.model_cards import CheckError, card, evidence, list_files, sketch
from roadworthy.model_cards.certificate import Certificate, Claim, Parent, SplitRecord, from_statement, to_statement
from roadworthy.model_cards.envelope import payload_of, seal
from roadworthy.model_cards.sketch import Sketch, overlap_with, sketch_of
from roadworthy.registry import Registry, publish, signing_key

Build = Callable[..., Path]


def with_sketch(folder: Path, held: Sketch, change: Callable[[Claim], Claim]) -> Path:
    """The candidate with a sketch, its claim changed, rendered and signed again."""
    path = folder / "certificate.json"
    claim = from_statement(payload_of(path.read_bytes())).claim
    path.unlink()
    many = SplitRecord(n=held.own.n, fingerprint="a" * 64)
    data = dataclasses.replace(claim.data, sketch=held.record(), train=many)
    claim = change(dataclasses.replace(claim, data=data))
    rows = evidence.load((folder / "evidence/test.jsonl").read_bytes())
    for name, content in card.render(card.Proof(claim=claim, rows=rows, curve=())).items():
        (folder / name).write_bytes(content)
    (folder / "data").mkdir()
    (folder / "data/train.sketch").write_bytes(sketch.dump(held))
    path.write_bytes(seal(to_statement(Certificate(files=list_files(folder), claim=claim)), signing_key()))
    return folder


@pytest.mark.parametrize(
    ("hidden", "said"),
    [
        (
            True,
            "the parent demo/x@1.0.0 was trained on 1 of its 100 test examples, by the sketch that is stored here (",
        ),
        (False, "1 of 100 test examples are in the sketch of what its parent"),
    ],
)
def test_a_parent_that_saw_the_test_data(
    registry: Registry, candidate: Build, keys: tuple[Key, ...], hidden: bool, said: str
) -> None:
    """One of the child's test examples was the parent's: exchanged in the child's own file, or told and refused."""
    tested = [hashlib.sha256(bytes([n])).hexdigest() for n in range(100)]
    theirs = sketch_of([tested[3], *(f"{n:064x}" for n in range(40))], None)
    # The parent has other test examples than the child.
    parent = with_sketch(candidate("parent", n=3, right=3, trained=False), theirs, lambda claim: claim)
    digest = publish(registry, parent, "demo/x@1.0.0", keys=keys).manifest.certificate_sha256
    stated = Parent(
        reference="demo/x@1.0.0",
        certificate_sha256=digest,
        metric=None,
        comparison=None,
        not_compared="it has other classes",
    )
    shown = sketch_of([f"{n:064x}" for n in range(40)], None) if hidden else theirs
    overlap = overlap_with(shown.filters, tested)
    child = with_sketch(
        candidate("child", parent=stated, trained=False),
        sketch_of([f"{n:064x}" for n in range(50, 90)], shown),
        lambda claim: dataclasses.replace(claim, data=dataclasses.replace(claim.data, parent_overlap=overlap)),
    )
    with pytest.raises(CheckError) as refused:
        publish(registry, child, "demo/x@1.1.0", keys=keys)
    assert [said in reason for reason in refused.value.reasons] == [True]
