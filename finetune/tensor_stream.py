"""A safetensors file written and read some rows at a time, so that a table larger than what is free becomes one.

Form: https://huggingface.co/docs/safetensors, the layout that the library itself writes: a little-endian length, a JSON
header padded with spaces to a multiple of eight, and the tensors in its order.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open

BLOCK = 16 * 2**20  # elements on their way at a time: 64 MiB of float32

_NAMES = {
    torch.float64: "F64", torch.int64: "I64", torch.float32: "F32", torch.int32: "I32", torch.bfloat16: "BF16",
    torch.float16: "F16", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """A tensor of this ``shape``; ``rows(start, stop)`` returns some of its first dimension, on any device."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    rows: Callable[[int, int], torch.Tensor]

    @staticmethod
    def of(value: torch.Tensor) -> "Streamed":
        """One that is in memory."""
        flat = value.detach().reshape(1) if value.ndim == 0 else value.detach()
        return Streamed(shape=tuple(value.shape), dtype=value.dtype, rows=lambda start, stop: flat[start:stop])

    @property
    def nbytes(self) -> int:
        """Its length in the file."""
        return math.prod(self.shape) * self.dtype.itemsize


def write(path: Path, tensors: Mapping[str, Streamed], *, metadata: Mapping[str, str] | None = None) -> None:
    """Writes the file, byte for byte as the library does for tensors of one dtype.

    Raises:
        OSError: it cannot be written.
    """
    ordered = sorted(tensors.items(), key=lambda item: (-item[1].dtype.itemsize, item[0]))
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, tensor in ordered:
        begin, end = end, end + tensor.nbytes
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    told = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    told += b" " * (-len(told) % 8)
    with path.open("wb") as file:
        file.write(len(told).to_bytes(8, "little") + told)
        for _, tensor in ordered:
            for start, stop in blocks(tensor.shape):
                part = tensor.rows(start, stop).cpu().contiguous()
                file.write(part.reshape(-1).view(torch.uint8).numpy().data)


def blocks(shape: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    """Ranges of the first dimension that make up a tensor, each of `BLOCK` elements or a row."""
    count = shape[0] if shape else 1
    step = max(1, BLOCK // max(1, math.prod(shape[1:])))
    for start in range(0, count, step):
        yield start, min(start + step, count)


def read(path: Path, name: str, start: int, stop: int) -> torch.Tensor:
    """Some rows of a tensor of the file, which is mapped for no longer than this.

    Raises:
        OSError, SafetensorError: it cannot be read, or not as what it says it is.
    """
    with safe_open(path, framework="pt") as file:
        found: torch.Tensor = file.get_slice(name)[start:stop].clone()
    return found
