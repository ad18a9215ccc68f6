"""A second party's answers beside those of the certificate, example by example."""

from collections.abc import Sequence
from dataclasses import dataclass

from .errors import InputError
from .evidence import Row
from .likeness import apart, same_answer
from .protocol import Protocol, is_classification


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondAnswers:
    """``differing`` counts the predictions that are not the same: another class, another rank, another order of a
    group; ``lost`` those of them that were right in the certificate and are wrong here, ``gained`` the reverse,
    ``None`` where a protocol has no right and wrong.

    ``largest_difference`` is between the two probabilities that were given for one example's prediction (of a group:
    for any of its items), at most 1 and as exact as evidence is (six decimals); ``surest_differing`` the greatest
    probability that either side gave to an answer that differs, ``None`` where none does, or where it says nothing: a
    rank changes as easily where the item is likely.
    """

    n: int
    differing: int
    lost: int | None
    gained: int | None
    largest_difference: float
    surest_differing: float | None

    @property
    def same(self) -> float:
        """The share of equal predictions."""
        return (self.n - self.differing) / self.n


def second_answers(protocol: Protocol, rows: Sequence[Row], first: Sequence[Row]) -> SecondAnswers:
    """How ``rows`` differ from what was answered ``first``; both as `evidence.load` gives them.

    Raises:
        InputError: no rows, or not on the same examples.
    """
    if not rows or [(row.id, row.truth) for row in rows] != [(row.id, row.truth) for row in first]:
        raise InputError(
            f"the two sets of answers are not to the same examples ({len(rows):,} and {len(first):,}), so they cannot "
            "be compared. Measure on the certificate's test data."
        )
    pairs = list(zip(rows, first, strict=True))
    differ = [(new, old) for new, old in pairs if not same_answer(new, old)]
    surest = max((row.confidence for pair in differ for row in pair), default=None)
    told = is_classification(protocol)
    return SecondAnswers(
        n=len(pairs),
        differing=len(differ),
        lost=sum(old.prediction == old.truth for _, old in differ) if told else None,
        gained=sum(new.prediction == new.truth for new, _ in differ) if told else None,
        largest_difference=round(max(apart(new, old) for new, old in pairs), 6),
        surest_differing=None if _ranks(protocol) else surest,
    )


def _ranks(protocol: Protocol) -> bool:
    return protocol.family.startswith(("recommendation", "ranking"))
