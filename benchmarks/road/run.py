"""Time to target on real photographs: this project beside plain timm and transformers scripts.

    pip install ".[bench]"
    python benchmarks/road/run.py --seeds 3

Prepares once, then runs the contenders in turn (A B C D, A B C D, …), each in a process of its own.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from table import as_markdown, as_text

HERE = Path(__file__).resolve().parent
RESULTS = HERE.parent / "results"
CONTENDERS = ("ours", "timm_plain", "trainer_plain", "timm_tuned")
LIBRARIES = ("torch", "torchvision", "timm", "transformers", "accelerate", "pillow", "numpy")


def main() -> None:
    """Prepares, runs, prints the table, writes JSON and Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="runs of each contender")
    parser.add_argument("--target", default="top1>=0.92", help="to hold on validation")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--only", default=",".join(CONTENDERS), help="contenders, with commas between")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write")
    parser.add_argument("--limit", type=int, help="so many train images, to try things out")
    parser.add_argument("--epochs", type=int, help="at most so many, to try things out")
    asked = parser.parse_args()
    if asked.results == RESULTS and (asked.limit or asked.epochs or asked.only != ",".join(CONTENDERS)):
        parser.error("--limit, --epochs and --only are for trying things out: give --results DIR too")
    asked.results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="road-") as folder:
        for document in contest(Path(folder), asked):
            # After each round, so that a benchmark that is stopped keeps the rounds it has.
            (asked.results / f"road-{asked.device}.json").write_text(json.dumps(document, indent=1) + "\n")
            (asked.results / "road.md").write_text(as_markdown(document))
    print(as_text(document))


def contest(root: Path, asked: argparse.Namespace) -> Iterator[dict]:
    """After each round, everything that was measured so far, and on what."""
    options = ["--limit", str(asked.limit)] if asked.limit else []
    subprocess.run([sys.executable, HERE / "prepare.py", root, *options], check=True)
    lists = json.loads((root / "lists.json").read_text())
    warm_up()
    names = asked.only.split(",")
    runs: dict[str, list[dict]] = {name: [] for name in names}
    for seed in range(asked.seeds):
        for name in names:
            runs[name].append(one(name, seed, root, asked))
        yield report(asked, lists, runs)


def report(asked: argparse.Namespace, lists: dict, runs: dict[str, list[dict]]) -> dict:
    """The document that is kept."""
    return {
        "target": asked.target,
        "device": asked.device,
        "limit": asked.limit,
        "epochs": asked.epochs,
        "seeds": asked.seeds,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "data": {
            "protocol": lists["protocol"],
            "split": lists["split"],
            "fingerprints": lists["fingerprints"],
            **{f"n_{part}": len(lists[part]) for part in ("train", "validation", "test")},
        },
        "machine": machine(asked.device),
        "runs": runs,
    }


def warm_up() -> None:
    """One import of everything, so that the first contender does not read the libraries from disk for all."""
    libraries = "import torch, torchvision, timm, accelerate, roadworthy.finetune.run; from transformers import Trainer"
    subprocess.run([sys.executable, "-c", libraries], check=True)


def one(name: str, seed: int, root: Path, asked: argparse.Namespace) -> dict:
    """One run of one contender. A contender that fails is an error, not a slow run."""
    out = root / f"{name}-{seed}.json"
    case = [root / "lists.json", root / "snapshot", str(seed), asked.target, out, "--device", asked.device]
    epochs = ["--epochs", str(asked.epochs)] if asked.epochs else []
    load = os.getloadavg()[0]
    with (root / f"{name}-{seed}.log").open("w+") as log:
        ended = subprocess.run(
            [sys.executable, HERE / f"{name}.py", *case, *epochs], stdout=log, stderr=subprocess.STDOUT, check=False
        )
        if ended.returncode != 0:
            log.seek(0)
            sys.exit(f"{name} failed with seed {seed}:\n{log.read()[-4000:]}")
    result = json.loads(out.read_text()) | {"load_before": round(load, 2)}
    reached = f"{result['seconds']:.1f} s" if result["held"] else "not reached"
    accuracy = result["test_correct"] / result["test_n"]
    print(f"seed {seed} {name}: {reached}, test {100 * accuracy:.1f} %", file=sys.stderr, flush=True)
    return result


def machine(device: str) -> dict:
    """What this ran on, without names or paths."""
    from importlib.metadata import version

    import torch

    from roadworthy.finetune.environment import describe

    found = describe(torch.device(device), "float32")
    return {
        "os": found.os,
        "cpu": found.cpu,
        "cores": found.cores,
        "memory_gib": found.memory_gib,
        "accelerators": list(found.accelerators),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


if __name__ == "__main__":
    main()
