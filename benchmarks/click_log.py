"""A log of clicks as large as wanted, for measuring how a table that does not fit into memory is read and trained on.

    python benchmarks/click_log.py --gigabytes 20 --out log --seed 1

writes log/train.csv of that size, log/val.csv and log/test.csv: a label, 13 counts and 26 categories, as many values of
each as in Criteo's Kaggle set, though none above a million, all by a power law. It is synthetic, for sizes and speeds;
accuracies on it say only that something was learned. A click's log odds are a sum of effects of some counts and
categories, and of products: categories have hidden vectors, and pairs of columns add the dot product of theirs, which
is what a logistic regression on the columns alone cannot follow. The same seed gives the same bytes, whatever the
number of processes.
"""

import argparse
import io
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

COUNTS = 13
SIZES = (
    *(1460, 583, 1_000_000, 500_000, 305, 24, 12517, 633, 3, 93145, 5683, 1_000_000, 3194),
    *(27, 14992, 500_000, 10, 5652, 2173, 4, 1_000_000, 18, 15, 286_181, 105, 142_572),
)
MISSING = {"I2": 0.2, "I5": 0.05, "I12": 0.45, "C20": 0.15, "C22": 0.4, "C26": 0.1}
ALONE = (0, 1, 4, 7, 9, 10, 14, 25)  # categories that have an effect of their own
PAIRS = ((5, 13), (5, 16), (13, 16), (4, 24), (24, 21), (21, 22), (7, 17), (1, 5), (18, 13), (8, 0))
MIXED = ((0, 16), (3, 21), (7, 5))  # a count whose weight a category decides
HIDDEN = 4  # numbers in a category's vector
ROWS = 250_000  # written at a time
PARTS = {"val": 200_000, "test": 500_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What decides a click. ``effect`` and ``vector`` by column: float32 [V] and [V, 4] for its V values."""

    words: list[Any]
    effect: dict[int, NDArray[np.float32]]
    vector: dict[int, NDArray[np.float32]]
    slope: dict[int, NDArray[np.float32]]
    weight: NDArray[np.float32]


def world(seed: int) -> World:
    """The effects that a seed stands for; words of a category are the same with every seed."""
    draw = np.random.default_rng([seed, 0])

    def normal(*shape: int) -> NDArray[np.float32]:
        return draw.standard_normal(shape, dtype=np.float32)

    return World(
        words=[_words(column, size) for column, size in enumerate(SIZES)],
        effect={column: 0.35 * normal(SIZES[column]) for column in ALONE},
        vector={column: 0.6 * normal(SIZES[column], HIDDEN) for column in sorted({one for p in PAIRS for one in p})},
        slope={column: 0.5 * normal(SIZES[column]) for _, column in MIXED},
        weight=0.2 * normal(COUNTS),
    )


def _words(column: int, size: int) -> Any:
    """Distinct words of 4 or 8 hexadecimal digits: multiplying by an odd number maps no two numbers to one."""
    digits = 4 if size <= 1000 else 8
    numbers = (np.arange(size, dtype=np.uint64) + np.uint64(column * 7919)) * np.uint64(2654435761) % 16**digits
    return pa.array([f"{number:0{digits}x}" for number in numbers.tolist()], pa.string())


def rows(world: World, draw: np.random.Generator, count: int) -> pa.Table:
    """``count`` rows as text and whole numbers, null where something is missing."""
    normal = draw.standard_normal((COUNTS, count), dtype=np.float32)
    counts = np.exp(np.linspace(0.8, 2.0, COUNTS, dtype=np.float32)[:, None] * normal + 1.2).astype(np.int32)
    ranks = [_ranks(draw, size, count) for size in SIZES]
    odds = world.weight @ normal - 1.8
    for column, effect in world.effect.items():
        odds += effect[ranks[column]]
    for one, other in PAIRS:
        odds += np.einsum("rh,rh->r", world.vector[one][ranks[one]], world.vector[other][ranks[other]])
    for number, column in MIXED:
        odds += normal[number] * world.slope[column][ranks[column]]
    clicked = draw.random(count, dtype=np.float32) < 1 / (1 + np.exp(-odds))
    table = {"label": pa.array(clicked.astype(np.int8))}
    for n in range(COUNTS):
        table[f"I{n + 1}"] = pa.array(counts[n], mask=_missing(draw, f"I{n + 1}", count))
    for n, words in enumerate(world.words):
        table[f"C{n + 1}"] = words.take(pa.array(ranks[n], mask=_missing(draw, f"C{n + 1}", count)))
    return pa.table(table)


def _ranks(draw: np.random.Generator, size: int, count: int) -> NDArray[np.int32]:
    """Numbers below ``size``, n drawn as often as 1 / (n + 1): (size + 1) to the power of an even draw."""
    even = draw.random(count, dtype=np.float32)
    found = np.exp2(even * np.float32(np.log2(size + 1))).astype(np.int32) - 1
    ranks: NDArray[np.int32] = np.minimum(found, size - 1)
    return ranks


def _missing(draw: np.random.Generator, name: str, count: int) -> NDArray[np.bool_] | None:
    return draw.random(count, dtype=np.float32) < MISSING[name] if name in MISSING else None


_world: World | None = None  # of a process


def _begin(seed: int) -> None:
    global _world
    _world = world(seed)


def piece(seed: int, part: int, number: int, count: int) -> bytes:
    """The CSV of some rows, a function of these numbers alone."""
    assert _world is not None
    sink = io.BytesIO()
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    table = rows(_world, np.random.default_rng([seed, part, number]), count)
    pyarrow.csv.write_csv(table, sink, options)
    return sink.getvalue()


def in_order(pool: ProcessPoolExecutor, tasks: Iterable[tuple[int, int, int, int]]) -> Iterator[bytes]:
    """What ``piece`` makes of each task; no more than a few are ahead."""
    waiting: deque[Future[bytes]] = deque()
    for task in tasks:
        waiting.append(pool.submit(piece, *task))
        if len(waiting) > 2 * (os.cpu_count() or 1):
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def main() -> None:
    """Writes the three files."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--gigabytes", type=float, required=True, help="size of train.csv, 10^9 bytes each")
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    header = ",".join(["label", *(f"I{n + 1}" for n in range(COUNTS)), *(f"C{n + 1}" for n in range(len(SIZES)))])
    with ProcessPoolExecutor(initializer=_begin, initargs=(given.seed,)) as pool:
        size = len(pool.submit(piece, given.seed, 1, 0, ROWS).result())
        wanted = {"train": round(given.gigabytes * 1e9 / size * ROWS), **PARTS}
        for part, (name, total) in enumerate(wanted.items(), start=1):
            tasks = [(given.seed, part, n, min(ROWS, total - n * ROWS)) for n in range(-(-total // ROWS))]
            began = time.perf_counter()
            aside, path = given.out / f"{name}.csv.tmp", given.out / f"{name}.csv"
            with aside.open("wb") as file:
                file.write(header.encode() + b"\n")
                for done, text in enumerate(in_order(pool, tasks), start=1):
                    file.write(text)
                    print(f"\r{path}: {done / len(tasks):.0%}, {time.perf_counter() - began:.0f} s", end="", flush=True)
            aside.replace(path)
            print(f"\r{path}: {total:,} rows, {path.stat().st_size / 1e9:.2f} GB, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
