"""Which bytes of a safetensors file are like which of another: tensors of one name, dtype and shape."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from .delta_format import BLOCK
from .safetensors_header import BITS, LONGEST


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of a file that belong together: numbers of ``width`` bytes, and where their like begins in the base."""

    begin: int
    length: int
    width: int
    base: int | None


def plan(file: BinaryIO, size: int, base: BinaryIO) -> Iterator[Span]:
    """Spans of at most `BLOCK` bytes that cover ``file``; those that are no tensor's are numbers of one byte."""
    tensors, theirs = _tensors(file), _tensors(base)
    at = 0
    for name, (begin, end, kind) in sorted(tensors.items(), key=lambda item: item[1][:2]):
        if not at <= begin <= end <= size:
            break  # not a file that any reader takes: what is left is kept without a base
        yield from _cut(at, begin, 1, None)
        like = theirs.get(name)
        yield from _cut(begin, end, max(1, BITS[kind[0]] // 8), like[0] if like and like[2] == kind else None)
        at = end
    yield from _cut(at, size, 1, None)


def _cut(begin: int, end: int, width: int, base: int | None) -> Iterator[Span]:
    for at in range(begin, end, BLOCK):
        length = min(BLOCK, end - at)
        yield Span(at, length, 1 if length % width else width, None if base is None else base + at - begin)


_Kind = tuple[str, tuple[int, ...]]


def _tensors(file: BinaryIO) -> dict[str, tuple[int, int, _Kind]]:
    """Where each tensor begins and ends in the file, and its dtype and shape; nothing, of what is not understood."""
    file.seek(0)
    length = int.from_bytes(file.read(8), "little")
    if length > LONGEST:
        return {}
    try:
        header: dict[str, Any] = json.loads(file.read(length))
        header.pop("__metadata__", None)
        return {
            name: (
                8 + length + tensor["data_offsets"][0],
                8 + length + tensor["data_offsets"][1],
                (tensor["dtype"], tuple(tensor["shape"])),
            )
            for name, tensor in header.items()
            if tensor["dtype"] in BITS and all(type(at) is int and at >= 0 for at in tensor["data_offsets"])
        }
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return {}
