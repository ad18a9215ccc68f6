"""One byte form for every JSON document that is hashed or signed (RFC 8785).

Law: ``parse(dump(x)) == x`` and, for every accepted ``b``, ``dump(parse(b)) == b``.
The second half is what makes a duplicate key, a stray blank or a flipped byte visible.
"""

import json
from typing import Any

import rfc8785

from .errors import DamagedError


def dump(value: Any) -> bytes:
    """The canonical bytes of ``value`` (sorted keys, no blanks, UTF-8, shortest numbers)."""
    return rfc8785.dumps(value)


def _number(digits: str) -> int | float:
    # The canonical form of 1e16 is 10000000000000000: beyond 2**53 only a double can have been meant.
    value = int(digits)
    return value if abs(value) < 2**53 else float(value)


def parse(data: bytes, what: str) -> Any:
    """The value that ``data`` holds, only if ``data`` is its canonical form.

    Raises:
        DamagedError: not JSON, or not the canonical bytes of what it says.
    """
    try:
        value = json.loads(data, parse_int=_number)
        again = dump(value)
    except (ValueError, OverflowError, RecursionError) as error:
        raise DamagedError(f"{what} is not readable JSON ({error}). Pull or publish it again.") from error
    if again != data:
        raise DamagedError(
            f"{what} is not in canonical form: it was edited after it was written. Pull or publish it again."
        )
    return value
