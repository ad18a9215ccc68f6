"""Two models on the same examples, compared by what their protocol measures."""

from collections.abc import Sequence

from .errors import InputError
from .evidence import Row
from .gate import DEFAULT_MARGIN, Gate
from .noninferiority import NonInferiority
from .protocol import FAMILIES, Protocol
from .protocol_family import Comparison
from .regression import compare_rows, non_inferiority_of
from .score_comparison import ScoreNonInferiority, score_non_inferiority
from .statistics import PairedComparison


def compare(protocol: Protocol, new: Sequence[Row], old: Sequence[Row]) -> Comparison:
    """The paired comparison of two sets of evidence: right answers of a classifier, else the protocol's own metric.

    Raises:
        InputError: rows that are no evidence of the protocol, that are not on the same examples, or whose differences
            do not say by how much they might vary.
        ValueError: two classifiers' answers to different examples.
    """
    family = FAMILIES.get(protocol.family)
    comparer = family.comparisons.get(protocol.metric) if family else None
    if comparer is None:
        return compare_rows(new, old)
    if len(new) != len(old) or not all(map(_same_example, new, old)):
        raise InputError(
            f"the two sets of answers are not to the same examples ({len(new):,} and {len(old):,}), candidates and "
            "units, so they cannot be compared. Measure both models on the same data, with the same draw."
        )
    try:
        return comparer(new, old, protocol.parameters)
    except ValueError as error:
        raise InputError(
            f"the two models cannot be compared on these {len(new):,} rows of evidence ({error}). Measure both on more "
            "data."
        ) from error


def _same_example(one: Row, other: Row) -> bool:
    return one.id == other.id and one.truth == other.truth and one.unit == other.unit


def non_inferiority(
    protocol: Protocol, comparison: Comparison, gate: Gate
) -> NonInferiority | ScoreNonInferiority | None:
    """The test of the gate's margin, half a point where it has none; ``None`` for a task of another package."""
    if protocol.family not in FAMILIES:
        return None
    if isinstance(comparison, PairedComparison):
        return non_inferiority_of(comparison, gate)
    return score_non_inferiority(comparison, gate.margin or DEFAULT_MARGIN)
