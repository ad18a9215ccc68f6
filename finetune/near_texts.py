"""Texts that are nearly the same: MinHash (Broder 1997) of their shingles, then the shingles themselves.

A shingle is five characters of the text as its content digest sees it (NFKC, case folded, single spaces): characters
and not words, so that short texts have enough of them, and languages without spaces too.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .examples import Example
from .model_config import ModelConfig
from .near import Embed, LookAlike, Printed
from .progress import Report
from .text_data import examples_of, normalised
from .text_table import Table, columns_of, read_table

if TYPE_CHECKING:
    from datasketch import MinHash

    from .open_model import Opened

_LETTERS = 5
_PERMUTATIONS = 128
_LOOSE = 0.55  # Jaccard that the table of candidates is tuned for: below what has to be found


class MinHashes:
    """Candidates by 128 permutations in bands, confirmed by the exact Jaccard similarity of their shingles."""

    name = "minhash-128@1"
    thresholds: Mapping[str, float] = {"distance": 0.45, "similarity": 0.7}
    alone = 0.0

    def read(self, data: Path, config: ModelConfig, options: Mapping[str, str | int], report: Report) -> Printed:
        """The shingles of every text."""
        return printed_of(read_table(data, **columns_of(options)), config.labels, report)

    def candidates(
        self, printed: Printed, test: Sequence[Example], train: Sequence[Example], report: Report
    ) -> Iterator[LookAlike]:
        """Pairs whose shingles are nearly the same; they need no model to be confirmed."""
        from datasketch import MinHashLSH

        table = MinHashLSH(threshold=_LOOSE, num_perm=_PERMUTATIONS)
        known, total = [], len(train) + len(test)
        for number, example in enumerate(train):
            known.append(_signature(printed.prints[example.row]))
            table.insert(number, known[-1])
            report("hashing texts", number + 1, total)
        for number, example in enumerate(test):
            signature = _signature(printed.prints[example.row])
            report("hashing texts", len(train) + number + 1, total)
            for other in sorted(table.query(signature)):
                distance = 1 - signature.jaccard(known[other])
                similarity = jaccard(printed.prints[example.row], printed.prints[train[other].row])
                if distance <= self.thresholds["distance"] and similarity >= self.thresholds["similarity"]:
                    yield LookAlike(
                        test=example, train=train[other], distance=round(distance, 6), similarity=round(similarity, 6)
                    )

    def embed(self, printed: Printed, opened: "Opened", cache: Path, report: Report) -> Embed | None:
        """None: each candidate has its similarity."""
        return None


def printed_of(table: Table, labels: tuple[str, ...], report: Report) -> Printed:
    """The rows of a table with their shingles."""
    prints = []
    for number, row in enumerate(table.rows, start=1):
        prints.append(shingles(row.text))
        report("reading texts", number, len(table.rows))
    return Printed(examples=examples_of(table, labels), prints=prints)


def shingles(text: str) -> NDArray[np.uint32]:
    """The different shingles of a text, each as 32 bits, sorted; a shorter text is one."""
    letters = np.frombuffer(normalised(text).encode("utf-32-le"), dtype=np.uint32)
    if len(letters) < _LETTERS:
        letters = np.concatenate([letters, np.zeros(_LETTERS - len(letters), dtype=np.uint32)])
    mixed = np.zeros(len(letters) - _LETTERS + 1, dtype=np.uint32)
    for place in range(_LETTERS):
        mixed = _mixed(mixed ^ letters[place : len(letters) - _LETTERS + 1 + place])
    return np.unique(mixed)


def _mixed(x: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """A bijection of 32 bits in which each bit moves about half of the others (Wellons' lowbias32)."""
    half, less = np.uint32(16), np.uint32(15)
    x = (x ^ (x >> half)) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> less)) * np.uint32(0x846CA68B)
    return x ^ (x >> half)


def jaccard(a: NDArray[np.uint32], b: NDArray[np.uint32]) -> float:
    """Shared shingles over all shingles."""
    both = len(np.intersect1d(a, b, assume_unique=True))
    return both / (len(a) + len(b) - both)


def _signature(found: NDArray[np.uint32]) -> "MinHash":
    from datasketch import MinHash

    # The shingles are hashed already.
    signature = MinHash(num_perm=_PERMUTATIONS, hashfunc=int)
    signature.update_batch(found)
    return signature
