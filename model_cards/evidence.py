"""Evidence: one row for each test example, enough to recompute the metric without a GPU.

On disk: JSON Lines in canonical form, sorted by id, so that equal evidence is equal bytes.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from . import canonical
from .errors import DamagedError

# What was right, and what the model said: a label, an answer's text, a list of boxes, a number.
Answer = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One example: its content's digest, the truth, the prediction, and how sure the model was."""

    id: str
    truth: Answer
    prediction: Answer
    confidence: float


def _order(row: Row) -> tuple[str, str]:
    return row.id, json.dumps(row.truth)


def dump(rows: Iterable[Row]) -> bytes:
    """The file's bytes; ``load(dump(rows))`` gives the rows in the order of their ids."""
    lines = (
        canonical.dump({"id": row.id, "truth": row.truth, "prediction": row.prediction, "confidence": row.confidence})
        for row in sorted(rows, key=_order)
    )
    return b"".join(line + b"\n" for line in lines)


def load(data: bytes) -> tuple[Row, ...]:
    """The rows of an evidence file.

    Raises:
        DamagedError: a line that is no row; the message names it.
    """
    rows = []
    for number, line in enumerate(data.splitlines(), start=1):
        try:
            fields = json.loads(line)
            row = Row(
                id=fields.pop("id"),
                truth=fields.pop("truth"),
                prediction=fields.pop("prediction"),
                confidence=float(fields.pop("confidence")),
            )
            if fields or not isinstance(row.id, str):
                raise ValueError(f"unexpected fields {sorted(fields)}")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DamagedError(
                f"evidence line {number} is not a row (id, truth, prediction, confidence): {error}."
            ) from error
        rows.append(row)
    return tuple(rows)


def fingerprint(examples: Iterable[tuple[str, Answer]]) -> str:
    """Digest of a data set as a multiset of (content digest, truth): order and file names do not matter."""
    lines = sorted(json.dumps([identity, truth], ensure_ascii=True) for identity, truth in examples)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def fingerprint_of(rows: Sequence[Row]) -> str:
    """The fingerprint of the data that ``rows`` were measured on."""
    return fingerprint((row.id, row.truth) for row in rows)
