"""Peak memory of a run whose tables its processes share, beside the same run in one process.

``python benchmarks/tables_sharded.py`` writes ``results/tables-sharded.md``. The clicks are drawn; what is measured is
memory, and not what a model makes of them. VmHWM of Linux: all that was resident at once, mapped files included.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from roadworthy.finetune import finetune
from roadworthy.model_cards import clocks

ROWS, COLUMNS, VALUES, WIDTH = 120_000, 26, 500_000, 128
PAGE = Path(__file__).parent / "results" / "tables-sharded.md"


def main() -> None:
    """Both runs, one after another, and the page."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--train", nargs=2, metavar=("DATA", "OUT"), help="what each process of a run does")
    given = asked.parse_args()
    if given.train:
        one_process(*map(Path, given.train))
        return
    with tempfile.TemporaryDirectory() as aside:
        root = Path(aside)
        data = drawn(root / "clicks")
        found = {processes: measured(data, root, processes) for processes in (1, 2)}
    PAGE.write_text(page(found))


def drawn(folder: Path) -> Path:
    """Clicks with ``COLUMNS`` columns of nearly as many different values as rows."""
    folder.mkdir()
    dice = np.random.default_rng(0)
    columns = {f"c{n}": dice.integers(0, VALUES, ROWS) for n in range(COLUMNS)}
    table = pa.table({"label": dice.integers(0, 2, ROWS), **columns})
    pa.csv.write_csv(table, folder / "clicks.csv")
    names = json.dumps(list(columns))
    (folder / "schema.toml").write_text(f'label = "label"\ncategorical = {names}\nmin_count = 1\n')
    return folder


def one_process(data: Path, out: Path) -> None:
    """Trains, and says how large this process became, and how large it was with its libraries and data read."""
    before: dict[str, float] = {}

    def report(stage: str, done: int, total: int, **facts: float | str) -> None:
        if "summary" in facts:
            before.setdefault("data", peak())

    finetune("dlrm", data=data, out=out, seed=1, epochs=1, width=WIDTH, batch_size=4096, tables="split", report=report)
    print(json.dumps({"rank": int(os.environ["RANK"]), "peak": peak(), "before": before.get("data")}), flush=True)


def peak() -> float:
    """The most that was resident at once, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1e3


def measured(data: Path, root: Path, processes: int) -> dict[str, object]:
    """A run of so many processes."""
    out = root / f"run-{processes}"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    began = time.perf_counter()
    done = subprocess.run(
        [*command, __file__, "--train", str(data), str(out)],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    told = sorted((json.loads(line) for line in done.stdout.splitlines() if '"peak"' in line), key=lambda t: t["rank"])
    events = clocks.parse((out / "events.log").read_text())
    weights = (out / "candidate" / "model.safetensors").stat().st_size
    trained = next(event.metadata["train_seconds"] for event in events if event.key == "run_stop")
    return {
        "peaks": [round(one["peak"]) for one in told],
        "before": round(told[0]["before"]),
        "weights": round(weights / 1e6),
        "seconds": round(time.perf_counter() - began),
        "train_seconds": round(trained, 1),
        "tables": next(event.value for event in events if event.key == "tables"),
    }


def page(found: dict[int, dict[str, object]]) -> str:
    """What came out."""
    lines = [
        "# Peak memory (MB, resident, VmHWM) of each process of a run, with tables whole and shared",
        "",
        f"DLRM, {COLUMNS} tables of {WIDTH} columns, {ROWS:,} drawn rows, one epoch of Adam in batches of 4,096, from "
        "scratch to the written candidate, checkpoints included. One machine, two cores shared with other work, CPU, "
        "gloo. Made by `benchmarks/tables_sharded.py`.",
        "",
        "| processes | tables | weights on the disk | peak of each process | before the model | in steps | in all |",
        "|---|---|---|---|---|---|---|",
    ]
    for processes, one in found.items():
        peaks = " · ".join(f"{value:,}" for value in one["peaks"])  # type: ignore[attr-defined]
        figures = (processes, one["tables"], f"{one['weights']:,}", peaks, one["before"])
        cells = [*map(str, figures), f"{one['train_seconds']} s", f"{one['seconds']} s"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
