"""How long a log of clicks takes to become numbers on disk, and how much memory: this tree, and older ones beside it.

    python benchmarks/click_log.py --gigabytes 1 --out log
    git worktree add ../older COMMIT
    python benchmarks/table_read.py --log log --store store --other ../older --rounds 3

Each reading is a process of its own, trees take turns, and files of the log are in the system's cache (they are read
once before). Seconds and processor seconds are those of ``read_table`` alone, the schema and the check of the parts
included; the peak is the whole process's, imports and mapped pages included. The stores must have the same columns.
"""

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE / "tts"))
from document import machine  # noqa: E402

RESULTS = HERE / "results"
COLUMNS = ("digest", "ids", "label", "numeric", "part", "place")
_READ = """
import json, sys, time
from pathlib import Path
from roadworthy.finetune.tabular.store_build import read_table
began, used = time.perf_counter(), time.process_time()
store, _ = read_table(Path(sys.argv[1]), Path(sys.argv[2]))
took = {"rows": len(store), "seconds": time.perf_counter() - began, "processor": time.process_time() - used}
with open("/proc/self/status") as lines:
    took["peak"] = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
print(json.dumps(took))
"""


def read(tree: Path, log: Path, store: Path) -> dict[str, Any]:
    """One reading by the package in a tree of sources, with a digest of the columns that came out."""
    shutil.rmtree(store, ignore_errors=True)
    environment = {**os.environ, "PYTHONPATH": str(tree / ".dev")}
    command = [sys.executable, "-c", _READ, str(log), str(store)]
    told = subprocess.run(command, check=True, env=environment, capture_output=True, text=True).stdout
    columns = [hashlib.sha256() for _ in COLUMNS]
    for name, digest in zip(COLUMNS, columns, strict=True):
        with (store / f"{name}.bin").open("rb") as file:
            while piece := file.read(2**24):
                digest.update(piece)
    shutil.rmtree(store)
    return {**json.loads(told), "columns": [digest.hexdigest() for digest in columns], "load": os.getloadavg()[0]}


def page(found: dict[str, list[dict[str, Any]]], size: int) -> str:
    """The results in words."""
    first, *others = found
    mid = {name: {k: statistics.median(one[k] for one in runs) for k in FIGURES} for name, runs in found.items()}
    rows, rounds = found[first][0]["rows"], len(found[first])
    lines = [
        "# From a CSV file to numbers on disk",
        "",
        f"{rows:,} rows of {size / 1e9:.2f} GB (label, 13 numbers, 26 categories; `click_log.py`, three files), median "
        f"of {rounds}",
        "readings in turn; lowest and highest behind it.",
        "",
        "| tree | seconds | processor seconds | peak, MB | rows/s |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, runs in found.items():
        cells = [f"{mid[name][k]:.0f} ({min(o[k] for o in runs):.0f}–{max(o[k] for o in runs):.0f})" for k in FIGURES]
        lines.append(f"| {name} | {' | '.join(cells)} | {rows / mid[name]['seconds']:,.0f} |")
    for name in others:
        ratios = [f"{mid[name][k] / mid[first][k]:.1f}" for k in ("seconds", "processor")]
        lines += ["", f"{name} over {first}: {ratios[0]} times the seconds, {ratios[1]} times the processor seconds."]
    where = machine("cpu")
    same = len({tuple(one["columns"]) for runs in found.values() for one in runs}) == 1
    loads = [one["load"] for runs in found.values() for one in runs]
    lines += [
        "",
        f"- **Result**: the columns {', '.join(COLUMNS)} are {'the same bytes' if same else 'NOT the same'} each time.",
        f"- **Machine**: {where['os']}, {where['cpu']}, {where['cores']} cores, {where['memory_gib']} GiB; Python "
        f"{where['python']}, pyarrow {version('pyarrow')}, numpy {version('numpy')}. Load {min(loads):.1f} to "
        f"{max(loads):.1f} after the readings.",
        "",
        "Again: as `benchmarks/table_read.py` says.",
    ]
    return "\n".join(lines) + "\n"


FIGURES = ("seconds", "processor", "peak")


def main() -> None:
    """Reads in turn and writes the page."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--log", type=Path, required=True)
    options.add_argument("--store", type=Path, required=True, help="a folder that is made and removed")
    options.add_argument("--other", type=Path, action="append", default=[], help="another tree of sources")
    options.add_argument("--rounds", type=int, default=3)
    given = options.parse_args()
    files = sorted(given.log.glob("*.csv"))
    for path in files:
        with path.open("rb") as file:
            while file.read(2**24):
                pass
    trees = {"this": HERE.parent, **{f"`{path.name}`": path for path in given.other}}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in trees}
    for number in range(given.rounds):
        for name, tree in trees.items():
            found[name].append(read(tree, given.log, given.store))
            print(number + 1, name, {k: v for k, v in found[name][-1].items() if k != "columns"}, flush=True)
    RESULTS.joinpath("table-read.md").write_text(page(found, sum(path.stat().st_size for path in files)))


if __name__ == "__main__":
    main()
