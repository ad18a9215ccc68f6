"""The values of a categorical column that a model knows, counted in the train part alone.

0 is a value never seen there, or seen too rarely; 1 is a missing one; from 2 on the values, the most frequent first,
of equal counts in order of their text: the same numbers whatever the order of the rows.

Rare values share a number because an embedding that was trained a few times is noise, and because the row of the
unseen is trained by nothing else: with every value kept it would answer at random when a new one comes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

UNSEEN, MISSING = 0, 1
RESERVED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """``values``: ``pa.string()``, number ``RESERVED`` being the first of them."""

    values: Any

    @staticmethod
    def of(values: Sequence[str]) -> "Vocabulary":
        """With these values, in this order."""
        return Vocabulary(values=pa.array(values, pa.string()))

    @staticmethod
    def counted(values: Any, counts: NDArray[np.int64], min_count: int) -> "Vocabulary":
        """Of distinct values, ``pa.string()``, and how often each occurs in the train part, int64 [n]."""
        kept = np.flatnonzero(counts >= max(1, min_count))
        frequent = values.take(pa.array(kept))
        table = pa.table({"value": frequent, "count": counts[kept]})
        order = pc.sort_indices(table, sort_keys=[("count", "descending"), ("value", "ascending")])
        return Vocabulary(values=frequent.take(order))

    def grown(self, counted: "Vocabulary") -> "Vocabulary":
        """With the values of ``counted`` that it has not, after its own: no number that a model knows changes."""
        new = counted.values.filter(pc.invert(pc.is_in(counted.values, value_set=self.values)))
        return Vocabulary(values=pa.concat_arrays([_whole(self.values), _whole(new)]))

    def begins(self, other: "Vocabulary") -> bool:
        """Whether every number of this one means the same in ``other``."""
        return bool(_whole(self.values).equals(_whole(other.values)[: len(self.values)]))

    @property
    def size(self) -> int:
        """How many numbers there are, the reserved ones included."""
        return len(self.values) + RESERVED

    def encode(self, text: Any) -> NDArray[np.int32]:
        """int32 [n] of ``pa.string()`` [n]."""
        found = pc.fill_null(pc.add(pc.index_in(text, value_set=self.values), RESERVED), UNSEEN)
        numbers: NDArray[np.int32] = found.to_numpy(zero_copy_only=False).astype(np.int32)
        numbers[text.is_null().to_numpy(zero_copy_only=False)] = MISSING
        return numbers

    def decode(self, number: int) -> str | None:
        """The value of a number; ``None`` of a reserved one.

        ``encode`` of ``decode(n)`` is ``n`` for every number from ``RESERVED`` to ``size - 1``.
        """
        value: str | None = self.values[number - RESERVED].as_py() if number >= RESERVED else None
        return value


def _whole(values: Any) -> Any:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
