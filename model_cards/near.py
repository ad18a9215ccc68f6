"""Near duplicates: the test examples that are nearly the same as one that was trained on, and the metric without them.

On disk: JSON Lines in canonical form, sorted by id, one for each test content that has such a neighbour.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from . import canonical
from .errors import DamagedError
from .evidence import Row
from .metric import Metric
from .protocol import Protocol, score


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A test content and the training content nearest to it, by their digests; the same one where it was trained on.

    ``distance`` is that of their hashes, ``similarity`` what confirmed it: 1 for equal ones.
    """

    id: str
    nearest: str
    distance: float
    similarity: float

    @property
    def same(self) -> bool:
        """Whether it is no near duplicate but the very same content."""
        return self.id == self.nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """What was found by ``method``, at a ``distance`` of at most and a ``similarity`` of at least its ``thresholds``.

    ``n`` test examples have a near duplicate in the training data, ``same`` more are themselves in it. ``metric`` is
    without all of them; ``None`` where there are none, or where no other is left.
    """

    method: str
    thresholds: dict[str, float]
    n: int
    same: int
    metric: Metric | None


def near_of(
    method: str,
    thresholds: Mapping[str, float],
    rows: Sequence[Row],
    neighbours: Sequence[Neighbour],
    protocol: Protocol,
) -> Near:
    """What a certificate says of them; ``rows`` are the evidence of all test examples."""
    near = {one.id for one in neighbours if not one.same}
    same = {one.id for one in neighbours if one.same}
    left = [row for row in rows if row.id not in near | same]
    return Near(
        method=method,
        thresholds=dict(thresholds),
        n=sum(row.id in near for row in rows),
        same=sum(row.id in same for row in rows),
        metric=score(protocol, left) if 0 < len(left) < len(rows) else None,
    )


def dump(neighbours: Iterable[Neighbour]) -> bytes:
    """The file's bytes, whatever the order of ``neighbours``."""
    lines = sorted((one.id, canonical.dump(_fields(one))) for one in neighbours)
    return b"".join(line + b"\n" for _, line in lines)


def load(data: bytes) -> tuple[Neighbour, ...]:
    """The neighbours that a file holds, by id.

    Raises:
        DamagedError: a line that is none, or ids that repeat or are out of order.
    """
    lines = data.removesuffix(b"\n").split(b"\n") if data else []
    found = tuple(_neighbour(line, number) for number, line in enumerate(lines, start=1))
    ids = [one.id for one in found]
    if ids != sorted(set(ids)):
        raise DamagedError("the near duplicates are not sorted, or one is told twice. Pull or publish it again.")
    return found


def _fields(one: Neighbour) -> dict[str, str | float]:
    return {"id": one.id, "nearest": one.nearest, "distance": one.distance, "similarity": one.similarity}


def _neighbour(line: bytes, number: int) -> Neighbour:
    fields = canonical.parse(line, f"near duplicate {number}")
    texts, numbers = ("id", "nearest"), ("distance", "similarity")
    if (
        not isinstance(fields, dict)
        or set(fields) != {*texts, *numbers}
        or not all(isinstance(fields[name], str) for name in texts)
        or not all(isinstance(fields[name], int | float) and not isinstance(fields[name], bool) for name in numbers)
    ):
        raise DamagedError(
            f"line {number} of the near duplicates is none: expected id, nearest, distance and similarity. Pull or "
            "publish it again."
        )
    return Neighbour(
        id=fields["id"],
        nearest=fields["nearest"],
        distance=float(fields["distance"]),
        similarity=float(fields["similarity"]),
    )
