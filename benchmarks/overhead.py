"""What the engine costs: its time for one step beside a bare PyTorch loop that takes the same step.

    pip install ".[bench]"
    python benchmarks/overhead.py

The two take their steps in turn (A B A B …) in one process, so that whatever else the machine does meets both. The
engine is called as its user calls it, ``finetune(...)``; its step is all that passes from one report of a step to the
next: order, batch, gradient, optimizer, average, log, report. Steps with an evaluation or a checkpoint between
them are left out, because the bare loop has neither.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import bare_loop
import torch
from bare_loop import BareLoop
from scipy.stats import binom

from roadworthy.finetune import finetune, load
from roadworthy.finetune.image_task import ImageTask
from roadworthy.finetune.task import Task
from roadworthy.finetune.text_task import TextTask

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE / "tts"))
from contenders import BENCHMARKS  # noqa: E402
from document import machine  # noqa: E402
from run import prepared  # noqa: E402

RESULTS = HERE / "results"
WANTED = 0.03
FIRST = 5  # steps that warm caches and allocators, for both
SEED = 7
SIZE, LENGTH = 128, 64
TASKS: dict[str, Task] = {"image": ImageTask(), "text": TextTask()}
LABELS = {"image": ("NORMAL", "PNEUMONIA"), "text": ("ham", "spam")}


class InTurn:
    """The engine's report: after each of its steps the bare loop takes the same, and both are timed."""

    def __init__(self, bare: BareLoop) -> None:
        self.bare = bare
        self.pairs: list[tuple[float, float]] = []
        self._left: float | None = None  # when the engine went on, where nothing but a step has happened since

    def __call__(self, stage: str, done: int, total: int, **facts: float | str) -> None:
        """Called by the engine."""
        now = time.perf_counter()
        if stage != "training" or "metric" in facts:
            self._left = None
            return
        began = time.perf_counter()
        self.bare.step()
        ended = time.perf_counter()
        if self._left is not None:
            self.pairs.append((now - self._left, ended - began))
        self._left = time.perf_counter()


