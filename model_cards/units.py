"""Which rows of evidence were drawn together: the clicks of one user, the groups of one session."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .evidence import Row


def units_of(rows: Sequence[Row]) -> NDArray[np.intp]:
    """The number of each row's unit, [rows], from 0 in the order of the first row of each.

    Rows that name none are units by themselves.

    Raises:
        InputError: some rows name a unit and some do not.
    """
    named = sum(row.unit is not None for row in rows)
    if not named:
        return np.arange(len(rows))
    if named != len(rows):
        raise InputError(
            f"{named:,} of {len(rows):,} rows of evidence name the unit they were drawn with; expected all or none. "
            "Measure the model again."
        )
    place = {unit: number for number, unit in enumerate(dict.fromkeys(row.unit for row in rows))}
    return np.array([place[row.unit] for row in rows], dtype=np.intp)


def summed(units: NDArray[np.intp], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """``values``, [rows] or [rows, k], added up by unit, one row after another: the same bits everywhere."""
    total = np.zeros((int(units.max()) + 1, *values.shape[1:]))
    np.add.at(total, units, values)
    return total
