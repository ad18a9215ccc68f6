"""What the evidence of a single-label classifier proves: accuracy, recall for each class, its most confident errors."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from .evidence import Answer, Row
from .statistics import Interval, mean_of_proportions, wilson


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its interval, and the method that the interval was made by."""

    value: float
    interval: Interval
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRecall:
    """Of the ``n`` examples of one class, how many were found; ``interval`` is Wilson's."""

    truth: Answer
    n: int
    found: int
    interval: Interval

    @property
    def value(self) -> float:
        """The recall, a share."""
        return self.found / self.n


def check_classes(rows: Sequence[Row], n: int) -> None:
    """Looks whether all truths and predictions are class numbers from 0 to n - 1.

    Raises:
        IndexError, TypeError: the first that is not.
    """
    for row in rows:
        for number in (row.truth, row.prediction):
            if not 0 <= number < n:
                raise IndexError(f"row {row.id} has the class {number}; expected 0 to {n - 1}")


def accuracy(rows: Sequence[Row]) -> Estimate:
    """The share of right answers, with Wilson's interval."""
    right = sum(row.prediction == row.truth for row in rows)
    return Estimate(value=right / len(rows), interval=wilson(right, len(rows)), method="wilson")


def class_recalls(rows: Sequence[Row]) -> tuple[ClassRecall, ...]:
    """The recall of each class that occurs as a truth, in the order of the classes."""
    n = Counter(row.truth for row in rows)
    found = Counter(row.truth for row in rows if row.prediction == row.truth)
    return tuple(
        ClassRecall(truth=truth, n=n[truth], found=found[truth], interval=wilson(found[truth], n[truth]))
        for truth in sorted(n)
    )


def worst_first(recalls: Sequence[ClassRecall]) -> list[ClassRecall]:
    """By recall; among equal ones the class with more examples first, because of it more is known."""
    return sorted(recalls, key=lambda recall: (recall.value, -recall.n, recall.truth))


def balanced_accuracy(rows: Sequence[Row]) -> Estimate:
    """The mean recall of the classes that occur (Brodersen et al. 2010), with Price & Bonett's interval."""
    recalls = class_recalls(rows)
    value = fsum(recall.value for recall in recalls) / len(recalls)
    interval = mean_of_proportions([(recall.found, recall.n) for recall in recalls])
    return Estimate(value=value, interval=interval, method="price-bonett")


def most_confident_errors(rows: Sequence[Row], most: int = 10) -> list[Row]:
    """The wrong answers with the highest confidence."""
    wrong = [row for row in rows if row.prediction != row.truth]
    return sorted(wrong, key=lambda row: (-row.confidence, row.id, row.truth))[:most]
