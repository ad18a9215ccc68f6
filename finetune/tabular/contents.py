"""The contents of very many rows in order, a share of them at a time: what is compared, counted and signed of them.

Digests are spread evenly, so that rows are dealt into shares by their first byte or two; each fits into memory.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roadworthy.finetune.progress import Report, silent

from .latest import order
from .store import Store

_SHARE = 2**24  # rows sorted at a time, about: a gigabyte
_PIECE = 2**20  # rows looked at at a time
_STAGE = "comparing rows"
_HEX = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), dtype=np.uint8).reshape(256, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Rows in ascending order of their content: ``digest`` uint8 [n, 16], ``truth`` uint8 [n]."""

    digest: NDArray[np.uint8]
    truth: NDArray[np.uint8]

    @property
    def first(self) -> NDArray[np.bool_]:
        """Which rows' content is not that of the row before."""
        first = np.ones(len(self.digest), dtype=np.bool_)
        first[1:] = (self.digest[1:] != self.digest[:-1]).any(axis=1)
        return first


def in_order(store: Store, rows: NDArray[np.integer], report: Report = silent) -> Iterator[Contents]:
    """The contents of these rows, ascending by digest and then by truth, in shares."""
    done = 0
    for digest, truth in _shares(store, rows):
        high, low = order(digest)
        by = np.lexsort((truth, low, high))
        yield Contents(digest=digest[by], truth=truth[by])
        done += len(by)
        report(_STAGE, done, len(rows))


def fingerprint(store: Store, rows: NDArray[np.integer], report: Report = silent) -> str:
    """`evidence.fingerprint` of rows whose truth is a label, or that they were taken: the same digits, in no list."""
    whole, begun = hashlib.sha256(), False
    for share in in_order(store, rows, report):
        text = _lines(share)
        whole.update(text[0 if begun else 1 :].data)
        begun = begun or len(text) > 0
    return whole.hexdigest()


def _lines(share: Contents) -> NDArray[np.uint8]:
    """``["0a…",1]`` for each row, a line feed before each."""
    n = len(share.digest)
    lines = np.empty((n, 39), dtype=np.uint8)
    lines[:, :3] = np.frombuffer(b'\n["', dtype=np.uint8)
    lines[:, 3:35] = _HEX[share.digest].reshape(n, 32)
    lines[:, 35:] = np.frombuffer(b'",0]', dtype=np.uint8)
    lines[:, 37] += share.truth
    return lines.reshape(-1)


def different(store: Store, rows: NDArray[np.integer], report: Report = silent) -> int:
    """How many contents these rows have."""
    return sum(int(share.first.sum()) for share in in_order(store, rows, report))


def among(
    store: Store, rows: NDArray[np.integer], others: NDArray[np.integer], report: Report = silent
) -> NDArray[np.bool_]:
    """Which of ``rows`` have a content that one of ``others`` has. The fewer of the two are held and sorted."""
    if len(rows) <= len(others):
        mine = _words(store, rows)
        held, at = np.unique(mine, return_inverse=True)
        there = np.zeros(len(held), dtype=np.bool_)
        for number, piece in enumerate(_pieces(others)):
            there[_found(held, _words(store, piece))[1]] = True
            report(_STAGE, min((number + 1) * _PIECE, len(others)), len(others))
        store.give_back()
        return there[at]
    held = np.unique(_words(store, others))
    found = np.zeros(len(rows), dtype=np.bool_)
    for start in range(0, len(rows), _PIECE):
        found[start : start + _PIECE] = _found(held, _words(store, rows[start : start + _PIECE]))[0]
        report(_STAGE, min(start + _PIECE, len(rows)), len(rows))
    store.give_back()
    return found


def _found(held: NDArray[np.void], asked: NDArray[np.void]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which of ``asked`` are held, and the places of those that are."""
    if not len(held):
        return np.zeros(len(asked), dtype=np.bool_), np.empty(0, dtype=np.int64)
    at = np.minimum(np.searchsorted(held, asked), len(held) - 1)
    there = held[at] == asked
    return there, at[there]


def _words(store: Store, rows: NDArray[np.integer]) -> NDArray[np.void]:
    """Digests as texts of 16 bytes, which numpy sorts."""
    return np.ascontiguousarray(store.digest[rows]).view("S16").reshape(-1)


def _pieces(rows: NDArray[np.integer]) -> Iterator[NDArray[np.integer]]:
    return (rows[start : start + _PIECE] for start in range(0, len(rows), _PIECE))


def _shares(store: Store, rows: NDArray[np.integer]) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    shares = 1 << max(0, min(16, int(np.ceil(np.log2(max(1, len(rows)) / _SHARE)))))
    for number in range(shares):
        chosen = []
        for piece in _pieces(rows):
            if shares > 1:
                leading = store.digest[piece, 0].astype(np.uint16) << 8 | store.digest[piece, 1]
                piece = piece[leading * np.uint32(shares) >> 16 == number]
            chosen.append(piece)
        mine = np.concatenate(chosen) if chosen else rows[:0]
        truth = np.ones(len(mine), np.uint8) if store.label is None else store.label[mine]
        digest = store.digest[mine]
        store.give_back()
        yield digest, truth
