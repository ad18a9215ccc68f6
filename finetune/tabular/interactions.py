"""Who took what, as rows of a sparse matrix: what negatives must not be, and what is popular."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roadworthy.finetune.split import Part

from .store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Interactions:
    """User ``u`` took ``items[indptr[u]:indptr[u + 1]]``, sorted, each once; numbers are those of the vocabularies.

    ``indptr`` is int64 [users + 1], ``items`` int32. Users 0 and 1 are the unseen and the missing one.
    """

    indptr: NDArray[np.int64]
    items: NDArray[np.int32]

    def of(self, user: int) -> NDArray[np.int32]:
        """What a user took."""
        return self.items[self.indptr[user] : self.indptr[user + 1]]


def interactions(store: Store, part: Part = "train") -> Interactions:
    """The interactions of one part of a table of ratings."""
    users = store.encoder.sizes[0]
    rows = store.rows(part)
    user, item = np.asarray(store.ids[rows, 0]), np.asarray(store.ids[rows, 1])
    pairs = np.unique(user.astype(np.int64) * store.encoder.sizes[1] + item)
    user, item = np.divmod(pairs, store.encoder.sizes[1])
    counts = np.bincount(user, minlength=users)
    return Interactions(indptr=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), items=item.astype(np.int32))
