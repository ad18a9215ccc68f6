"""Evidence in ten parts of equal size, by what is asked of each row."""

from collections.abc import Callable, Sequence
from itertools import pairwise

from .evidence import Row


def tenths(rows: Sequence[Row], key: Callable[[Row], float]) -> list[Sequence[Row]]:
    """At most ten parts whose sizes differ by one at most, the greatest keys first.

    Equal keys may fall on both sides of a cut: the digests of the examples decide, not their order in a file.
    """
    ranked = sorted(rows, key=lambda row: (-key(row), row.id))
    parts = min(10, len(ranked))
    ends = [len(ranked) * part // parts for part in range(parts + 1)]
    return [ranked[start:end] for start, end in pairwise(ends)]


def ordinal(place: int) -> str:
    """``1st`` to ``10th``."""
    return f"{place}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(place, 'th') }"
