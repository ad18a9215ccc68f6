"""What an audit replays of leaks: near duplicates and the metric without them, the sketch and what follows from it."""

from collections.abc import Iterator, Sequence
from math import isclose
from pathlib import Path

from . import near as near_duplicates
from . import sketch as sketches
from .certificate import Claim, Data
from .evidence import Row
from .leakage import is_overlap
from .near import Near, near_of
from .replayed import figures_differ
from .sketch import MOST_RATE, ParentOverlap, Sketch, SketchRecord, overlap_with
from .snapshot import NEAR, SKETCH


def leak_checks(folder: Path, claim: Claim, rows: Sequence[Row]) -> Iterator[tuple[str, list[str]]]:
    """Each check in words, and what speaks against it."""
    data, ids = claim.data, [row.id for row in rows]
    if (folder / SKETCH).is_file() != (data.sketch is not None):
        yield "sketch of the training data", [f"{SKETCH} and the certificate do not agree on whether there is a sketch"]
        return
    sketch = sketches.load((folder / SKETCH).read_bytes()) if data.sketch is not None else None
    if sketch is not None and data.sketch is not None:
        told = f"sketch of {sketch.own.n:,} training examples, asked for every test example"
        yield told, [*_record(data.sketch, sketch, data), *_exact(data, sketch, ids)]
    if data.parent_overlap is not None and (sketch is None or sketch.inherited):
        yield "overlap with the parent's training data", list(_overlap(data.parent_overlap, sketch, ids))
    elif sketch is not None and sketch.inherited:
        yield (
            "overlap with the parent's training data",
            ["its sketch has that of its parent, and the certificate says nothing of an overlap"],
        )
    if data.near is not None:
        yield (
            f"near duplicates: {data.near.n:,}, and the metric without them recomputed",
            list(_near(folder, claim, data.near, rows, sketch)),
        )
    elif data.near_duplicates is not None or (folder / NEAR).is_file():
        yield "near duplicates", ["near duplicates are told of that the certificate does not account for"]
    if data.groups is not None and not 0 <= data.groups.crossing <= min(data.test.n, len(rows)):
        yield "groups", [f"{data.groups.crossing} test examples share a group with training, of {len(rows)}"]


def _record(stated: SketchRecord, sketch: Sketch, data: Data) -> Iterator[str]:
    found = sketch.record()
    same_rate = isclose(stated.false_positive_rate, found.false_positive_rate, rel_tol=0.01)
    if (stated.n, stated.filters) != (found.n, found.filters) or not same_rate:
        yield (
            f"the certificate says its sketch has {stated.n} examples and {stated.filters} filters, at "
            f"{stated.false_positive_rate:g} false positives; the file has {found.n}, {found.filters} and "
            f"{found.false_positive_rate:g}"
        )
    most = sum(part.n for part in (data.train, data.validation) if part is not None)
    if found.n > most:
        yield f"its sketch has {found.n} different examples, and only {most} were trained or stopped on"


def _exact(data: Data, sketch: Sketch, ids: Sequence[str]) -> Iterator[str]:
    found, stated = sum(map(sketch.own.holds, ids)), data.exact_duplicates or 0
    more = ParentOverlap(n=found - stated, filters=1, false_positive_rate=sketch.own.false_positive_rate)
    if found < stated or is_overlap(more, len(ids)):
        yield (
            f"the certificate says that {stated} test examples were trained on; {found} are in the sketch of the "
            "training data"
        )


def _overlap(stated: ParentOverlap, sketch: Sketch | None, ids: Sequence[str]) -> Iterator[str]:
    if sketch is None:
        if not 0 <= stated.n <= len(ids) or not 0 < stated.false_positive_rate <= MOST_RATE * stated.filters:
            yield (
                f"{stated.n} of {len(ids)} test examples in the parent's training data, at "
                f"{stated.false_positive_rate:g} false positives in {stated.filters} filters, cannot be"
            )
        return
    found = overlap_with(sketch.inherited, ids)
    if (stated.n, stated.filters) != (found.n, found.filters) or not isclose(
        stated.false_positive_rate, found.false_positive_rate, rel_tol=0.01
    ):
        yield (
            f"the certificate says that {stated.n} test examples are in the sketch of its parent's training data; the "
            f"parent's part of {SKETCH} has {found.n}"
        )


def _near(folder: Path, claim: Claim, stated: Near, rows: Sequence[Row], sketch: Sketch | None) -> Iterator[str]:
    neighbours = near_duplicates.load((folder / NEAR).read_bytes())
    unknown = {one.id for one in neighbours} - {row.id for row in rows}
    if unknown:
        yield f"{NEAR} tells of {len(unknown)} test examples that the evidence does not have: {min(unknown)[:16]}…"
        return
    most, least = stated.thresholds["distance"], stated.thresholds["similarity"]
    beyond = [one for one in neighbours if not one.same and (one.distance > most or one.similarity < least)]
    if beyond:
        yield f"{len(beyond)} near duplicates are beyond the thresholds of {stated.method}: {beyond[0].id[:16]}…"
    if sketch is not None and not all(sketch.own.holds(one.nearest) for one in neighbours):
        yield f"{NEAR} tells of training examples that are not in the sketch of the training data"
    if stated.same > (claim.data.exact_duplicates or 0):
        yield f"{NEAR} has {stated.same} test examples that were trained on; the certificate says fewer were"
    found = near_of(stated.method, stated.thresholds, rows, neighbours, claim.protocol)
    if (stated.n, stated.same, claim.data.near_duplicates) != (found.n, found.same, found.n):
        yield (
            f"the certificate says that {stated.n} test examples have a near duplicate in the training data and "
            f"{stated.same} more are in it; {NEAR} has {found.n} and {found.same}"
        )
    elif (stated.metric is None) != (found.metric is None):
        yield "the metric without near duplicates is missing, or follows from nothing"
    elif stated.metric is not None and found.metric is not None:
        yield from figures_differ(stated.metric, found.metric, "the metric without near duplicates")
