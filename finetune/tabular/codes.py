"""Numbers for the values of a column as they come, before it is known which of them the train part has."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .words import LONGEST, Words, pairs

NONE = -1  # of a missing value


class Codes:
    """Grows with each block; memory goes with the number of different values, some 60 bytes each, not with rows."""

    def __init__(self) -> None:
        self._short, self._long = Words(), dict[str, int]()
        self._values: list[Any] = []
        self._count = 0

    def encode(self, text: Any) -> NDArray[np.int32]:
        """int32 [R] of ``pa.string()`` [R], or of what ``dictionary_encode`` made of it; a new value gets the next."""
        found = text if pa.types.is_dictionary(text.type) else text.dictionary_encode()
        table = np.append(self._numbers(found.dictionary), np.int32(NONE))
        places = found.indices.fill_null(len(table) - 1) if found.null_count else found.indices
        codes: NDArray[np.int32] = table[places.to_numpy(zero_copy_only=False)]
        return codes

    def _numbers(self, values: Any) -> NDArray[np.int32]:
        """Of different values, in their order."""
        if not len(values):
            return np.empty(0, dtype=np.int32)
        long = pc.greater(pc.binary_length(values), LONGEST).to_numpy(zero_copy_only=False)
        keys = pairs(values)
        numbers = self._short.find(keys)
        names = dict(zip(np.flatnonzero(long).tolist(), values.filter(pa.array(long)).to_pylist(), strict=True))
        for at, name in names.items():
            numbers[at] = self._long.get(name, NONE)
        new = np.flatnonzero(numbers < 0)
        if len(new):
            numbers[new] = np.arange(self._count, self._count + len(new), dtype=np.int32)
            self._count += len(new)
            short = new[~long[new]]
            self._short.add(keys[short], numbers[short])
            self._long.update((names[at], int(numbers[at])) for at in new[long[new]].tolist())
            self._values.append(values.take(pa.array(new)))
        return numbers

    def values(self) -> Any:
        """All values, ``pa.string()``, in the order of their numbers."""
        self._values = [pa.concat_arrays(self._values)] if self._values else []
        return self._values[0] if self._values else pa.array([], pa.string())
