"""One byte form for every JSON document that is hashed or signed (RFC 8785).

Law: ``parse(dump(x)) == x`` and, for every accepted ``b``, ``dump(parse(b)) == b``.
The second half is what makes a duplicate key, a stray blank or a flipped byte visible.
"""

import json
import re
from typing import Any

import rfc8785

from .errors import DamagedError

_DEEPEST = 64  # lists and objects in each other; what we write has fewer than ten, and Python's stack ends at some 500
_EXACT = 2**53  # below it every integer is a double
_SCALARS = frozenset({str, float, bool, type(None)})
_ENCODE = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, sort_keys=True, separators=(",", ":")
).encode
_WHOLE = re.compile(r"\.0(?![0-9])")


def dump(value: Any) -> bytes:
    """The canonical bytes of ``value`` (sorted keys, no blanks, UTF-8, shortest numbers)."""
    quick = _quick(value) if _is_plain(value) else None
    return rfc8785.dumps(value) if quick is None else quick


def _quick(value: Any) -> bytes | None:
    """The canonical bytes by Python's own encoder, which is written in C; ``None`` where it may spell them otherwise.

    It spells doubles as the standard does unless they are whole or have an exponent, and sorts keys as the standard
    does within ASCII.
    """
    try:
        text = _ENCODE(value)
    except ValueError:
        return None
    if not text.isascii() or "e+" in text or "e-" in text or _WHOLE.search(text):
        return None
    return text.encode()


def _is_plain(value: Any) -> bool:
    """Whether ``value`` is made of JSON's own types only: Python's encoder would turn other keys into text."""
    kind = type(value)
    if kind is int:
        return bool(abs(value) < _EXACT)
    if kind is dict:
        return all(type(key) is str for key in value) and all(map(_is_plain, value.values()))
    return kind in _SCALARS or (kind in (list, tuple) and all(map(_is_plain, value)))


def _number(digits: str) -> int | float:
    # The canonical form of 1e16 is 10000000000000000: beyond 2**53 only a double can have been meant.
    value = int(digits)
    return value if abs(value) < _EXACT else float(value)


_DECODE = json.JSONDecoder(parse_int=_number).decode


def parse(data: bytes, what: str) -> Any:
    """The value that ``data`` holds, only if ``data`` is its canonical form.

    Raises:
        DamagedError: not JSON, or not the canonical bytes of what it says.
    """
    try:
        value = _DECODE(data.decode())
        if data.count(b"[") + data.count(b"{") > _DEEPEST and _is_deep(value, _DEEPEST):
            raise ValueError(f"it nests deeper than {_DEEPEST} levels")
        again = _quick(value)
        if again != data:
            again = rfc8785.dumps(value)
    except (ValueError, OverflowError, RecursionError) as error:
        raise DamagedError(f"{what} is not readable JSON ({error}). Pull or publish it again.") from error
    if again != data:
        raise DamagedError(
            f"{what} is not in canonical form: it was edited after it was written. Pull or publish it again."
        )
    return value


def _is_deep(value: Any, most: int) -> bool:
    """Whether ``value`` nests deeper than ``most`` lists and objects."""
    if not isinstance(value, dict | list):
        return False
    return most == 0 or any(_is_deep(one, most - 1) for one in (value.values() if isinstance(value, dict) else value))
