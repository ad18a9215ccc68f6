"""What a user's item is ranked among: negatives drawn by the NCF reference's rules, or the whole catalogue.

Shapes: U users, N negatives of each. A user's training items are CSR arrays: those of user u are
``items[indptr[u] : indptr[u + 1]]``.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import InputError

Numbers = NDArray[np.int64]

_BLOCK = 1024  # users at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Negatives:
    """``items`` [U, N] int32 as drawn, and ``kept`` [U, N]: whether it counts.

    Of an item that was drawn several times the first counts; the user's own test item never does.
    """

    items: NDArray[np.int32]
    kept: NDArray[np.bool_]


def draw_negatives(
    indptr: Numbers, items: Numbers, test: Numbers, *, n_items: int, negatives: int = 100, seed: int = 0
) -> Negatives:
    """``negatives`` items of each user, with replacement, from all that are not among the user's *training* items.

    So did the reference (NVIDIA DeepLearningExamples, PyTorch/Recommendation/NCF, convert.py), and its loader masked
    duplicates and whatever equals ``test``, [U], the item to be found; hence at most ``negatives`` of them count.

    Word ``u * negatives + i`` of Philox4x64-10 keyed with the seed gives negative i of user u: its upper 32 bits times
    the number of items that may be drawn, shifted right by 32, is the place among them (`resampling.draw` has the
    sources). No item is likelier than another by more than n_items / 2**32, and it is the same on every machine.

    Args:
        indptr: [U + 1] where each user's items begin.
        items: item numbers, 0 to n_items - 1; in any order, repeated or not.
        test: -1 for a user who has no test item: nothing that was drawn counts.

    Raises:
        InputError: arrays that do not fit together, an item that is no number of one, or a user who has seen all.
    """
    users = len(test)
    _check(indptr, items, test, n_items)
    if negatives < 1 or not 0 <= seed < 2**128:
        raise InputError(f"expected one negative at least and a seed of 0 to 2**128 - 1, found {negatives} and {seed}.")
    words = np.random.Philox(key=seed)
    drawn = np.empty((users, negatives), dtype=np.int32)
    kept = np.empty((users, negatives), dtype=np.bool_)
    for first, starts, known in _blocks(indptr, items, n_items):
        last = first + len(starts) - 1
        free = n_items - np.diff(starts)
        if not free.all():
            raise InputError(
                f"user {first + int(np.argmin(free))} has taken all {n_items:,} items in training: expected one more "
                "that could be a negative. Leave the user out of the test data."
            )
        raw = words.random_raw((last - first) * negatives).reshape(-1, negatives)
        place = ((raw >> np.uint64(32)) * free[:, None].astype(np.uint64)) >> np.uint64(32)
        drawn[first:last] = _free_items(place.astype(np.int64), starts, known, n_items)
        kept[first:last] = _counting(drawn[first:last], test[first:last])
    return Negatives(items=drawn, kept=kept)


def drawn_pools(negatives: Negatives) -> list[str]:
    """Of each user the digest of the negatives that count: ``pool`` of `recommendation.user_row`.

    The first 16 hex digits of the SHA-256 of their numbers, ascending, as little-endian int64.
    """
    order = np.sort(np.where(negatives.kept, negatives.items, -1).astype("<i8"), axis=1)
    counts = negatives.kept.sum(axis=1).tolist()
    return [_digest(row[len(row) - count :].tobytes()) for row, count in zip(order, counts, strict=True)]


def catalogue_pools(indptr: Numbers, items: Numbers, test: Numbers, *, n_items: int) -> tuple[Numbers, list[str]]:
    """Of the whole catalogue less the user's training items and the item to be found: how many, and ``pool``.

    ``pool`` is the digest of the number of items, the training items, ascending, and the item to be found, as
    little-endian int64.

    Raises:
        InputError: as `draw_negatives`.
    """
    _check(indptr, items, test, n_items)
    counts, pools = np.empty(len(test), dtype=np.int64), []
    for first, starts, known in _blocks(indptr, items, n_items):
        last = first + len(starts) - 1
        own = test[first:last]
        taken = np.repeat(np.arange(last - first), np.diff(starts))
        again = np.bincount(taken[known == own[taken]], minlength=last - first)
        counts[first:last] = n_items - np.diff(starts) - (own >= 0) + again
        head, numbers, bounds = np.int64(n_items).astype("<i8").tobytes(), known.astype("<i8"), starts.tolist()
        for place, end in enumerate(own.astype("<i8")):
            pools.append(_digest(head + numbers[bounds[place] : bounds[place + 1]].tobytes() + end.tobytes()))
    return counts, pools


def above_and_equal(
    scores: NDArray[np.floating], kept: NDArray[np.bool_], positives: NDArray[np.floating]
) -> tuple[Numbers, Numbers]:
    """Of each user how many ``scores`` [U, N] that are ``kept`` lie above the positive's, [U], and how many equal it.

    One that is no number lies above, and so does every score where the positive's is none: nothing is won by it.
    """
    below = (kept & (scores < positives[:, None])).sum(axis=1)
    equal = (kept & (scores == positives[:, None])).sum(axis=1)
    return kept.sum(axis=1) - below - equal, equal


def _check(indptr: Numbers, items: Numbers, test: Numbers, n_items: int) -> None:
    fits = len(indptr) == len(test) + 1 and indptr[0] == 0 and indptr[-1] == len(items) and (np.diff(indptr) >= 0).all()
    if not fits:
        raise InputError(
            f"expected the training items of {len(test):,} users, found {len(items):,} in {len(indptr) - 1:,} parts "
            "that do not fit. Make indptr from the users' numbers."
        )
    inside = 0 < n_items < 2**31 and (not len(items) or (items.min() >= 0 and items.max() < n_items))
    if not inside or (len(test) and (test.min() < -1 or test.max() >= n_items)):
        raise InputError(
            f"expected item numbers of 0 to {n_items - 1:,}, found others among the training or test items. Number "
            "the items from 0."
        )


def _blocks(indptr: Numbers, items: Numbers, n_items: int) -> Iterator[tuple[int, Numbers, Numbers]]:
    """The first user of each block, where each one's items begin, and the items: ascending, each once."""
    for first in range(0, len(indptr) - 1, _BLOCK):
        bounds = indptr[first : first + _BLOCK + 1]
        owner = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
        keys = owner * np.int64(n_items) + items[bounds[0] : bounds[-1]]
        if (np.diff(keys) <= 0).any():  # sorting is most of the work
            keys = np.sort(keys)
            keys = keys[np.diff(keys, prepend=-1) > 0]
        yield first, np.searchsorted(keys, np.arange(len(bounds)) * np.int64(n_items)), keys % n_items


def _free_items(place: Numbers, starts: Numbers, known: Numbers, n_items: int) -> Numbers:
    """The item at each ``place`` among those that a user has not taken: it plus how many taken ones come before."""
    users = np.arange(len(place))
    # Taken item j has x_j - j free ones before it, so it comes before place p where x_j - j <= p.
    before = known - (np.arange(len(known)) - np.repeat(starts[:-1], np.diff(starts)))
    span = np.int64(n_items + 1)
    keys = np.repeat(users, np.diff(starts)) * span + before
    found = np.searchsorted(keys, users[:, None] * span + place, "right") - starts[:-1, None]
    free: Numbers = place + found
    return free


def _counting(drawn: NDArray[np.int32], test: Numbers) -> NDArray[np.bool_]:
    order = np.argsort(drawn, axis=1, kind="stable")
    ranked = np.take_along_axis(drawn, order, axis=1)
    first = np.ones(ranked.shape, dtype=np.bool_)
    first[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    kept = np.empty(drawn.shape, dtype=np.bool_)
    np.put_along_axis(kept, order, first, axis=1)
    counts: NDArray[np.bool_] = kept & (drawn != test[:, None]) & (test >= 0)[:, None]
    return counts


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
