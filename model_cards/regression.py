"""Whether a fine-tuned classifier got worse than its parent: as a whole by a margin, and class by class."""

from collections import Counter
from collections.abc import Sequence

from .evidence import Row
from .gate import DEFAULT_MARGIN, Gate
from .multiple import ClassChange, worse_classes
from .noninferiority import NonInferiority, non_inferior
from .statistics import PairedComparison, compare_paired


def compare_rows(new: Sequence[Row], old: Sequence[Row]) -> PairedComparison:
    """Paired comparison of two sets of evidence on the same examples."""
    return compare_paired([r.prediction == r.truth for r in new], [r.prediction == r.truth for r in old])


def non_inferiority_of(comparison: PairedComparison, gate: Gate) -> NonInferiority:
    """Tango's test at the gate's margin, at half a point where it has none."""
    return non_inferior(comparison.gained, comparison.lost, comparison.n, gate.margin or DEFAULT_MARGIN)


def classes_that_got_worse(new: Sequence[Row], old: Sequence[Row], labels: Sequence[str]) -> dict[str, ClassChange]:
    """The classes, by label, whose examples are answered worse than by the parent (``multiple.worse_classes``).

    Raises:
        IndexError, TypeError: a truth that is no class's number.
    """
    gained: Counter[int] = Counter()
    lost: Counter[int] = Counter()
    for one, other in zip(new, old, strict=True):
        right, was_right = one.prediction == one.truth, other.prediction == other.truth
        gained[one.truth] += right and not was_right
        lost[one.truth] += was_right and not right
    changes = {labels[truth]: (gained[truth], lost[truth]) for truth in sorted(gained)}
    return worse_classes(changes)
