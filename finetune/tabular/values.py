"""One spelling for a value, whatever kind of file it came from: text, with null where it is missing.

``5`` in a CSV file, the integer 5 of parquet and the float 5.0 (how pandas writes integers beside missing ones) are
one category, and one row of the same values has one content digest.
"""

import contextlib
from typing import Any, Literal, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

# UCI's, R's, pandas', SQL's and MySQL's word for "nothing here".
MISSING = ("", "?", "NA", "N/A", "nan", "NaN", "NAN", "null", "NULL", "None", "\\N")
_IN_MISSING = b"?Nn"  # each of them but the empty one has one of these letters
_PLAIN = (0x21, 0x7E)  # the bytes of ASCII that are no space of any kind
Kind = Literal["integer", "number", "date", "text", "list"]
_STAMPS = (pa.timestamp("us"), pa.timestamp("us", "UTC"))
_MILLION = 1e6
_TRUTH = pa.array(["True", "False"])
_WHOLE = 2.0**53  # beyond it a double no longer counts in ones
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


def as_text(column: Any) -> Any:
    """A column of any Arrow type as ``pa.string()``, or as lists of it, trimmed, null where it is missing."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):  # a column of no chunk at all
            column = pa.array([], type=column.type)
    kind = column.type
    if pa.types.is_dictionary(kind):
        return as_text(column.dictionary_decode())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _lists(column)
    if pa.types.is_floating(kind):
        return _floats(column)
    text = column.cast(pa.string())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _spelled(text)
    return text


def _spelled(text: Any) -> Any:
    """Each step is left out where the bytes of all values together say that it would change nothing."""
    held = text.buffers()[2]
    letters = np.frombuffer(held if held is not None else b"", dtype=np.uint8)

    def has(those: bytes) -> bool:
        return any((letters == one).any() for one in those)

    if len(letters) and not (_PLAIN[0] <= letters.min() and letters.max() <= _PLAIN[1]):
        text = pc.utf8_trim_whitespace(text)
    empty = pc.equal(pc.binary_length(text), 0)
    missing = pc.is_in(text, value_set=pa.array(MISSING)) if has(_IN_MISSING) else empty
    if pc.any(missing).as_py():
        text = pc.if_else(missing, pa.scalar(None, pa.string()), text)
    if has(b".") and pc.any(pc.ends_with(text, pattern="0")).as_py():
        text = pc.replace_substring_regex(text, pattern=r"^([+-]?\d+)\.0+$", replacement=r"\1")
    if has(b"TF"):
        truth = pc.is_in(text, value_set=_TRUTH)
        if pc.any(truth).as_py():  # as Python writes them; Arrow and JSON do so in small letters
            text = pc.if_else(truth, pc.utf8_lower(text), text)
    return text


def _floats(column: Any) -> Any:
    values = column.cast(pa.float64())
    values = pc.if_else(pc.is_nan(values), pa.scalar(None, pa.float64()), values)
    whole = pc.and_(pc.equal(values, pc.floor(values)), pc.less(pc.abs(values), _WHOLE))
    counted = pc.if_else(whole, values, pa.scalar(None, pa.float64())).cast(pa.int64()).cast(pa.string())
    return pc.coalesce(counted, values.cast(pa.string()))


def _lists(column: Any) -> Any:
    lengths = pc.fill_null(pc.list_value_length(column), 0).cast(pa.int32())
    offsets = np.concatenate([[0], np.cumsum(lengths.to_numpy(zero_copy_only=False))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), as_text(pc.list_flatten(column)))


def as_numbers(text: Any) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """float64 [n] with NaN where it is missing, and bool [n]: what is there but no finite number."""
    try:
        values = text.cast(pa.float64())
        bad = np.zeros(len(text), dtype=bool)
    except pa.ArrowInvalid:
        fits = pc.fill_null(pc.match_substring_regex(text, _NUMBER), True)
        bad = ~fits.to_numpy(zero_copy_only=False)
        values = pc.if_else(fits, text, pa.scalar(None, pa.string())).cast(pa.float64())
    numbers = values.to_numpy(zero_copy_only=False).astype(np.float64)
    # Float32 is what is kept, so what does not fit it is no number here either.
    bad |= np.abs(numbers) > np.finfo(np.float32).max
    if bad.any():
        numbers[bad] = np.nan
    return numbers, bad


def as_times(text: Any, kind: Kind) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """int64 [n] that sorts as the times do, and bool [n]: no time there, which a missing one is too.

    Whole numbers stay as they are; fractions and dates (ISO 8601, with a zone or without) become millionths.
    """
    if kind in ("integer", "number"):
        numbers, bad = as_numbers(text)
        bad |= np.isnan(numbers)
        if kind == "integer":
            with contextlib.suppress(pa.ArrowInvalid):  # beyond 2^53, where doubles no longer tell neighbours apart
                return _filled(text.cast(pa.int64())), bad
            return np.where(bad, 0, numbers).astype(np.int64), bad
        return np.where(bad, 0, numbers * _MILLION).astype(np.int64), bad
    for stamp in _STAMPS:
        with contextlib.suppress(pa.ArrowInvalid):
            return _filled(text.cast(stamp).cast(pa.int64())), text.is_null().to_numpy(zero_copy_only=False)
    found = [_time(value) for value in text.to_pylist()]
    times = np.array([0 if time is None else time for time in found], dtype=np.int64)
    return times, np.array([time is None for time in found], dtype=bool)


def kind_of(text: Any) -> Kind:
    """What all values that are there have in common; ``text`` where that is nothing."""
    if pa.types.is_list(text.type):
        return "list"
    present = text.drop_null()
    if not len(present):
        return "text"
    distinct = pc.unique(present)
    for kind, type_ in (("integer", pa.int64()), ("number", pa.float64()), *(("date", stamp) for stamp in _STAMPS)):
        with contextlib.suppress(pa.ArrowInvalid):
            distinct[:100].cast(type_)  # most columns of words are told apart by these
            distinct.cast(type_)
            return cast(Kind, kind)
    return "text"


def _filled(times: Any) -> NDArray[np.int64]:
    values: NDArray[np.int64] = pc.fill_null(times, 0).to_numpy(zero_copy_only=False)
    return values


def _time(value: str | None) -> int | None:
    for stamp in _STAMPS if value is not None else ():
        with contextlib.suppress(pa.ArrowInvalid):
            return cast(int, pa.array([value]).cast(stamp).cast(pa.int64())[0].as_py())
    return None
