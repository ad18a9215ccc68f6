"""Evidence: one row for each test example, enough to recompute the metric without a GPU.

On disk: JSON Lines in canonical form, sorted by id, so that equal evidence is equal bytes.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from . import canonical
from .errors import DamagedError

_FIELDS = frozenset({"id", "truth", "prediction", "confidence"})
_LATER = frozenset({"log_likelihood", "unit"})
_CLASS = rb"(0|[1-9][0-9]{0,8})"
_CLASSIFIED = re.compile(
    rb'\{"confidence":([0-9](?:\.[0-9]+)?),"id":"([0-9a-f]+)"(?:,"log_likelihood":(0|-[0-9]+(?:\.[0-9]+)?))?'
    rb',"prediction":' + _CLASS + rb',"truth":' + _CLASS + rb'(?:,"unit":"([0-9a-f]+)")?\}'
)
_RANKED = re.compile(
    rb'\{"confidence":([0-9](?:\.[0-9]+)?),"id":"([0-9a-f]+)","prediction":\{"above":' + _CLASS + rb',"equal":' + _CLASS
    + rb'\},"truth":\{"candidates":' + _CLASS + rb',"pool":"([0-9a-f]+)"(?:,"popular":' + _CLASS
    + rb')?,"seen":' + _CLASS + rb"\}\}"
)  # fmt: skip
_SHARE = rb"-?[0-9]+\.[0-9]*[1-9]"  # a whole number has no point, and is left to who reads every form
_LABELS = rb"\[([01](?:,[01])*)\]"
_GROUPED = re.compile(
    rb'\{"confidence":([0-9](?:\.[0-9]+)?),"id":"([0-9a-f]+)","prediction":\[(' + _SHARE + rb"(?:," + _SHARE + rb")*)\]"
    rb',"truth":(?:' + _LABELS + rb'|\{"labels":' + _LABELS + rb',"start":(0|[1-9][0-9]{0,14})\})'
    rb'(?:,"unit":"([0-9a-f]+)")?\}'
)
_DIGITS = bytes.maketrans(b"01", b"\0\1")

# What was right, and what the model said: a label, an answer's text, a list of boxes, a number.
Answer = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One example: its content's digest, the truth, the prediction, and how sure the model was.

    ``log_likelihood`` is the natural logarithm of the probability that it gave the truth; ``None`` where a task has
    none. A probability itself would round to 0 for the answers that matter most. ``unit`` names, by a digest, what the
    example was drawn with, such as a user who has several; ``None``: it is a unit by itself.
    """

    id: str
    truth: Answer
    prediction: Answer
    confidence: float
    log_likelihood: float | None = None
    unit: str | None = None


def _line(row: Row) -> bytes:
    fields = {"id": row.id, "truth": row.truth, "prediction": row.prediction, "confidence": row.confidence}
    if row.log_likelihood is not None:
        fields["log_likelihood"] = row.log_likelihood
    if row.unit is not None:
        fields["unit"] = row.unit
    return canonical.dump(fields)


def dump(rows: Iterable[Row]) -> bytes:
    """The file's bytes, whatever the order of ``rows``; ``load(dump(rows))`` gives them sorted by id and truth."""
    lines = sorted((row.id, canonical.dump(row.truth), _line(row)) for row in rows)
    return b"".join(line + b"\n" for *_, line in lines)


def load(data: bytes) -> tuple[Row, ...]:
    """The rows of an evidence file.

    Raises:
        DamagedError: a line that is no row; the message names it.
    """
    lines = data.removesuffix(b"\n").split(b"\n") if data else []
    # All rows of a file have one form, as a rule: that of the first is tried first.
    short = next((form for form in (_classified, _ranked, _grouped) if lines and form(lines[0])), _any_form)
    return tuple(short(line) or _any_row(line, number) for number, line in enumerate(lines, start=1))


def _any_form(line: bytes) -> Row | None:
    return _classified(line) or _ranked(line) or _grouped(line)


def _classified(line: bytes) -> Row | None:
    """The row of a classifier in the form that almost all of them have; ``None`` leaves it to `_any_row`, which reads
    the same row from it, in three times the time."""
    found = _CLASSIFIED.fullmatch(line)
    if found is None:
        return None
    told, identity, likelihood, prediction, truth, unit = found.groups()
    if not _is_canonical(told) or (likelihood is not None and not _is_canonical(likelihood)):
        return None
    return Row(
        id=identity.decode(),
        truth=int(truth),
        prediction=int(prediction),
        confidence=float(told),
        log_likelihood=None if likelihood is None else float(likelihood),
        unit=None if unit is None else unit.decode(),
    )


