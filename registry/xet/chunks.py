"""A chunk as a xorb holds it: a header of eight bytes, and its bytes, compressed or not.

Form: "Xorb Formation & Serialization Format" of the Xet protocol specification (https://huggingface.co/docs/xet/xorb).
"""

from dataclasses import dataclass

import lz4.frame
import numpy as np

from roadworthy.model_cards.errors import InputError

HEADER = 8  # bytes
LARGEST = 128 * 2**10  # bytes of a chunk: the protocol's bound, before compression and after
_VERSION = 0
_PLAIN, _LZ4, _GROUPED_LZ4 = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What comes before a chunk's bytes. ``packed`` and ``size`` in bytes: as they lie there, and unpacked."""

    packed: int
    scheme: int
    size: int


def read_header(data: bytes) -> Header:
    """The header that eight bytes spell.

    Raises:
        InputError: it is none, or its chunk is larger than the protocol allows.
    """
    if len(data) != HEADER:
        raise InputError(f"expected a chunk's header of {HEADER} bytes, found {len(data)}: the xorb was cut short.")
    header = Header(packed=int.from_bytes(data[1:4], "little"), scheme=data[4], size=int.from_bytes(data[5:], "little"))
    if data[0] != _VERSION or header.scheme not in (_PLAIN, _LZ4, _GROUPED_LZ4):
        raise InputError(
            f"expected a chunk's header of version {_VERSION} and compression 0, 1 or 2, "
            f"found version {data[0]} and compression {header.scheme}."
        )
    if not (0 < header.size <= LARGEST and 0 < header.packed <= LARGEST):
        raise InputError(
            f"expected a chunk of 1 to {LARGEST:,} bytes, found one of {header.size:,} in {header.packed:,}."
        )
    return header


def unpack(header: Header, packed: bytes) -> bytes:
    """The bytes of a chunk. However little they were packed into, no more than `LARGEST` and one are made.

    Raises:
        InputError: they are not what the header says.
    """
    if len(packed) != header.packed:
        raise InputError(f"expected a chunk of {header.packed:,} bytes, found {len(packed):,}: the xorb was cut short.")
    data = packed if header.scheme == _PLAIN else _decompress(packed, header.size)
    if len(data) != header.size:
        more = "more" if len(data) > header.size else f"{len(data):,}"
        raise InputError(f"expected a chunk that unpacks to {header.size:,} bytes, found {more}.")
    return _ungroup(data) if header.scheme == _GROUPED_LZ4 else data


def _decompress(packed: bytes, size: int) -> bytes:
    frame = lz4.frame.LZ4FrameDecompressor()
    try:
        data = frame.decompress(packed, max_length=size + 1)
    except (RuntimeError, EOFError, MemoryError) as error:
        raise InputError(f"expected a chunk in an LZ4 frame, found something else: {error}.") from error
    if not frame.eof or frame.unused_data:
        raise InputError("expected a chunk in one LZ4 frame, found one that does not end with the chunk.")
    return bytes(data)


def _ungroup(data: bytes) -> bytes:
    # First bytes 0, 4, 8, … of the chunk, then 1, 5, 9, …, 2, 6, … and 3, 7, …
    grouped, single = np.frombuffer(data, np.uint8), np.empty(len(data), np.uint8)
    begin = 0
    for place in range(4):
        lane = single[place::4]
        lane[:] = grouped[begin : begin + len(lane)]
        begin += len(lane)
    return single.tobytes()
