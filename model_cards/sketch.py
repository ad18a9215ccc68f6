"""A sketch of training data: whoever has an example can ask whether it was trained on; nobody can read it out.

A Bloom filter (Bloom, 1970) over content digests. Every example has ``K`` = 22 places among 32 bits for each example,
the words of SHAKE-256 of its digest, so that it says yes to everything that was trained on and, of what was not, to
(1 − e^(−22/32))^22 = 2 in ten million. The file, integers little-endian::

    8 bytes   the letters RWSKETCH
    uint16    1, the version of this form
    uint16    F, how many filters: of the data trained or stopped on, then those of the versions it descends from
    F times
      uint64  n, how many different examples
      uint64  m, how many bits: 32 n, and 4,096 at least
      uint16  k, 22
      m / 8 bytes, the lowest bit of each first
"""

import hashlib
import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .errors import DamagedError

K = 22
_MAGIC, _VERSION = b"RWSKETCH", 1
_HEAD, _FILTER = struct.Struct("<8sHH"), struct.Struct("<QQH")
_BITS_EACH, _LEAST_BITS = 32, 4096
_MOST_FILTERS = 256
_AT_ONCE = 1 << 16  # digests turned into places at a time
_SPREAD = 8 * 0.28  # eight standard deviations of the bits set, by the root of m


@dataclass(frozen=True, slots=True, kw_only=True)
class SketchRecord:
    """What a certificate says of its sketch: ``n`` different examples of its own, in the first of ``filters``.

    ``false_positive_rate``: how often any of them says yes to what it does not hold.
    """

    n: int
    filters: int
    false_positive_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ParentOverlap:
    """``n`` test examples of which the parent's sketch says that it, or a version it descends from, was trained on
    them; ``filters`` and ``false_positive_rate`` are that sketch's."""

    n: int
    filters: int
    false_positive_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """``n`` different examples; ``bits`` uint8 [m / 8]."""

    n: int
    bits: NDArray[np.uint8]

    @property
    def false_positive_rate(self) -> float:
        """By the bits that are set."""
        return float((_ones(self.bits) / (8 * self.bits.size)) ** K)

    def holds(self, ids: Sequence[str]) -> NDArray[np.bool_]:
        """Which of them it says yes to: all that it was made of, and rarely another."""
        found = np.zeros(len(ids), dtype=bool)
        for start in range(0, len(ids), _AT_ONCE):
            at_NK = _places(ids[start : start + _AT_ONCE], 8 * self.bits.size)
            found[start : start + _AT_ONCE] = (self.bits[at_NK >> 3] >> (at_NK & 7).astype(np.uint8) & 1).all(axis=1)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """``own``: of what was trained or stopped on; ``inherited``: those of the versions it descends from."""

    own: Filter
    inherited: tuple[Filter, ...] = ()

    @property
    def filters(self) -> tuple[Filter, ...]:
        """All of them, its own first."""
        return (self.own, *self.inherited)

    def record(self) -> SketchRecord:
        """What a certificate says of it."""
        return SketchRecord(n=self.own.n, filters=len(self.filters), false_positive_rate=rate_of(self.filters))


def sketch_of(ids: Iterable[str], parent: Sketch | None) -> Sketch:
    """The sketch of what was trained or stopped on, after ``parent``; of more than 255 ancestors the oldest go."""
    return Sketch(own=filter_of(ids), inherited=parent.filters[: _MOST_FILTERS - 1] if parent is not None else ())


def filter_of(ids: Iterable[str]) -> Filter:
    """The filter of one example or more, by their content digests."""
    different = sorted(set(ids))
    m = _size(len(different))
    flags = np.zeros(m, dtype=bool)
    for start in range(0, len(different), _AT_ONCE):
        flags[_places(different[start : start + _AT_ONCE], m)] = True
    return Filter(n=len(different), bits=np.packbits(flags, bitorder="little"))


def held_by(filters: Sequence[Filter], ids: Sequence[str]) -> NDArray[np.bool_]:
    """Which of ``ids`` any of ``filters`` says yes to."""
    found = np.zeros(len(ids), dtype=bool)
    for one in filters:
        found |= one.holds(ids)
    return found


