"""What the GPU benchmarks leave: a page and JSON where a GPU was there, a page that says so where none was."""

import json
import platform
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from roadworthy.finetune.environment import describe

_LIBRARIES = ("torch", "timm", "transformers", "numpy", "roadworthy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """``wanted``: what it is held against, in words. ``unit``: what the throughput counts, a second."""

    stem: str
    title: str
    unit: str
    wanted: str
    how: str
    again: str


def leave(benchmark: Benchmark, measured: list[dict[str, Any]], device: torch.device, results: Path) -> None:
    """Prints what was measured; writes JSON and page for a GPU, and never a CPU's figures over a GPU's."""
    for row in measured:
        print(row)
    results.mkdir(parents=True, exist_ok=True)
    kept = results / f"{benchmark.stem}.json"
    if device.type == "cuda":
        found = describe(device, "bfloat16")
        document = {
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "accelerators": list(found.accelerators),
            "cpu": found.cpu,
            "cores": found.cores,
            "python": platform.python_version(),
            "libraries": {name: version(name) for name in _LIBRARIES} | {"cuda": str(torch.version.cuda)},
            "measured": measured,
        }
        kept.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        (results / f"{benchmark.stem}.md").write_text(_page(benchmark, document), encoding="utf-8")
    elif not kept.is_file():
        (results / f"{benchmark.stem}.md").write_text(_page(benchmark, None), encoding="utf-8")


def _page(benchmark: Benchmark, document: dict[str, Any] | None) -> str:
    body = "Not measured on a GPU." if document is None else _table(benchmark, document)
    return f"""# {benchmark.title}

{body}

- **Wanted**: {benchmark.wanted}
- **How**: {benchmark.how}

Again, with a GPU: `{benchmark.again}`; to see that the script runs: `{benchmark.again} --device cpu --small`
"""


def _table(benchmark: Benchmark, document: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {said}" for name, said in document["libraries"].items())
    parts = ("data", "forward", "backward", "optimizer")
    head = ("", f"{benchmark.unit}/s", "batch", "MFU", *(f"{part}, ms" for part in parts), "memory, GiB")
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    for row in document["measured"]:
        mfu = "not measured" if row["mfu"] is None else f"{100 * row['mfu']:.1f} %"
        cells = [row["name"], f"{row['throughput']:,.0f}", str(row["batch"]), mfu]
        cells += [*(f"{row['parts'][part]:.1f}" for part in parts), f"{row['memory_gib']:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    table = "\n".join(lines)
    return f"""{table}

Measured {document["date"]} on {", ".join(document["accelerators"])}; {document["cpu"]}, {document["cores"]} cores;
Python {document["python"]}, {versions}. Throughput: steps one after another. Parts: the queue is emptied after
each, so that their sum is more than a step takes."""


def row(
    name: str, *, batch: int, seconds: float, flops: float, peak: float | None, parts: dict[str, float]
) -> dict[str, Any]:
    """One line: ``flops`` are those of the model for one step, forward and backward; ``peak`` in teraFLOP a second."""
    on_gpu = torch.cuda.is_available()
    return {
        "name": name,
        "batch": batch,
        "throughput": round(batch / seconds, 2),
        "seconds_per_step": round(seconds, 5),
        "teraflops": round(flops / seconds / 1e12, 2),
        "mfu": None if peak is None else round(flops / seconds / 1e12 / peak, 4),
        "parts": parts,
        "memory_gib": round(torch.cuda.max_memory_allocated() / 2**30, 2) if on_gpu else 0.0,
    }
