"""Many tests at once: Holm's correction, and which classes got worse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from .statistics import mcnemar_exact

Name = TypeVar("Name", str, int)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassChange:
    """Examples of one class that only the new model answers rightly, and that only the old one did.

    ``p_value`` is one-sided for having got worse, corrected for the number of classes.
    """

    gained: int
    lost: int
    p_value: float


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's step-down p-values, in the order given (Holm 1979, Scand. J. Stat. 6:65).

    Whatever lies at or below 5 % after the correction is found with a chance of 5 % at most that any of it is false.

    Raises:
        ValueError: a p-value that is none.
    """
    if not all(0 <= p <= 1 for p in p_values):
        raise ValueError(f"p-values lie between 0 and 1, got {list(p_values)}")
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        corrected[i] = largest
    return tuple(corrected)


def worse_classes(changes: Mapping[Name, tuple[int, int]], confidence: float = 0.95) -> dict[Name, ClassChange]:
    """The classes that got worse, of ``changes`` that give (gained, lost) for each: a guard beside the whole accuracy.

    One-sided exact McNemar for each class, Holm over all of them: where no class got worse, one is named in 5 % of
    the cases at most. A class that is not named is not shown to be as good: small classes show nothing.

    Raises:
        ValueError: a negative count.
    """
    if not all(gained >= 0 and lost >= 0 for gained, lost in changes.values()):
        raise ValueError(f"gained and lost are counts, got {dict(changes)}")
    # With more lost than gained one tail is half of both; otherwise nothing speaks for the class having got worse.
    one_sided = [mcnemar_exact(gained, lost) / 2 if lost > gained else 1.0 for gained, lost in changes.values()]
    return {
        name: ClassChange(gained=gained, lost=lost, p_value=p)
        for (name, (gained, lost)), p in zip(changes.items(), holm(one_sided), strict=True)
        if p <= 1 - confidence
    }
