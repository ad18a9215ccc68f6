"""How far two sets of answers to the same examples agree."""

from collections.abc import Sequence
from dataclasses import dataclass

from .evidence import Row, fingerprint_of
from .likeness import apart, same_answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """``same`` is the share of equal predictions, of groups that of equal orders; ``largest_difference`` is between the
    two probabilities that were given for one example's prediction, or for any item of a group: at most 1 and as exact
    as evidence is."""

    n: int
    same: float
    largest_difference: float


def agreement(rows: Sequence[Row], first: Sequence[Row]) -> Agreement | None:
    """The agreement of ``rows`` with what was answered ``first``; ``None`` if they are not on the same examples.

    Both are in the order in which evidence is stored: that of `evidence.load`.
    """
    if not rows or fingerprint_of(rows) != fingerprint_of(first):
        return None
    pairs = list(zip(rows, first, strict=True))
    return Agreement(
        n=len(rows),
        same=sum(same_answer(a, b) for a, b in pairs) / len(pairs),
        largest_difference=max(apart(a, b) for a, b in pairs),
    )
