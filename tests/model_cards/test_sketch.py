"""Sketches of training data: no false negatives, few false positives, and a file that is read strictly."""

import hashlib
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from roadworthy.model_cards import DamagedError
from roadworthy.model_cards.sketch import (
    Filter,
    Sketch,
    by_chance,
    dump,
    filter_of,
    held_by,
    load,
    overlap_with,
    sketch_of,
)

IDS = st.sets(st.text(max_size=80), min_size=1, max_size=60)


def ids(name: str, n: int) -> list[str]:
    """Content digests of n examples."""
    return [hashlib.sha256(f"{name}{i}".encode()).hexdigest() for i in range(n)]


@given(IDS)
def test_there_are_no_false_negatives(known: set[str]) -> None:
    """Whatever the ids are; after a trip through the file too."""
    sketch = load(dump(sketch_of(known, None)))
    assert sketch.own.n == len(known)
    assert all(map(sketch.own.holds, known))


@given(IDS, IDS, st.lists(IDS, max_size=3))
def test_a_file_is_read_as_it_was_written(known: set[str], asked: set[str], ancestors: list[set[str]]) -> None:
    """Bytes and answers; the order of what it was made of does not matter."""
    sketch = Sketch(own=filter_of(known), inherited=tuple(map(filter_of, ancestors)))
    data = dump(sketch)
    again = load(data)
    assert dump(again) == data == dump(Sketch(own=filter_of(sorted(known)[::-1]), inherited=sketch.inherited))
    assert held_by(again.filters, asked) == held_by(sketch.filters, asked)


def test_the_bits_are_those_of_the_documented_form() -> None:
    """One example, placed by hand: 22 words of SHAKE-256, little-endian, modulo 4,096, lowest bit first."""
    words = struct.unpack("<22Q", hashlib.shake_256(b"an example").digest(176))
    bits = bytearray(512)
    for word in words:
        bits[word % 4096 // 8] |= 1 << word % 8
    assert dump(sketch_of(["an example"], None)) == b"RWSKETCH" + struct.pack("<HHQQH", 1, 1, 1, 4096, 22) + bits


def test_what_was_not_trained_on_is_hardly_ever_found() -> None:
    """Of 100,000 others none is expected (0.02); the stated rate is the formula's."""
    made = filter_of(ids("known", 5000))
    assert len(made.bits) == 4 * 5000
    assert sum(map(made.holds, ids("other", 100_000))) <= 2
    assert made.false_positive_rate == pytest.approx((1 - math.exp(-22 / 32)) ** 22, rel=0.2)
    assert made.false_positive_rate < 1e-6


def test_the_rate_is_what_is_observed() -> None:
    """Seven of ten bits set by chance: 4 in ten thousand, found of 100,000 within four standard deviations."""
    bits = np.packbits(np.random.default_rng(0).random(32 * 3000) < 0.7)
    full = Filter(n=3000, bits=bits.tobytes())
    expected = 100_000 * full.false_positive_rate
    assert expected == pytest.approx(100_000 * 0.7**22, rel=0.2)
    assert abs(sum(map(full.holds, ids("other", 100_000))) - expected) < 4 * math.sqrt(expected)


def _header(n: int, m: int, k: int, *, magic: bytes = b"RWSKETCH", version: int = 1, count: int = 1) -> bytes:
    return magic + struct.pack("<HHQQH", version, count, n, m, k)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "found 0"),
        (_header(1, 4096, 22, magic=b"RWSKETCX") + bytes(512), "found b'RWSKETCX'"),
        (_header(1, 4096, 22, version=2) + bytes(512), "of version 2"),
        (_header(1, 4096, 22, count=0) + bytes(512), "found 0"),
        (_header(1, 4096, 22, count=9999), "found 9999"),
        (_header(0, 4096, 22) + bytes(512), "of 0 examples"),
        (_header(1, 4096, 1) + bytes(512), "1 for each"),
        (_header(1, 2**63, 22) + bytes(512), f"{2**63} bits"),
        (_header(2**59, 2**64 - 32, 22) + bytes(512), "bits, 22 for each"),
        (_header(2**58, 2**63, 22) + bytes(512), "ends after 512 of"),
        (_header(128, 4096, 22) + bytes(512), "has 0 bits set; 128 examples set about"),
        (_header(128, 4096, 22) + b"\xff" * 512, "has 4096 bits set"),
    ],
)
def test_another_file_is_refused(data: bytes, said: str) -> None:
    """And nothing of the size that it claims is taken from memory."""
    with pytest.raises(DamagedError, match=said):
        load(data)


def test_no_part_of_a_file_is_one() -> None:
    """Cut off anywhere, or with a byte more."""
    data = dump(sketch_of(ids("known", 3), sketch_of(ids("older", 5), None)))
    for end in (*range(60), len(data) // 2, len(data) - 1):
        with pytest.raises(DamagedError):
            load(data[:end])
    with pytest.raises(DamagedError, match="found"):
        load(data + b"\0")


def test_ancestors_are_asked_too() -> None:
    """A child's sketch holds its own training data and its parent's; the overlap is the parent's part."""
    parent = sketch_of(ids("parent", 40), sketch_of(ids("grand", 30), None))
    child = sketch_of(ids("child", 20), parent)
    assert [one.n for one in child.filters] == [20, 40, 30]
    test = [*ids("grand", 2), *ids("parent", 3), *ids("child", 4), *ids("new", 5)]
    found = overlap_with(child.inherited, test)
    assert (found.n, found.filters) == (5, 2)
    assert found.false_positive_rate < 1e-6
    assert child.record().n == 20


@pytest.mark.parametrize(("n", "rate"), [(30, 2e-7), (100_000, 1e-6), (1_000_000, 1e-5)])
def test_chance_is_never_less_than_the_binomial_says(n: int, rate: float) -> None:
    """SciPy's tail; and close to it where false positives are rare."""
    for found in range(1, 40):
        assert by_chance(found, n, rate) >= binom.sf(found - 1, n, rate) * (1 - 1e-6)
    assert by_chance(1, n, rate) == pytest.approx(min(1, n * rate))
    assert by_chance(0, n, rate) == 1
    assert by_chance(1, n, 0) == 0
