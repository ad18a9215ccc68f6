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

from .errors import DamagedError

K = 22
MOST_RATE = 1e-6  # of false positives: no filter that is read has more
_MAGIC, _VERSION = b"RWSKETCH", 1
_HEAD, _FILTER, _WORDS = struct.Struct("<8sHH"), struct.Struct("<QQH"), struct.Struct(f"<{K}Q")
_BITS_EACH, _LEAST_BITS = 32, 4096
_MOST_FILTERS = 256
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
    """``n`` different examples, and the m / 8 bytes of their bits."""

    n: int
    bits: bytes

    @property
    def false_positive_rate(self) -> float:
        """By the bits that are set."""
        return (_ones(self.bits) / (8 * len(self.bits))) ** K

    def holds(self, example: str) -> bool:
        """Whether it says yes to a content digest: to all that it was made of, and rarely to another."""
        return all(self.bits[at >> 3] >> (at & 7) & 1 for at in _places(example, 8 * len(self.bits)))


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
    """The sketch of what was trained or stopped on, after ``parent``."""
    return Sketch(own=filter_of(ids), inherited=left_to_children(parent) if parent is not None else ())


def left_to_children(parent: Sketch) -> tuple[Filter, ...]:
    """The filters that a child's sketch has of its parent; of more than 255 the oldest go."""
    return parent.filters[: _MOST_FILTERS - 1]


def filter_of(ids: Iterable[str]) -> Filter:
    """The filter of one example or more, by their content digests."""
    different = set(ids)
    m = _size(len(different))
    bits = bytearray(m // 8)
    for example in different:
        for at in _places(example, m):
            bits[at >> 3] |= 1 << (at & 7)
    return Filter(n=len(different), bits=bytes(bits))


def held_by(filters: Sequence[Filter], ids: Iterable[str]) -> list[bool]:
    """Which of ``ids`` any of ``filters`` says yes to."""
    return [any(one.holds(example) for one in filters) for example in ids]


def rate_of(filters: Sequence[Filter]) -> float:
    """How often any of ``filters`` says yes to what none holds, at most; three digits."""
    return float(f"{sum(one.false_positive_rate for one in filters):.3g}")


def overlap_with(filters: Sequence[Filter], ids: Sequence[str]) -> ParentOverlap:
    """How many of the test examples ``ids`` the parent's ``filters`` hold."""
    return ParentOverlap(n=sum(held_by(filters, ids)), filters=len(filters), false_positive_rate=rate_of(filters))


def by_chance(found: int, n: int, rate: float) -> float:
    """The probability, at most, that ``found`` or more of ``n`` were found by false positives: (n rate)^found / found!,
    the union bound over all sets of that size."""
    if found == 0:
        return 1.0
    if n * rate == 0:
        return 0.0
    return min(1.0, math.exp(min(0.0, found * math.log(n * rate) - math.lgamma(found + 1))))


def dump(sketch: Sketch) -> bytes:
    """The file's bytes."""
    parts = [_HEAD.pack(_MAGIC, _VERSION, len(sketch.filters))]
    for one in sketch.filters:
        parts += [_FILTER.pack(one.n, 8 * len(one.bits), K), one.bits]
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
    bits = data[at : at + m // 8]
    expected = -m * math.expm1(K * n * math.log1p(-1 / m))
    # A filter that says yes to all, or to nothing, would block or hide whatever its maker likes.
    if abs(_ones(bits) - expected) > _SPREAD * math.sqrt(m):
        raise _damaged(f"its filter {number} has {_ones(bits)} bits set; {n} examples set about {expected:.0f}")
    return Filter(n=n, bits=bits), at + m // 8


def _damaged(found: str) -> DamagedError:
    return DamagedError(f"the sketch of the training data cannot be read: {found}. Pull or publish it again.")


def _size(n: int) -> int:
    return max(_BITS_EACH * n, _LEAST_BITS)


def _ones(bits: bytes) -> int:
    return int.from_bytes(bits, "little").bit_count()


def _places(example: str, m: int) -> list[int]:
    """The bits of an example: 64-bit words modulo m, so that none is favoured by more than m / 2^64."""
    return [word % m for word in _WORDS.unpack(hashlib.shake_256(example.encode()).digest(_WORDS.size))]
