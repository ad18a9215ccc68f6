"""Two snapshots beside each other: what their configurations and their certificates say differently."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .certificate import Claim
from .comparison import compare
from .evidence import Row
from .metric import Metric
from .protocol import FAMILIES
from .protocol_family import Comparison

ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field, by its path (``settings.hidden_size``), and its two values; ``absent`` where one has none."""

    path: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureChange:
    """Two metrics. ``comparison`` pairs them example by example where they are of the same test data and protocol;
    ``not_comparable`` says why they are only shown beside each other."""

    old: Metric
    new: Metric
    comparison: Comparison | None
    not_comparable: str | None


def changes(old: Any, new: Any, path: str = "") -> Iterator[Change]:
    """The fields of two JSON documents that differ; lists are compared as wholes."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted(old.keys() | new.keys()):
            yield from changes(old.get(name, ABSENT), new.get(name, ABSENT), f"{path}.{name}" if path else str(name))
    elif old != new:
        yield Change(path=path, old=old, new=new)


def figure_change(old: Claim, new: Claim, before: Sequence[Row], after: Sequence[Row]) -> FigureChange:
    """The two metrics, paired where that is honest; ``before`` and ``after`` are the evidence of each."""
    reason = _not_comparable(old, new)
    return FigureChange(
        old=old.metric,
        new=new.metric,
        comparison=None if reason else compare(new.protocol, after, before),
        not_comparable=reason,
    )


def _not_comparable(old: Claim, new: Claim) -> str | None:
    if old.protocol != new.protocol:
        return f"measured under different protocols ({old.protocol.name} and {new.protocol.name})"
    if old.data.labels != new.data.labels:
        return f"they have different classes ({len(old.data.labels)} and {len(new.data.labels)})"
    if old.data.test != new.data.test:
        return f"measured on different test data (n = {old.data.test.n:,} and {new.data.test.n:,})"
    if old.protocol.family not in FAMILIES:
        return f"{old.metric.name} is not a share of right answers, which are what is paired"
    return None
