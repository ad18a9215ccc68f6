"""MAP@12 of groups: over whole groups, and as the reference counted it, cut at the edges of its batches."""

from collections.abc import Sequence
from math import fsum

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .evidence import Row
from .grouped import Items, items_of, places
from .protocol_family import Parameters
from .unit_means import UnitMean

K = 12
_PADDED = 4  # times as many places as items, at most, where groups are laid out as lines of one length
Values = NDArray[np.float64]
Numbers = NDArray[np.int64]


def _worths(rows: Sequence[Row], _: Parameters) -> Values:
    """AP@12 of each group and 1; 0 and 0 of a group without a relevant item, which no ranking can get right.

    ``AP@12 = sum_(k <= 12) precision_k * label_k / min(12, relevant)``. Groups without a relevant item are left out, as
    trec_eval leaves out queries without a relevant document and as the TF2 reference does.
    """
    items = items_of(rows, placed=False)
    relevant = np.bincount(items.group, items.label, minlength=len(rows))
    if not relevant.any():
        raise InputError(
            f"none of the {len(rows):,} groups has a relevant item, so there is no MAP. Look whether the label column "
            "is the right one."
        )
    # Added up one after another, so in the same order everywhere.
    precision = np.bincount(*_precisions(items), minlength=len(rows))
    counted = relevant > 0
    return np.stack([np.where(counted, precision / np.maximum(1, np.minimum(K, relevant)), 0.0), counted], axis=1)


def _precisions(items: Items) -> tuple[Numbers, Values]:
    """The group of each item in the order of rank, and the precision at it where it is relevant and ranked in time."""
    order = worst_ties_first(items)
    group, label, place = items.group[order], items.label[order], places(items.group, order)
    found = np.cumsum(label)
    before = (found - label)[np.flatnonzero(place == 1)]
    hits = found - np.repeat(before, np.bincount(group))
    return group, np.where((label == 1) & (place <= K), hits / place, 0.0)


def worst_ties_first(items: Items) -> Numbers:
    """The items' order by group and falling score; among equal scores what is irrelevant comes first."""
    sizes = np.bincount(items.group)
    width, starts = int(sizes.max()), np.cumsum(sizes) - sizes
    order: Numbers
    if len(sizes) * width > _PADDED * len(items.group):
        order = np.lexsort((items.label, -items.score, items.group))
        return order
    # A line for each group, sorted by itself: a tenth of the time of sorting all at once. Padding comes last.
    there = np.arange(width) < sizes[:, None]
    score, label = np.full(there.shape, np.inf), np.zeros(there.shape, dtype=np.int64)
    score[there], label[there] = -items.score, items.label
    order = (starts[:, None] + np.lexsort((label, score), axis=1))[there]
    return order


def first_relevant(rows: Sequence[Row]) -> Numbers:
    """The place of the best relevant item of each group that has one, [groups], from 1."""
    items = items_of(rows, placed=False)
    order = worst_ties_first(items)
    relevant = items.label[order] == 1
    group, place = items.group[order][relevant], places(items.group, order)[relevant]
    found: Numbers = place[np.unique(group, return_index=True)[1]]
    return found


def by_chance(rows: Sequence[Row]) -> float:
    """MAP@12 of an order by chance, on average over all orders of the same groups.

    Of n items r are relevant. Place k holds one in r of n orders; of the k - 1 items before it (k - 1)(r - 1) / (n - 1)
    are then relevant on average, so that the precision there is one more than that over k.
    """
    items = items_of(rows, placed=False)
    n, relevant = (np.bincount(items.group, weights, minlength=len(rows)) for weights in (None, items.label))
    n, relevant = n[relevant > 0], relevant[relevant > 0]
    total = np.zeros(len(n))
    for k in range(1, K + 1):
        precision = (1 + (k - 1) * (relevant - 1) / np.maximum(1, n - 1)) / k
        total += np.where(k <= n, relevant / n * precision, 0.0)
    return fsum((total / np.minimum(K, relevant)).tolist()) / len(n)


MAP = UnitMean(metric="map_at_12", worths=_worths, share=True)


def _legacy_worths(rows: Sequence[Row], parameters: Parameters) -> Values:
    """Of each group the sum of what its pieces are worth, and how many pieces count.

    As NVIDIA DeepLearningExamples' TensorFlow2/Recommendation/WideAndDeep/trainer/utils/evaluator.py counts: a group is
    cut where a batch ends, a piece without a positive is dropped, another is worth 1 / rank of its *first* positive in
    the order of the data, 0 beyond the twelfth; among equal scores the order of the data decides. Sum and counter
    begin with 1 (`UnitMean.prior`), which is one process of it.
    """
    items = items_of(rows, placed=True)
    sizes = np.bincount(items.group, minlength=len(rows))
    _check_tiles(items.starts, sizes)
    within = np.arange(len(items.group)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    batch = (items.starts[items.group] + within) // int(str(parameters["batch_size"]))
    begins = (np.diff(items.group, prepend=-1) != 0) | (np.diff(batch, prepend=-1) != 0)
    piece = np.cumsum(begins) - 1
    order = np.lexsort((within, -items.score, piece))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = places(piece, order)
    positive = np.flatnonzero(items.label == 1)
    # np.unique gives the first of each piece, and pieces hold their items in the order of the data.
    counted, first = np.unique(piece[positive], return_index=True)
    ranks = rank[positive[first]]
    group = items.group[begins][counted]
    worth = np.bincount(group, np.where(ranks <= K, 1 / ranks, 0.0), minlength=len(rows))
    return np.stack([worth, np.bincount(group, minlength=len(rows)).astype(np.float64)], axis=1)


def _check_tiles(starts: Numbers, sizes: Numbers) -> None:
    order = np.argsort(starts, kind="stable")
    ends = np.cumsum(sizes[order])
    if not np.array_equal(starts[order], ends - sizes[order]):
        raise InputError(
            "the groups do not lie one after another: expected the first to begin at row 0 and each other where one "
            "ends. Measure the model again; the legacy protocol needs the whole test part, sorted by group."
        )


LEGACY_MAP = UnitMean(metric="legacy_map_at_12", worths=_legacy_worths, share=True, prior=1.0)
