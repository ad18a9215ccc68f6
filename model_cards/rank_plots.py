"""What is drawn of recommendation and ranking: hits by popularity, and where the first relevant item stands."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .bar_plot import Bar, Level, bar_plot
from .evidence import Row
from .metric import percent
from .recall_plot import QUARTERS
from .recommendation import K, ranks
from .statistics import wilson
from .svg import ticks
from .tenths import tenths


def popularity_plot(rows: Sequence[Row]) -> bytes:
    """The hit rate of each tenth of the users, those first whose item occurs most often in the training data."""
    bars = []
    for part in tenths(rows, lambda row: row.truth["seen"]):
        counts = sorted(row.truth["seen"] for row in part)
        hits = int((ranks(part) <= K).sum())
        label = f"{counts[0]:,}" if counts[0] == counts[-1] else f"{counts[0]:,} to {counts[-1]:,}"
        bars.append(_share(f"seen {label} ×", hits, len(part)))
    whole = int((ranks(rows) <= K).sum()) / len(rows)
    title = "Hit rate at 10 by how often the item is in the training data, with 95 % intervals"
    return bar_plot(title, bars, Level(value=whole, name=f"all: {percent(whole)}"), QUARTERS)


def first_relevant_plot(places: NDArray[np.int64], most: int) -> bytes:
    """How many groups have their best relevant item at each place up to ``most``, and beyond it."""
    n = len(places)
    counts = [int((places == place).sum()) for place in range(1, most + 1)]
    bars = [_share(f"place {place}", count, n) for place, count in enumerate(counts, start=1)]
    bars.append(_share("further down", n - sum(counts), n))
    end = max(bar.high for bar in bars)
    marks = [(share, f"{100 * share:g} %") for share, _ in ticks(0, end)]
    title = "Where the first relevant item of a group stands, with 95 % intervals"
    return bar_plot(title, bars, None, marks, end)


def _share(label: str, found: int, n: int) -> Bar:
    interval = wilson(found, n)
    return Bar(
        label=label,
        value=found / n,
        low=interval.low,
        high=interval.high,
        written=percent(found / n),
        n=n,
        told=f"{label}: {found:,} of {n:,}, {percent(interval.low)} to {percent(interval.high)}",
    )
