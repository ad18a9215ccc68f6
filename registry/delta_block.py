"""One block of a delta: kept in the smallest of three forms, and made again.

Of two weights that training moved a little, sign, exponent and first bits agree: their XOR begins with zeros. Grouped
by the place of each byte in its number (all first bytes, then all second ones) these lie together, and compress.
"""

import numpy as np
import zstandard

from .delta_format import How
from .errors import DamagedDeltaError

# Higher ones take several times as long for less than a hundredth (benchmarks/delta_storage.py).
LEVEL = 1
_WORTH_IT = 0.8  # of the plain size: where the base helps that much, nothing else is tried


def keep(data: bytes, like: bytes | None, width: int) -> tuple[How, bytes]:
    """The smallest form of ``data``, whose numbers have ``width`` bytes; ``like``: as many bytes of the base."""
    forms: list[tuple[How, bytes]] = [("raw", data)]
    if like is not None:
        forms.append(("xor", _pressed(_grouped(_xor(data, like), width))))
    if like is None or len(forms[-1][1]) > _WORTH_IT * len(data):
        forms.append(("grouped", _pressed(_grouped(np.frombuffer(data, np.uint8), width))))
    return min(forms, key=lambda form: len(form[1]))


def make(how: How, kept: bytes, like: bytes, length: int, width: int) -> bytes:
    """The ``length`` bytes of a block. ``like`` is asked of a block that was kept as an XOR alone.

    Raises:
        DamagedDeltaError: what was kept does not make as many.
    """
    if how == "raw":
        if len(kept) != length:
            raise DamagedDeltaError(f"a block is damaged: expected {length} bytes, found {len(kept)}")
        return kept
    try:
        # Asked first: a frame may say terabytes, and would get them.
        if zstandard.frame_content_size(kept) != length:
            raise DamagedDeltaError(f"a block is damaged: expected {length} bytes in it")
        data = zstandard.ZstdDecompressor(max_window_size=2**23).decompress(kept, max_output_size=length)
    except zstandard.ZstdError as error:
        raise DamagedDeltaError(f"a block is damaged: {error}") from error
    plain = np.ascontiguousarray(np.frombuffer(data, np.uint8).reshape(width, -1).T).reshape(-1)
    if how == "grouped":
        return plain.tobytes()
    if len(like) != length:
        raise DamagedDeltaError(f"the base is damaged: expected {length} bytes for a block, found {len(like)}")
    return _xor(plain, like).tobytes()


def _xor(
    data: "bytes | np.ndarray[tuple[int], np.dtype[np.uint8]]", like: bytes
) -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
    return np.bitwise_xor(np.frombuffer(data, np.uint8), np.frombuffer(like, np.uint8))


def _grouped(data: "np.ndarray[tuple[int], np.dtype[np.uint8]]", width: int) -> bytes:
    return np.ascontiguousarray(data.reshape(-1, width).T).tobytes()


def _pressed(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=LEVEL, write_content_size=True).compress(data)
