"""Whether a candidate was tested on what its parent was trained on, by the sketch that this registry holds of it."""

from collections.abc import Iterator
from math import isclose
from pathlib import Path

from roadworthy.model_cards import evidence, sketch
from roadworthy.model_cards.certificate import Claim
from roadworthy.model_cards.sketch import ParentOverlap
from roadworthy.model_cards.snapshot import EVIDENCE, SKETCH

from .manifest import Manifest
from .registry import Registry


def overlap_differs(registry: Registry, parent: Manifest, folder: Path, claim: Claim) -> Iterator[str]:
    """The reason, where the certificate tells another overlap than the parent's own sketch does.

    Raises:
        DamagedError: the stored sketch cannot be read.
    """
    file = next((file for file in parent.files if file.path == SKETCH), None)
    if file is None or parent.certificate_sha256 is None:
        return
    theirs = sketch.load(registry.read(file, parent.reference))
    rows = evidence.load((folder / EVIDENCE).read_bytes())
    found = sketch.overlap_with(sketch.left_to_children(theirs), [row.id for row in rows])
    stated = claim.data.parent_overlap
    if stated is None or (stated.n, stated.filters) != (found.n, found.filters) or not _same_rate(stated, found):
        said = "nothing of it" if stated is None else f"{stated.n:,} ({stated.false_positive_rate:g} false positives)"
        yield (
            f"the parent {parent.reference} was trained on {found.n:,} of its {len(rows):,} test examples, by the "
            f"sketch that is stored here ({found.false_positive_rate:g} false positives); the certificate says {said}"
        )


def _same_rate(stated: ParentOverlap, found: ParentOverlap) -> bool:
    return isclose(stated.false_positive_rate, found.false_positive_rate, rel_tol=0.01)
