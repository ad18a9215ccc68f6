"""The header of a safetensors file, validated by hand before any loader believes it.

Form: 8 bytes little-endian length, that many bytes of JSON, then the tensors' bytes without a gap
(https://huggingface.co/docs/safetensors, "Format").
"""

import json
from pathlib import Path
from typing import Any

# Bytes. The reference implementation takes 100 MB, which can be gigabytes of lists; 16 MiB name 100,000 tensors.
LONGEST = 16 * 2**20
BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(
        ("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"),
        8,
    ),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 64),
}


def lie(path: Path) -> tuple[str, str] | None:
    """What was expected of the file and what was found instead; ``None`` if its header tells the truth.

    Raises:
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(LONGEST, size - 8):
            return f"a header of at most {min(LONGEST, max(0, size - 8))} bytes", f"a length of {length}"
        text = file.read(length)
    try:
        header = json.loads(text, object_pairs_hook=_unique) if text.startswith(b"{") else None
    except (ValueError, RecursionError) as error:
        return "a header in JSON", str(error)
    if not isinstance(header, dict):
        return "a header in JSON", f"{text[:16]!r}"
    return _lie_of(header, size - 8 - length)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Readers differ in which of two equal names they take, so that one file could be two models.
    if len(pairs) != len(dict(pairs)):
        raise ValueError("a name that occurs twice")
    return dict(pairs)


def _lie_of(header: dict[str, Any], room: int) -> tuple[str, str] | None:
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        return "metadata of text", f"{metadata!r:.80}"
    spans = []
    for name, tensor in header.items():
        span = _span(tensor)
        if isinstance(span, str):
            return "a dtype, a shape and offsets that agree", f"tensor {name!r:.80}: {span}"
        spans.append((*span, name))
    end = 0
    for begin, after, name in sorted(spans):
        if begin != end:
            return f"tensor {name!r:.80} at byte {end}, without a gap or an overlap", f"byte {begin}"
        end = after
    return None if end == room else (f"tensors of {room} bytes, to the end of the file", f"{end} bytes")


def _span(tensor: Any) -> tuple[int, int] | str:
    if not isinstance(tensor, dict) or set(tensor) != {"dtype", "shape", "data_offsets"}:
        return "other fields than dtype, shape and data_offsets"
    dtype, shape, offsets = tensor["dtype"], tensor["shape"], tensor["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        return f"dtype {dtype!r:.40}"
    if not _naturals(shape) or not _naturals(offsets) or len(offsets) != 2:
        return f"shape {shape!r:.80}, offsets {offsets!r:.80}"
    begin, end = offsets
    bits = 0 if 0 in shape else BITS[dtype]
    for side in shape:
        bits *= side
        if bits > 8 * (end - begin):
            break  # sides of a thousand digits each would take hours to multiply out
    if bits != 8 * (end - begin):
        return f"{dtype} of shape {shape!r:.80} in {end - begin} bytes"
    return begin, end


def _naturals(value: Any) -> bool:
    return isinstance(value, list) and all(type(number) is int and number >= 0 for number in value)
