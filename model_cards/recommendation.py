"""Evidence of recommendation: for each user how many candidates scored above the item that was really taken next.

Not the scores of all candidates: of 138,493 users and 26,744 items those are 3.7 billion numbers, and hit rate and
NDCG are functions of the one rank. ``pool`` binds what the item was ranked among, so that models are compared on the
same draw only (``docs/decisions/0029-scores-as-evidence.md``).
"""

import re
from collections.abc import Sequence, Set
from dataclasses import replace
from math import log2
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .classification import Estimate
from .errors import InputError
from .evidence import Row
from .protocol_family import Parameters
from .statistics import PairedComparison, compare_paired, wilson
from .unit_means import UnitMean

K = 10
_POOL = re.compile("[0-9a-f]{16}")
_TRUTH, _PREDICTION = {"candidates", "pool", "seen"}, {"above", "equal"}
_POPULAR = "popular"  # in the truth of evidence since 0.1; what was measured before does not say it
# Rounded, because mathematical libraries differ in the last place and an audit compares for equality.
_GAINS = np.array([round(1 / log2(rank + 1), 15) for rank in range(1, K + 1)] + [0.0])


def user_row(
    *,
    id: str,
    candidates: int,
    pool: str,
    seen: int,
    above: int,
    equal: int,
    score: float,
    popular: int | None = None,
    unit: str | None = None,
) -> Row:
    """One user's row of evidence.

    Args:
        id: the digest of the user and the item that was taken.
        candidates: how many other items it was ranked among, duplicates counted once.
        pool: what those are, by its digest (`candidate_pools`).
        seen: how often the item occurs in the training data.
        above: how many candidates scored above it, those whose score is no number among them.
        equal: how many scored the same.
        score: what the model gave the item, as a probability.
        popular: how many candidates occur more often in the training data, or as often and have a lower number: what
            a list of the most frequent items puts before it.
    """
    told = {} if popular is None else {_POPULAR: int(popular)}
    return Row(
        id=id,
        truth={"candidates": int(candidates), "pool": pool, "seen": int(seen), **told},
        prediction={"above": int(above), "equal": int(equal)},
        confidence=float(score),
        unit=unit,
    )


def ranks(rows: Sequence[Row]) -> NDArray[np.int64]:
    """The place of each user's item, [rows], from 1. Among equal scores it is the last: who scores all alike hits none.

    Raises:
        InputError: a row of another form, or more items above it than there are candidates.
    """
    if not _fit(rows):
        for row in rows:
            _check(row)
    return np.array([1 + row.prediction["above"] + row.prediction["equal"] for row in rows], dtype=np.int64)


def seen(rows: Sequence[Row]) -> NDArray[np.int64]:
    """How often each user's item occurs in the training data, [rows]."""
    return np.array([row.truth["seen"] for row in rows], dtype=np.int64)


def by_popularity(rows: Sequence[Row]) -> list[Row] | None:
    """The same users and candidates, answered by how often an item occurs in training: what needs no model.

    ``None`` where a row does not say how many candidates are more popular.
    """
    if not rows or any(_POPULAR not in row.truth for row in rows):
        return None
    return [replace(row, prediction={"above": row.truth[_POPULAR], "equal": 0}, confidence=0.0) for row in rows]


def hit_rate(rows: Sequence[Row], _: Parameters) -> Estimate:
    """The share of users whose item is among the first ten, with Wilson's interval.

    Raises:
        InputError: as `ranks`.
    """
    hits = int((ranks(rows) <= K).sum())
    return Estimate(value=hits / len(rows), interval=wilson(hits, len(rows)), method="wilson")


def compare_hits(new: Sequence[Row], old: Sequence[Row], _: Parameters) -> PairedComparison:
    """Two models' hits of the same users: McNemar's test.

    Raises:
        InputError: as `ranks`.
    """
    first, second = ((ranks(rows) <= K).tolist() for rows in (new, old))
    return compare_paired(first, second)


def _gains(rows: Sequence[Row], _: Parameters) -> NDArray[np.float64]:
    """``1 / log2(rank + 1)`` within the first ten, else 0 (Järvelin & Kekäläinen 2002, one relevant item), and 1."""
    return np.stack([_GAINS[np.minimum(ranks(rows), K + 1) - 1], np.ones(len(rows))], axis=1)


NDCG = UnitMean(metric="ndcg_at_10", worths=_gains, share=True)


def _fit(rows: Sequence[Row]) -> bool:
    """Whether all rows are of the form that `_check` asks for, in a fifth of its time; it says which one is not."""
    try:
        truths, said = [row.truth for row in rows], [row.prediction for row in rows]
        columns = [[truth[name] for truth in truths] for name in ("candidates", "seen")]
        columns += [[one[name] for one in said] for name in ("above", "equal")]
        named = all(map(_POOL.fullmatch, [truth["pool"] for truth in truths]))
        told = [truth[_POPULAR] for truth in truths if _POPULAR in truth]
        columns.append(told or [0] * len(rows))
        sizes = {(len(truth), len(one)) for truth, one in zip(truths, said, strict=True)}
    except (TypeError, LookupError):
        return False
    expected = {(len(_TRUTH) + bool(told), len(_PREDICTION))}
    if not named or sizes != expected or not all(_are_whole(column) for column in columns):
        return False
    candidates, seen, above, equal, popular = (np.array(column, dtype=np.int64) for column in columns)
    fewest = min(column.min() for column in (seen, above, equal, popular))
    return bool(fewest >= 0 and (np.maximum(above + equal, popular) <= candidates).all())


def _are_whole(column: list[Any]) -> bool:
    return set(map(type, column)) == {int}


def _check(row: Row) -> None:
    truth, said = row.truth, row.prediction
    if _is_form(truth, _TRUTH, {_POPULAR}) and _is_form(said, _PREDICTION) and _counts(truth, said):
        return
    raise InputError(
        f"row {row.id[:16]} is no evidence of a recommendation: expected candidates, pool (16 hex digits) and seen, "
        f"and above + equal of no more than the candidates, found {truth!r} and {said!r}. Measure the model again."
    )


def _is_form(value: Any, names: set[str], optional: Set[str] = frozenset()) -> bool:
    return isinstance(value, dict) and value.keys() - optional == names


def _counts(truth: dict[str, Any], said: dict[str, Any]) -> bool:
    popular = truth.get(_POPULAR, 0)
    figures = (truth["candidates"], truth["seen"], said["above"], said["equal"], popular)
    whole = all(type(figure) is int and figure >= 0 for figure in figures)
    pool = truth["pool"]
    named = isinstance(pool, str) and _POOL.fullmatch(pool) is not None
    return whole and named and max(said["above"] + said["equal"], popular) <= int(truth["candidates"])
