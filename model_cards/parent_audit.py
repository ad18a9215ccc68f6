"""What an audit replays of the comparison with the parent: on this version's test data, and on the parent's own."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from . import evidence
from .certificate import Claim, Parent, ParentTest
from .comparison import compare, non_inferiority
from .evidence import Row
from .gate import POINT
from .protocol import is_classification, score
from .regression import classes_that_got_worse
from .replayed import figures_differ, same
from .snapshot import PARENT_EVIDENCE, PARENT_TEST, PARENT_TEST_EVIDENCE


def parent_checks(folder: Path, claim: Claim, rows: Sequence[Row]) -> Iterator[tuple[str, list[str]]]:
    """Each check in words, and what speaks against it."""
    parent = claim.parent
    if parent is None:
        return
    if parent.metric is not None or parent.comparison is not None:
        yield "comparison with the parent recomputed, example by example", list(_compared(folder, claim, parent, rows))
    elif parent.non_inferior is not None or parent.worse_classes:
        yield "comparison with the parent", ["it is judged against its parent without a comparison with it"]
    if parent.own_test is not None:
        yield "comparison on the parent's own test data recomputed", list(_own_test(folder, parent.own_test))


def _compared(folder: Path, claim: Claim, parent: Parent, rows: Sequence[Row]) -> Iterator[str]:
    if parent.metric is None or parent.comparison is None:
        yield "the comparison with the parent is incomplete: expected its metric and the paired comparison"
        return
    old = evidence.load((folder / PARENT_EVIDENCE).read_bytes())
    yield from figures_differ(parent.metric, score(claim.protocol, old), "the comparison")
    if [(r.id, r.truth) for r in old] != [(r.id, r.truth) for r in rows]:
        yield "the parent was measured on other examples than this version"
        return
    if not same(parent.comparison, compare(claim.protocol, rows, old)):
        yield "the comparison with the parent does not follow from the evidence"
    if claim.gate.kind == "non-inferior" and parent.non_inferior is None:
        yield "its gate is non-inferior, and the test of it is missing"
    if parent.non_inferior is not None:
        # A margin that the gate does not state can only be the default one.
        stated = claim.gate if claim.gate.kind == "non-inferior" else POINT
        if not same(parent.non_inferior, non_inferiority(claim.protocol, parent.comparison, stated)):
            yield "the test of non-inferiority does not follow from the comparison and the gate's margin"
    judged = parent.non_inferior is not None and is_classification(claim.protocol)
    if parent.worse_classes != (classes_that_got_worse(rows, old, claim.data.labels) if judged else {}):
        yield "the classes that got worse do not follow from the evidence"


def _own_test(folder: Path, stated: ParentTest) -> Iterator[str]:
    new = evidence.load((folder / PARENT_TEST).read_bytes())
    old = evidence.load((folder / PARENT_TEST_EVIDENCE).read_bytes())
    yield from figures_differ(stated.metric, score(stated.protocol, new), "the parent's test")
    yield from figures_differ(stated.parent_metric, score(stated.protocol, old), "the parent's test")
    if evidence.fingerprint_of(old) != stated.fingerprint:
        yield "the parent's evidence was measured on other data than its test's fingerprint says"
    if [(r.id, r.truth) for r in old] != [(r.id, r.truth) for r in new]:
        yield "this version answered other examples than the parent's test has"
    elif not same(stated.comparison, compare(stated.protocol, new, old)):
        yield "the comparison on the parent's test does not follow from the evidence"
