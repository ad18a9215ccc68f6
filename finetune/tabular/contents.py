"""The contents of very many examples in order, a share of them at a time: what is compared, counted and signed of them.

Digests are spread evenly, so that examples are dealt into shares by their first two bytes; each fits into memory.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roadworthy.finetune.progress import Report, silent
from roadworthy.model_cards import canonical

from .source import Source

_SHARE = 2**21  # examples sorted at a time, about: 150 MB
_PIECE = 2**20  # examples looked at at a time
_GATHERED = 2**18  # digests looked up at a time
_WRITTEN = 2**18  # lines made at a time
_STAGE = "comparing rows"
_HEX = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), dtype=np.uint8).reshape(256, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Examples in ascending order of their content: ``digest`` uint8 [n, W], and their numbers, [n]."""

    digest: NDArray[np.uint8]
    numbers: NDArray[np.integer]

    @property
    def first(self) -> NDArray[np.bool_]:
        """Which examples' content is not that of the one before."""
        first = np.ones(len(self.digest), dtype=np.bool_)
        first[1:] = (self.digest[1:] != self.digest[:-1]).any(axis=1)
        return first


def in_order(source: Source, numbers: NDArray[np.integer], report: Report = silent) -> Iterator[Contents]:
    """These examples, ascending by digest and, where the truth is 0 or 1, then by it, in shares."""
    done = 0
    for share in _shares(source, numbers):
        yield _sorted(source, share)
        done += len(share)
        report(_STAGE, done, len(numbers))


def _sorted(source: Source, share: NDArray[np.integer]) -> Contents:
    digest = _digests(source, share)
    words = digest.view(">u8").astype(np.uint64)
    truths = source.binary(share)
    source.give_back()
    by = np.lexsort((*(() if truths is None else (truths,)), *words.T[::-1]))
    return Contents(digest=digest[by], numbers=share[by])


def fingerprint(source: Source, numbers: NDArray[np.integer], report: Report = silent) -> str:
    """`evidence.fingerprint` of these examples: the same digits, though there is no list of them."""
    whole, begun = hashlib.sha256(), False
    for share in in_order(source, numbers, report):
        for lines in _lines(source, share):
            whole.update(memoryview(lines)[0 if begun else 1 :])
            begun = True
    return whole.hexdigest()


def _lines(source: Source, share: Contents) -> Iterator[bytes]:
    """``["0a…",1]`` for each example, a line feed before each."""
    truths = source.binary(share.numbers)
    if truths is not None:
        for start in range(0, len(truths), _WRITTEN):
            yield _binary_lines(share.digest[start : start + _WRITTEN], truths[start : start + _WRITTEN])
        return
    lines = (
        canonical.dump([bytes(digest).hex(), source.truth(number)])
        for digest, number in zip(share.digest, share.numbers.tolist(), strict=True)
    )
    yield from (b"\n" + line for line in sorted(lines))


def _binary_lines(digest: NDArray[np.uint8], truths: NDArray[np.uint8]) -> bytes:
    n, wide = len(digest), 2 * digest.shape[1]
    lines = np.empty((n, 3 + wide + 4), dtype=np.uint8)
    lines[:, :3] = np.frombuffer(b'\n["', dtype=np.uint8)
    lines[:, 3 : 3 + wide] = _HEX[digest].reshape(n, wide)
    lines[:, 3 + wide :] = np.frombuffer(b'",0]', dtype=np.uint8)
    lines[:, -2] += truths
    return lines.tobytes()


def different(source: Source, numbers: NDArray[np.integer], report: Report = silent) -> int:
    """How many contents these examples have."""
    return sum(int(share.first.sum()) for share in in_order(source, numbers, report))


def among(
    source: Source, numbers: NDArray[np.integer], others: NDArray[np.integer], report: Report = silent
) -> NDArray[np.bool_]:
    """Which of ``numbers`` have a content that one of ``others`` has. The fewer of the two are held and sorted."""
    if len(numbers) <= len(others):
        held, at = np.unique(_words(source, numbers), return_inverse=True)
        there = np.zeros(len(held), dtype=np.bool_)
        for done, piece in _pieces(others):
            there[_found(held, _words(source, piece))[1]] = True
            report(_STAGE, done, len(others))
        return there[at]
    held = np.unique(_words(source, others))
    found = np.zeros(len(numbers), dtype=np.bool_)
    for done, piece in _pieces(numbers):
        found[done - len(piece) : done] = _found(held, _words(source, piece))[0]
        report(_STAGE, done, len(numbers))
    return found


def _found(held: NDArray[np.void], asked: NDArray[np.void]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which of ``asked`` are held, and the places of those that are."""
    if not len(held):
        return np.zeros(len(asked), dtype=np.bool_), np.empty(0, dtype=np.int64)
    at = np.minimum(np.searchsorted(held, asked), len(held) - 1)
    there = held[at] == asked
    return there, at[there]


def _words(source: Source, numbers: NDArray[np.integer]) -> NDArray[np.void]:
    """Digests as texts of one length, which numpy sorts as it sorts bytes."""
    digest = _digests(source, numbers)
    return digest.view(f"S{digest.shape[1]}").reshape(-1)


def _digests(source: Source, numbers: NDArray[np.integer]) -> NDArray[np.uint8]:
    """uint8 [n, W]. A share's examples lie in every page of the file: some pages at a time are kept in memory."""
    digest = np.empty((len(numbers), source.digest.shape[1]), dtype=np.uint8)
    for start in range(0, len(numbers), _GATHERED):
        digest[start : start + _GATHERED] = source.digest[numbers[start : start + _GATHERED]]
        source.give_back()
    return digest


def _pieces(numbers: NDArray[np.integer]) -> Iterator[tuple[int, NDArray[np.integer]]]:
    """Some at a time, and how many have come with them."""
    for start in range(0, len(numbers), _PIECE):
        piece = numbers[start : start + _PIECE]
        yield start + len(piece), piece


def _shares(source: Source, numbers: NDArray[np.integer]) -> Iterator[NDArray[np.integer]]:
    bits = max(0, min(16, int(np.ceil(np.log2(max(1, len(numbers)) / _SHARE)))))
    if not bits:
        yield numbers
        return
    share = np.empty(len(numbers), dtype=np.uint16)
    for done, piece in _pieces(numbers):
        leading = source.digest[piece, 0].astype(np.uint16) << 8 | source.digest[piece, 1]
        share[done - len(piece) : done] = leading >> (16 - bits)
        source.give_back()
    for number in range(1 << bits):
        yield numbers[share == number]