def _ranked(line: bytes) -> Row | None:
    """The same for the rank of a recommended item (`recommendation.user_row`)."""
    found = _RANKED.fullmatch(line)
    if found is None:
        return None
    told, identity, above, equal, candidates, pool, popular, seen = found.groups()
    if not _is_canonical(told):
        return None
    truth = {"candidates": int(candidates), "pool": pool.decode(), "seen": int(seen)}
    return Row(
        id=identity.decode(),
        truth=truth if popular is None else truth | {"popular": int(popular)},
        prediction={"above": int(above), "equal": int(equal)},
        confidence=float(told),
    )


def _grouped(line: bytes) -> Row | None:
    """The same for the scores and labels of a group (`grouped.group_row`)."""
    found = _GROUPED.fullmatch(line)
    if found is None:
        return None
    told, identity, said, alone, labels, start, unit = found.groups()
    words = said.split(b",")
    scores = list(map(float, words))
    # How sure the model was is one of the scores, spelt alike, unless somebody else wrote the row.
    if ",".join(map(repr, scores)).encode() != said or not (told in words or _is_canonical(told)):
        return None
    return Row(
        id=identity.decode(),
        truth=_numbers(alone) if start is None else {"labels": _numbers(labels), "start": int(start)},
        prediction=scores,
        confidence=float(told),
        unit=None if unit is None else unit.decode(),
    )


def _numbers(labels: bytes) -> list[int]:
    return list(labels[::2].translate(_DIGITS))  # "0,1,1": a digit, a comma, a digit


def _is_canonical(number: bytes) -> bool:
    # There is one spelling of each; one that needs an exponent is left to who reads every form, and -0 is no number.
    value = float(number)
    return repr(value).removesuffix(".0").encode() == number and number != b"-0"


def _any_row(line: bytes, number: int) -> Row:
    fields = canonical.parse(line, f"evidence line {number}")
    if not isinstance(fields, dict) or fields.keys() - _LATER != _FIELDS:
        found = sorted(fields) if isinstance(fields, dict) else type(fields).__name__
        raise DamagedError(
            f"evidence line {number} is not a row: expected id, truth, prediction and confidence, found {found}. "
            "Pull or publish it again."
        )
    identity, confidence = fields["id"], fields["confidence"]
    if not isinstance(identity, str) or isinstance(confidence, bool) or not isinstance(confidence, int | float):
        raise DamagedError(
            f"evidence line {number} is not a row: expected a text as id and a number as confidence, "
            f"found {identity!r} and {confidence!r}. Pull or publish it again."
        )
    likelihood = fields.get("log_likelihood")
    if "log_likelihood" in fields and (isinstance(likelihood, bool) or not isinstance(likelihood, int | float)):
        raise DamagedError(
            f"evidence line {number} is not a row: expected a number as log_likelihood, found {likelihood!r}. Pull or "
            "publish it again."
        )
    if likelihood is not None and likelihood > 0:
        raise DamagedError(
            f"evidence line {number} is not a row: expected a log_likelihood of 0 or less, found {likelihood!r}. Pull "
            "or publish it again."
        )
    unit = fields.get("unit")
    if "unit" in fields and not isinstance(unit, str):
        raise DamagedError(
            f"evidence line {number} is not a row: expected a text as unit, found {unit!r}. Pull or publish it again."
        )
    return Row(
        id=identity,
        truth=fields["truth"],
        prediction=fields["prediction"],
        confidence=float(confidence),
        log_likelihood=None if likelihood is None else float(likelihood),
        unit=unit,
    )


def fingerprint(examples: Iterable[tuple[str, Answer]]) -> str:
    """Digest of a data set as a multiset of (content digest, truth): order and file names do not matter."""
    lines = sorted(canonical.dump([identity, truth]) for identity, truth in examples)
    return hashlib.sha256(b"\n".join(lines)).hexdigest()


def fingerprint_of(rows: Sequence[Row]) -> str:
    """The fingerprint of the data that ``rows`` were measured on."""
    return fingerprint((row.id, row.truth) for row in rows)
