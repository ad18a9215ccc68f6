"""Time to target: this project beside transformers' Trainer, timm's script and Lightning, as documented and tuned.

    pip install ".[bench]"
    python benchmarks/tts/run.py --set image --seeds 5
    python benchmarks/tts/run.py --set text --seeds 5

Prepares once, then runs the contenders in turn (A B C …, A B C …), each in a process of its own. JSON and page
are written after each run; called again, it goes on where it was stopped.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import platformdirs
from contenders import BENCHMARKS, HERE, Benchmark, Contender
from document import Document, conditions
from page import as_markdown
from table import as_text

RESULTS = HERE.parent / "results"
TIMES_OURS, AT_LEAST = 10, 60.0  # of our median so far; seconds
UNKNOWN = 600.0  # seconds, where ours was not measured yet
PATIENCE = 1.5  # a contender stops itself at its next evaluation; one that does not is ended after this much more


def main() -> None:
    """Prepares, runs, writes, prints the table."""
    asked = arguments()
    benchmark = BENCHMARKS[asked.set]
    asked.target = asked.target or benchmark.target
    asked.results.mkdir(parents=True, exist_ok=True)
    lists = prepared(benchmark, asked)
    stem = f"tts-{asked.set}-{asked.device}"
    document = Document(
        path=asked.results / f"{stem}.json", conditions=conditions(asked, json.loads(lists.read_text(encoding="utf-8")))
    )
    document.resume()
    warm_up()
    for seed in range(asked.seeds):
        for contender in chosen(benchmark, asked.only):
            if document.has(contender.name, seed) or contender.name in document.failed:
                continue
            one(contender, seed, lists, document, asked)
            page = as_markdown(benchmark, document)
            (asked.results / f"{stem}.md").write_text(page, encoding="utf-8")
    print(as_text(benchmark, document))
    if document.failed:
        sys.exit("\n".join(f"{name} failed:\n{said}" for name, said in document.failed.items()))


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=tuple(BENCHMARKS), default="image")
    parser.add_argument("--seeds", type=int, default=5, help="runs of each contender, from seed 0 on")
    parser.add_argument("--target", help="to hold on validation; by default the set's own")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--only", help="contenders, with commas between")
    parser.add_argument("--give-up", type=float, help="seconds; by default 10 times our median so far, at least 60")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write")
    parser.add_argument("--work", type=Path, help="where data is laid out; by default the user's cache folder")
    parser.add_argument("--limit", type=int, help="so many train examples, to try things out")
    parser.add_argument("--epochs", type=int, help="at most so many, to try things out")
    asked = parser.parse_args()
    asked.results = asked.results.resolve()
    if asked.results == RESULTS and (asked.limit or asked.epochs):
        parser.error("--limit and --epochs are for trying things out: give --results DIR too")
    known = [contender.name for contender in BENCHMARKS[asked.set].contenders]
    for name in asked.only.split(",") if asked.only else []:
        if name not in known:
            parser.error(f"--only {name}: no contender of --set {asked.set}. Expected of: {', '.join(known)}")
    return asked


def chosen(benchmark: Benchmark, only: str | None) -> list[Contender]:
    """The contenders that take part, in the order of a round."""
    wanted = only.split(",") if only else None
    return [contender for contender in benchmark.contenders if wanted is None or contender.name in wanted]


def prepared(benchmark: Benchmark, asked: argparse.Namespace) -> Path:
    """The lists of a data set that is laid out whole; what an earlier call laid out is used again."""
    work: Path = asked.work or Path(platformdirs.user_cache_dir("roadworthy")) / "tts"
    # What was laid out by other code, or from a package that is gone by now, is laid out anew.
    code = b"".join((HERE / name).read_bytes() for name in (benchmark.prepare, "mails.py"))
    limit = f"-{asked.limit}" if asked.limit else ""
    root = work / f"{benchmark.name}{limit}-{hashlib.sha256(code).hexdigest()[:8]}"
    lists = root / "lists.json"
    if not lists.is_file() or not Path(json.loads(lists.read_text(encoding="utf-8"))["snapshot"]).is_dir():
        # The lists are written last: without them, what is there is what a killed preparation left.
        if root.exists():
            shutil.rmtree(root)
        root.mkdir(parents=True)
        options = ["--limit", str(asked.limit)] if asked.limit else []
        command = [sys.executable, HERE / benchmark.prepare, root, "--cache", work / "packages", *options]
        subprocess.run(command, check=True)
    return lists


def warm_up() -> None:
    """One import of everything, so that the first contender does not read the libraries from disk for all."""
    libraries = (
        "import torch, torchvision, timm, accelerate, lightning.pytorch, roadworthy.finetune.run; "
        "from transformers import AutoModelForSequenceClassification, Trainer"
    )
    subprocess.run([sys.executable, "-c", libraries], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def limit_for(contender: Contender, document: Document, given: float | None) -> float:
    """Seconds after which a contender has lost. Ours is measured first, so that it sets the limit for the rest."""
    if given is not None:
        return given
    ours = [run["seconds"] or run["gave_up_after"] for run in document.runs.get("ours", [])]
    if not ours or contender.name == "ours":
        return UNKNOWN
    return max(AT_LEAST, TIMES_OURS * median(ours))


def one(contender: Contender, seed: int, lists: Path, document: Document, asked: argparse.Namespace) -> None:
    """One run. A contender that breaks takes no further part: that is an error, not a slow run."""
    give_up = limit_for(contender, document, asked.give_up)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="tts-") as folder:
        out, log = Path(folder) / "result.json", Path(folder) / "log"
        command = [sys.executable, contender.path, lists, str(seed), asked.target, out, "--device", asked.device]
        command += ["--give-up", str(give_up), *contender.options]
        command += ["--epochs", str(asked.epochs)] if asked.epochs else []
        code = ended([str(word) for word in command], log, PATIENCE * give_up + AT_LEAST)
        if code == 0:
            result = json.loads(out.read_text(encoding="utf-8"))
        elif code is None:
            result = cut_short(out, seed, give_up)
        else:
            document.failed[contender.name] = log.read_text(encoding="utf-8", errors="replace")[-4000:]
            print(f"seed {seed} {contender.name}: failed", file=sys.stderr, flush=True)
            return
    date = time.strftime("%Y-%m-%d", time.gmtime())
    document.add(contender.name, result | {"load_before": round(load, 2), "limit": round(give_up, 1), "date": date})
    reached = f"{result['seconds']:.1f} s" if result["held"] else f"> {result['gave_up_after']:.1f} s"
    right = result["test_correct"]
    accuracy = "not measured" if right is None else f"{100 * right / result['test_n']:.1f} %"
    print(f"seed {seed} {contender.name}: {reached}, test {accuracy}", file=sys.stderr, flush=True)


def ended(command: list[str], log: Path, seconds: float) -> int | None:
    """Runs a process with whatever it starts; its exit code, or none where it had to be ended."""
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            return process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def cut_short(out: Path, seed: int, give_up: float) -> dict[str, Any]:
    """The result of a run that had to be ended: what it noted, and that it took longer."""
    notes = out.with_suffix(".evaluations")
    lines = notes.read_text(encoding="utf-8").splitlines() if notes.is_file() else []
    history = [json.loads(line) for line in lines]
    return {
        "seed": seed,
        "held": False,
        "seconds": None,
        "seconds_from_data": None,
        "gave_up_after": give_up,
        "samples": history[-1]["samples"] if history else 0,
        "first_at_target": None,
        "history": history,
        "threads": None,
        "test_correct": None,
        "test_n": None,
        "parts": None,
    }


if __name__ == "__main__":
    main()
