"""Evidence of ranking: for each group the labels of its items and the scores that the model gave them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .evidence import Row

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """The items of all groups, one after another, [items] each: their group's number, label and score.

    ``starts``, [groups], is the row number of each group's first item in the test part; 0 where it is not told.
    """

    group: Numbers
    label: Numbers
    score: NDArray[np.float64]
    starts: Numbers


def group_row(
    *, id: str, labels: Sequence[int], scores: Sequence[float], start: int | None = None, unit: str | None = None
) -> Row:
    """One group's row of evidence.

    Args:
        id: the digest of the group's content.
        labels: of each item 1 where it is relevant, else 0; in the order of the data.
        scores: of each item, the probability as a double.
        start: the row number of its first item in the test part, from 0; for the legacy protocol only, whose number
            depends on it.
        unit: a digest of whom the group was shown to, where one user has several.
    """
    truth: Any = [int(label) for label in labels]
    return Row(
        id=id,
        truth=truth if start is None else {"labels": truth, "start": int(start)},
        prediction=[float(score) for score in scores],
        confidence=float(max(scores, default=0.0)),
        unit=unit,
    )


def items_of(rows: Sequence[Row], *, placed: bool) -> Items:
    """The items; ``placed``: rows say where their groups begin.

    Raises:
        InputError: a row of another form, or not one finite score for each label.
    """
    labels = [_labels(row, placed) for row in rows]
    if not _fit(labels, [row.prediction for row in rows]):
        for row, given in zip(rows, labels, strict=True):
            _check(row, given)
    sizes = [len(given) for given in labels]
    return Items(
        group=np.repeat(np.arange(len(rows)), sizes),
        label=np.fromiter(chain.from_iterable(labels), dtype=np.int64),
        score=np.fromiter(chain.from_iterable(row.prediction for row in rows), dtype=np.float64),
        starts=np.array([row.truth["start"] if placed else 0 for row in rows], dtype=np.int64),
    )


def places(groups: Numbers, order: Numbers) -> Numbers:
    """The place of each item in ``order``, [items], within its group, from 1; ``order`` has the groups ascending."""
    ranked = groups[order]
    begins = np.flatnonzero(np.diff(ranked, prepend=-1))
    place: Numbers = np.arange(len(ranked)) - np.repeat(begins, np.diff(begins, append=len(ranked))) + 1
    return place


def _labels(row: Row, placed: bool) -> Any:
    truth = row.truth
    if not placed:
        return truth
    fits = isinstance(truth, dict) and truth.keys() == {"labels", "start"}
    if not fits or type(truth["start"]) is not int or truth["start"] < 0:
        raise InputError(
            f"group {row.id[:16]} does not say where it begins: expected labels and start, found {truth!r}. Measure "
            "the model again under this protocol."
        )
    return truth["labels"]


def _fit(labels: list[Any], scores: list[Any]) -> bool:
    """Whether all groups are of the form that `_check` asks for, in a fifth of its time; it says which one is not."""
    if set(map(type, labels)) | set(map(type, scores)) != {list}:
        return False
    sizes = list(map(len, labels))
    if min(sizes) == 0 or sizes != list(map(len, scores)):
        return False
    flat, said = list(chain.from_iterable(labels)), list(chain.from_iterable(scores))
    typed = set(map(type, flat)) == {int} and set(map(type, said)) <= {int, float}
    return typed and set(flat) <= {0, 1} and all(map(isfinite, said))


def _check(row: Row, labels: Any) -> None:
    scores = row.prediction
    lists = isinstance(labels, list) and isinstance(scores, list) and len(labels) == len(scores) > 0
    typed = lists and _are(labels, {int}) and _are(scores, {int, float})
    if typed and set(labels) <= {0, 1} and all(map(isfinite, scores)):
        return
    raise InputError(
        f"row {row.id[:16]} is no evidence of a ranking: expected a list of labels, each 0 or 1, and one score of "
        f"each, found {labels!r} and {scores!r}. Measure the model again."
    )


def _are(values: list[Any], kinds: set[type]) -> bool:
    return set(map(type, values)) <= kinds
