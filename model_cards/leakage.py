"""What of the training data reached the test data: what of it speaks against a version, in words."""

from collections.abc import Iterator

from .certificate import Data
from .sketch import ParentOverlap, by_chance

_BELIEVABLE = 1e-3  # of false positives: anything less likely is an overlap


def leaks(data: Data) -> Iterator[str]:
    """Each leak that blocks. Near duplicates are none: they are reported, with the figure without them."""
    # None: measured without a training run, so there is nothing to share.
    if data.exact_duplicates:
        yield (
            f"{data.exact_duplicates} of {data.test.n:,} test examples were also trained on, with "
            "the same content: expected 0. Remove them and measure again"
        )
    if data.groups is not None and data.groups.crossing:
        yield (
            f"{data.groups.crossing:,} of {data.test.n:,} test examples share a group ({data.groups.by} "
            f"{data.groups.name!r}) with what was trained or stopped on: expected 0. Keep each group in one part, "
            "train and measure again"
        )
    if data.parent_overlap is not None and is_overlap(data.parent_overlap, data.test.n):
        yield (
            f"{data.parent_overlap.n:,} of {data.test.n:,} test examples are in the sketch of what its parent, or a "
            "version it descends from, was trained on: expected 0. Test on others, or start from another parent"
        )


def is_overlap(overlap: ParentOverlap, n: int) -> bool:
    """Whether more of ``n`` test examples were found in the parent's sketch than false positives explain."""
    return overlap.n > 0 and by_chance(overlap.n, n, overlap.false_positive_rate) < _BELIEVABLE
