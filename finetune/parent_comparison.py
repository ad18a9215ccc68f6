"""What a certificate says of the parent: both on this version's test data, and on the parent's own where at hand."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from roadworthy.model_cards import InputError, Row, evidence
from roadworthy.model_cards.certificate import Parent, ParentTest, from_statement
from roadworthy.model_cards.comparison import compare, non_inferiority
from roadworthy.model_cards.envelope import payload_of
from roadworthy.model_cards.gate import Gate
from roadworthy.model_cards.protocol import is_classification, score
from roadworthy.model_cards.regression import classes_that_got_worse
from roadworthy.model_cards.snapshot import CERTIFICATE, EVIDENCE, PARENT_EVIDENCE, PARENT_TEST, PARENT_TEST_EVIDENCE

from .clean_request import Measured
from .run_folder import RunSpec


def compared_with_parent(
    aside: Path, measured: Measured, spec: RunSpec | None, rows: Sequence[Row], gate: Gate
) -> Parent | None:
    """The comparison with what a run started from; ``aside`` is where the clean process left its evidence.

    Raises:
        InputError: the data that was given as the parent's is not what its certificate was measured on.
    """
    if spec is None or spec.start.kind == "scratch":
        return None
    name = spec.start.reference or "its start"
    if spec.start.kind == "checkpoint":
        return Parent(
            reference=name,
            certificate_sha256=None,
            metric=None,
            comparison=None,
            not_compared="it is an uncertified draft",
        )
    own_test = _own_test(aside, Path(spec.start_folder)) if spec.start_folder else None
    path = aside / "parent.jsonl"
    if not path.is_file():
        return Parent(
            reference=name,
            certificate_sha256=spec.start_certificate_sha256,
            metric=None,
            comparison=None,
            not_compared=measured.parent_not_compared,
            own_test=own_test,
        )
    old = evidence.load(path.read_bytes())
    comparison, classes = compare(measured.protocol, rows, old), is_classification(measured.protocol)
    return Parent(
        reference=name,
        certificate_sha256=spec.start_certificate_sha256,
        metric=score(measured.protocol, old),
        comparison=comparison,
        non_inferior=non_inferiority(measured.protocol, comparison, gate),
        worse_classes=classes_that_got_worse(rows, old, measured.labels) if classes else {},
        own_test=own_test,
    )


def parent_evidence(aside: Path, start: Path | None) -> Mapping[str, Path]:
    """The files that prove the comparison, by their paths in the snapshot."""
    found = {PARENT_EVIDENCE: aside / "parent.jsonl", PARENT_TEST: aside / "parent-test.jsonl"}
    if start is not None and found[PARENT_TEST].is_file():
        found[PARENT_TEST_EVIDENCE] = start / EVIDENCE
    return {path: file for path, file in found.items() if file.is_file()}


def _own_test(aside: Path, parent: Path) -> ParentTest | None:
    path = aside / "parent-test.jsonl"
    if not path.is_file():
        return None
    theirs = from_statement(payload_of((parent / CERTIFICATE).read_bytes())).claim
    rows, old = evidence.load(path.read_bytes()), evidence.load((parent / EVIDENCE).read_bytes())
    if (found := evidence.fingerprint_of(rows)) != theirs.data.test.fingerprint:
        raise InputError(
            f"--parent-data is not the parent's test data: expected {theirs.data.test.n:,} examples with the "
            f"fingerprint {theirs.data.test.fingerprint[:16]}…, found {len(rows):,} with {found[:16]}…. Give the data "
            f"that the parent was measured on ({theirs.data.name!r}), or leave it out."
        )
    return ParentTest(
        protocol=theirs.protocol,
        fingerprint=found,
        parent_metric=score(theirs.protocol, old),
        metric=score(theirs.protocol, rows),
        comparison=compare(theirs.protocol, rows, old),
    )
