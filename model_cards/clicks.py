"""Evidence of click-through: for each impression whether it was clicked, and the probability that the model gave."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import InputError
from .evidence import Row
from .units import units_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Clicks:
    """Columns of the evidence, [rows] each: ``clicked``, the probability of it, and the number of the row's unit.

    ``by_unit``: whether units were named, so that there may be fewer of them than rows.
    """

    clicked: NDArray[np.bool_]
    probability: NDArray[np.float64]
    units: NDArray[np.intp]
    by_unit: bool


def click_row(
    *, id: str, clicked: bool, probability: float, log_likelihood: float | None = None, unit: str | None = None
) -> Row:
    """One impression's row of evidence.

    Args:
        id: the digest of its content.
        probability: of a click, as a double that was made from the logit in double precision: rounding makes ties.
        log_likelihood: the logarithm of the probability of what happened, made from the logit as well; needed for
            ``log_loss``, because ``log(1 - probability)`` has lost what matters most.
        unit: a digest of whom it was shown to, where one user has several rows; never a name.
    """
    return Row(
        id=id,
        truth=int(clicked),
        prediction=int(probability >= 0.5),
        confidence=float(probability),
        # "+ 0.0" for -0.0, which canonical JSON does not have.
        log_likelihood=None if log_likelihood is None else float(log_likelihood) + 0.0,
        unit=unit,
    )


def clicks_of(rows: Sequence[Row]) -> Clicks:
    """The columns, once both classes occur.

    Raises:
        InputError: a truth that is not 0 or 1, a probability that is none, or fewer than two rows of a class.
    """
    for row in rows:
        if type(row.truth) is not int or row.truth not in (0, 1) or not 0 <= row.confidence <= 1:
            raise InputError(
                f"row {row.id[:16]} is no click-through evidence: expected a truth of 0 or 1 and a probability, found "
                f"{row.truth!r} and {row.confidence!r}. Measure the model again."
            )
    clicked = np.array([row.truth == 1 for row in rows], dtype=np.bool_)
    positives = int(clicked.sum())
    if positives < 2 or len(rows) - positives < 2:
        raise InputError(
            f"AUC compares clicked with unclicked examples: expected two of each at least, found {positives:,} and "
            f"{len(rows) - positives:,}. Measure on more data, or look whether the label column is the right one."
        )
    return Clicks(
        clicked=clicked,
        probability=np.array([row.confidence for row in rows], dtype=np.float64),
        units=units_of(rows),
        by_unit=rows[0].unit is not None,
    )
