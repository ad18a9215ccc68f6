"""Scorers that other packages bring for tasks of their own, by the entry-point group ``roadworthy.scorers``.

An entry's name is a protocol's family; its value a callable that takes the protocol and the rows of evidence
and returns the ``Metric``; it must refuse a protocol whose id does not follow from its parameters. Only what the
reader has installed is ever loaded.
"""

from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from .errors import InputError
from .evidence import Row
from .metric import Metric

if TYPE_CHECKING:
    from .protocol import Protocol

GROUP = "roadworthy.scorers"
Scorer = Callable[["Protocol", Sequence[Row]], Metric]


def foreign_scorer(family: str) -> Scorer | None:
    """The scorer that an installed package brings for ``family``; ``None`` where there is none.

    Raises:
        InputError: two packages bring one, or it cannot be imported.
    """
    found = {entry.value: entry for entry in entry_points(group=GROUP, name=family)}
    if not found:
        return None
    if len(found) > 1:
        raise InputError(
            f"{len(found)} installed packages score the family {family!r} ({', '.join(sorted(found))}); expected one. "
            "Uninstall the others."
        )
    (entry,) = found.values()
    try:
        scorer: Scorer = entry.load()
    except Exception as error:  # the package's own code runs here, and may fail in any way
        raise InputError(
            f"the scorer {entry.value!r} of the family {family!r} cannot be imported ({error}). "
            "Repair or reinstall its package."
        ) from error
    return scorer


def score_with(scorer: Scorer, protocol: "Protocol", rows: Sequence[Row]) -> Metric:
    """What ``scorer`` says, if it is a metric of this protocol over all rows.

    Raises:
        InputError: the scorer failed, or it returned something else.
    """
    try:
        metric = scorer(protocol, rows)
    except Exception as error:
        raise InputError(
            f"the scorer of the family {protocol.family!r} failed on this evidence: {type(error).__name__}: {error}. "
            "Ask whoever made its package."
        ) from error
    expected = (protocol.metric, protocol.name, len(rows))
    found = (metric.name, metric.protocol, metric.n) if isinstance(metric, Metric) else metric
    if found != expected:
        raise InputError(
            f"the scorer of the family {protocol.family!r} returned {found!r}; "
            f"expected a Metric with the name, protocol and n {expected!r}. Ask whoever made its package."
        )
    return metric