def main() -> None:
    """Measures both models, prints and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=3, help="of 44 steps (images) and 37 (texts)")
    parser.add_argument("--only", choices=tuple(BENCHMARKS), help="one of the two models")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write")
    parser.add_argument("--work", type=Path, help="where data is laid out; by default the user's cache folder")
    parser.add_argument("--limit", type=int, help="so many train examples, to try things out")
    asked = parser.parse_args()
    if asked.results.resolve() == RESULTS and (asked.limit or asked.only):
        parser.error("--limit and --only are for trying things out: give --results DIR too")
    measured = {}
    for name in [asked.only] if asked.only else BENCHMARKS:
        lists = json.loads(prepared(BENCHMARKS[name], asked).read_text(encoding="utf-8"))
        measured[name] = overhead(name, Path(lists["snapshot"]), Path(lists["data"]), asked.epochs)
        print(name, {key: value for key, value in measured[name].items() if key != "pairs"}, flush=True)
    asked.results.mkdir(parents=True, exist_ok=True)
    document = {"date": time.strftime("%Y-%m-%d", time.gmtime()), "machine": machine("cpu"), "measured": measured}
    (asked.results / "overhead-cpu.json").write_text(json.dumps(document) + "\n", encoding="utf-8")
    (asked.results / "overhead-cpu.md").write_text(as_markdown(document), encoding="utf-8")


def overhead(name: str, snapshot: Path, data: Path, epochs: int) -> dict[str, Any]:
    """Both loops over the same epochs, in turn."""
    task = TASKS[name]
    usual = task.recipe(task.read_config(snapshot), from_scratch=False, on_gpu=False, batch_size=None)
    settings: dict[str, Any] = {
        "epochs": epochs,
        "evaluations_per_epoch": 1,
        "fit_head_first": False,
        "probe": False,
        "checkpoint_seconds": 1e9,
    }
    if name == "text":
        # The engine computes frozen layers once for each text, which the bare loop cannot: so none is frozen here.
        settings["frozen_share"] = 0.0
    recipe = replace(usual, **settings)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        start = with_head(name, snapshot, root / "start")
        if name == "image":
            bare, option = bare_loop.images(start, data, root / "cache", recipe, SEED, SIZE), {"image_size": SIZE}
        else:
            bare, option = bare_loop.texts(start, data, root / "cache", recipe, SEED, LENGTH), {"max_length": LENGTH}
        turns = InTurn(bare)
        run = finetune(start, data=data, out=root / "run", seed=SEED, device="cpu", report=turns, **option, **settings)
        apart = distance(load(run.run / "candidate").model, bare)
    return summary(turns.pairs[FIRST:], apart) | {"dropout": name == "text"}


def with_head(name: str, snapshot: Path, folder: Path) -> Path:
    """The start weights with a head for the two classes, so that both loops begin with the same."""
    task = TASKS[name]
    config = replace(task.read_config(snapshot), labels=LABELS[name])
    torch.manual_seed(SEED)
    model = task.open(snapshot, task.read_config(snapshot))
    task.renew_head(model, config)
    folder.mkdir()
    task.save(folder, model, config, start=snapshot)
    return folder


def distance(model: torch.nn.Module, bare: BareLoop) -> float:
    """The largest difference between the engine's averaged weights and the bare loop's."""
    names = [name for name, p in bare.model.named_parameters() if p.requires_grad]
    averaged = dict(zip(names, bare.average, strict=True))
    weights = dict(model.named_parameters())
    return max(float((weights[name].detach() - found).abs().max()) for name, found in averaged.items())


def summary(pairs: list[tuple[float, float]], apart: float) -> dict[str, Any]:
    """Medians, and the median of the paired differences with its interval from order statistics."""
    extra = sorted(engine / bare - 1 for engine, bare in pairs)
    # The number of differences below the median of all is binomial with one half.
    rank = int(binom.ppf(0.025, len(extra), 0.5))
    return {
        "n": len(pairs),
        "engine_ms": round(1000 * median(engine for engine, _ in pairs), 2),
        "bare_ms": round(1000 * median(bare for _, bare in pairs), 2),
        "overhead": round(median(extra), 4),
        "low": round(extra[max(0, rank - 1)], 4),
        "high": round(extra[min(len(extra) - 1, len(extra) - rank)], 4),
        "weights_apart": float(f"{apart:.1e}"),
        "pairs": [(round(engine, 5), round(bare, 5)) for engine, bare in pairs],
    }


def as_markdown(document: dict[str, Any]) -> str:
    """The page beside the JSON."""
    on = document["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in on["libraries"].items())
    title = {"image": "EfficientNet-Lite0, 128 px, lower half frozen", "text": "MiniLM-L6, 64 tokens, all trained"}
    lines = []
    for name, found in document["measured"].items():
        interval = f"{100 * found['overhead']:.2f} % [{100 * found['low']:.2f}, {100 * found['high']:.2f}]"
        verdict = "reached" if found["high"] < WANTED else "not reached" if found["low"] >= WANTED else "not decided"
        lines.append(
            f"| {title[name]} | {found['n']} | {found['engine_ms']} | {found['bare_ms']} | {interval} | {verdict} "
            f"| {found['weights_apart']:.0e}{' (dropout)' if found['dropout'] else ''} |"
        )
    rows = "\n".join(lines)
    return f"""# What the engine costs

Time of one step of the optimizer, batches of 32: `finetune(...)` beside a bare PyTorch loop
([bare_loop.py](../bare_loop.py)) that takes the same step, the two in turn in one process. Wanted: under
{WANTED:.0%}. {document["date"]}. On a GPU: not measured.

| model | pairs | engine, ms | bare loop, ms | engine costs more, median of pairs [95 %] | wanted | weights apart |
| --- | --- | --- | --- | --- | --- | --- |
{rows}

- **Same work**: the same start, examples, crops, optimizer, schedule and averaged weights; what their weights differ
  by at the end is in the last column. Dropout's masks differ between the two.
- **Not in it**: evaluations and checkpoints, which the bare loop does not have (the engine writes a checkpoint every
  30 s), and the text engine's cache of frozen layers, which would make it faster than the bare loop.
- **Interval**: of the median, from order statistics; the first {FIRST} pairs are left out.
- **Machine**: {on["os"]}, {on["cpu"]}, {on["cores"]} cores, {on["threads"]} threads, {on["memory_gib"]} GiB; Python
  {on["python"]}, {versions}.

Again: `pip install ".[bench]" && python benchmarks/overhead.py`
"""


if __name__ == "__main__":
    main()