def rate_of(filters: Sequence[Filter]) -> float:
    """How often any of ``filters`` says yes to what none holds, at most; three digits."""
    return float(f"{sum(one.false_positive_rate for one in filters):.3g}")


def overlap_with(filters: Sequence[Filter], ids: Sequence[str]) -> ParentOverlap:
    """How many of the test examples ``ids`` the parent's ``filters`` hold."""
    found = int(held_by(filters, ids).sum())
    return ParentOverlap(n=found, filters=len(filters), false_positive_rate=rate_of(filters))


def by_chance(found: int, n: int, rate: float) -> float:
    """The probability, at most, that ``found`` or more of ``n`` were found by false positives: (n rate)^found / found!,
    the union bound over all sets of that size."""
    return min(1.0, math.exp(found * math.log(n * rate) - math.lgamma(found + 1))) if found and n * rate else 1.0


def dump(sketch: Sketch) -> bytes:
    """The file's bytes."""
    parts = [_HEAD.pack(_MAGIC, _VERSION, len(sketch.filters))]
    for one in sketch.filters:
        parts += [_FILTER.pack(one.n, 8 * one.bits.size, K), one.bits.tobytes()]
    return b"".join(parts)


def load(data: bytes) -> Sketch:
    """The sketch that ``data`` holds. ``dump(load(data)) == data``.

    Raises:
        DamagedError: another form, cut off, longer than it says, or bits that so many examples cannot have set.
    """
    if len(data) < _HEAD.size:
        raise _damaged(f"expected {_HEAD.size} bytes at least, found {len(data)}")
    magic, version, count = _HEAD.unpack_from(data)
    if (magic, version) != (_MAGIC, _VERSION):
        raise _damaged(f"expected {_MAGIC!r} of version {_VERSION}, found {magic!r} of version {version}")
    if not 1 <= count <= _MOST_FILTERS:
        raise _damaged(f"expected 1 to {_MOST_FILTERS} filters, found {count}")
    filters, at = [], _HEAD.size
    for number in range(1, count + 1):
        one, at = _read(data, at, number)
        filters.append(one)
    if at != len(data):
        raise _damaged(f"expected {at} bytes, found {len(data)}")
    return Sketch(own=filters[0], inherited=tuple(filters[1:]))


def _read(data: bytes, at: int, number: int) -> tuple[Filter, int]:
    if len(data) - at < _FILTER.size:
        raise _damaged(f"it ends before its filter {number}")
    n, m, k = _FILTER.unpack_from(data, at)
    if n < 1 or (m, k) != (_size(n), K):
        raise _damaged(f"its filter {number} of {n} examples has {m} bits, {k} for each; expected {_size(n)} and {K}")
    at += _FILTER.size
    if len(data) - at < m // 8:
        raise _damaged(f"its filter {number} ends after {len(data) - at} of {m // 8} bytes")
    bits = np.frombuffer(data, dtype=np.uint8, count=m // 8, offset=at)
    expected = -m * math.expm1(K * n * math.log1p(-1 / m))
    # A filter that says yes to all, or to nothing, would block or hide whatever its maker likes.
    if abs(_ones(bits) - expected) > _SPREAD * math.sqrt(m):
        raise _damaged(f"its filter {number} has {_ones(bits)} bits set; {n} examples set about {expected:.0f}")
    return Filter(n=n, bits=bits), at + m // 8


def _damaged(found: str) -> DamagedError:
    return DamagedError(f"the sketch of the training data cannot be read: {found}. Pull or publish it again.")


def _size(n: int) -> int:
    return max(_BITS_EACH * n, _LEAST_BITS)


def _ones(bits: NDArray[np.uint8]) -> int:
    return int(np.bitwise_count(bits).sum())


def _places(ids: Sequence[str], m: int) -> NDArray[np.int64]:
    """int64 [N, K]: the bits of each. 64-bit words modulo m: no place is favoured by more than m / 2^64."""
    words = b"".join(hashlib.shake_256(one.encode()).digest(8 * K) for one in ids)
    return (np.frombuffer(words, dtype="<u8").reshape(-1, K) % np.uint64(m)).astype(np.int64)
