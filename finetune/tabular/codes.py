"""Numbers for the values of a column as they come, before it is known which of them the train part has."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

NONE = -1  # of a missing value


class Codes:
    """Grows with each block; memory goes with the number of different values, about 120 bytes each, not with rows."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def encode(self, text: Any) -> NDArray[np.int32]:
        """int32 [R] of ``pa.string()`` [R]; a new value gets the next number."""
        found = text.dictionary_encode()
        numbers = self._numbers
        table = [numbers.setdefault(value, len(numbers)) for value in found.dictionary.to_pylist()]
        table.append(NONE)
        places = found.indices.fill_null(len(table) - 1).to_numpy(zero_copy_only=False)
        codes: NDArray[np.int32] = np.array(table, dtype=np.int32)[places]
        return codes

    def values(self) -> Any:
        """All values, ``pa.string()``, in the order of their numbers."""
        return pa.array(list(self._numbers), pa.string())
