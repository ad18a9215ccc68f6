"""Samples per second and memory of models of rows: the engine, a plain torch loop, and the nearest other libraries.

    pip install ".[bench]"
    python benchmarks/rows_speed.py --peers PYTHON      # one that has them, see PEERS, and this project
    python benchmarks/rows_speed.py --only cost         # what a step costs as its table grows

Each contender is a process of its own (``rows/``), because of its memory, and they take turns of a few steps, in
another order each round, so that whatever else the machine does meets them all. Without ``--peers`` the others are
left out.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE / "rows"), str(HERE / "tts")]
from cost import measured_cost  # noqa: E402
from document import machine  # noqa: E402
from lay import lay  # noqa: E402
from rows_page import as_markdown  # noqa: E402

# No two of their pins agree with one another and with this project, so that all are installed with --no-deps.
PEERS = ("torchrec", "fbgemm-gpu-cpu", "deepctr-torch", "torch-rechub", "cornac", "recbole")
RESULTS = HERE / "results"
THREADS, SEED = 2, 7
WARM = 5  # steps before the first turn
OURS = "the engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """``script`` in ``rows/``, ``peer``: in the other Python. ``told``: what else it is told."""

    name: str
    script: str
    peer: bool = False
    told: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A system on a table. ``batch`` examples of the engine are ``samples`` rows or pairs; a turn has ``steps``."""

    title: str
    system: str
    table: str
    width: int
    batch: int
    samples: int
    steps: int
    contenders: tuple[Contender, ...]


PLAIN = (
    Contender(name="plain loop, dense gradients, AdamW", script="plain.py", told={"kind": "dense"}),
    Contender(name="plain loop, sparse gradients, SparseAdam", script="plain.py", told={"kind": "sparse"}),
)


def _ours(recipe: str) -> tuple[Contender, ...]:
    return (Contender(name=OURS, script="ours.py", told={"recipe": recipe}),)


CASES = {
    "dlrm": Case(
        title="DLRM, embeddings 128 wide, 2,048 flights a step",
        system="dlrm",
        table="flights",
        width=128,
        batch=2048,
        samples=2048,
        steps=4,
        contenders=(
            *_ours("adam"),
            Contender(name=f"{OURS}, row-wise Adagrad", script="ours.py", told={"recipe": "adagrad"}),
            *PLAIN,
            Contender(name="torchrec, DLRM, row-wise Adagrad", script="peer_torchrec.py", peer=True),
            Contender(name="deepctr-torch, PNN", script="peer_deepctr.py", peer=True),
        ),
    ),
    "wide-and-deep": Case(
        title="Wide & Deep, embeddings 64 wide, 128 boards of 16 flights a step",
        system="wide-and-deep",
        table="boards",
        width=64,
        batch=128,
        samples=2048,
        steps=4,
        contenders=(
            *_ours("adam"),
            *PLAIN,
            Contender(name="deepctr-torch, WDL", script="peer_deepctr.py", peer=True),
            Contender(name="torch-rechub, WideDeep", script="peer_rechub.py", peer=True),
        ),
    ),
    "ncf": Case(
        title="NeuMF, factors 64 wide, 1,024 ratings and 4,096 drawn ones a step",
        system="ncf",
        table="ratings",
        width=64,
        batch=1024,
        samples=5120,
        steps=8,
        contenders=(
            *_ours("small"),
            *PLAIN,
            Contender(name="cornac, NeuMF", script="peer_cornac.py", peer=True),
            Contender(name="RecBole, NeuMF", script="peer_recbole.py", peer=True),
        ),
    ),
}


class Running:
    """A contender's process, warmed up and waiting."""

    def __init__(self, contender: Contender, case: Case, data: dict[str, Any], python: str, log: Path) -> None:
        asked = {"system": case.system, "width": case.width, "batch": case.batch, "samples": case.samples}
        asked |= {"threads": THREADS, "seed": SEED, "warm": WARM, "steps": case.steps, **data, **contender.told}
        self.name = contender.name
        self._log = log
        self._process = subprocess.Popen(
            [python, HERE / "rows" / contender.script, json.dumps(asked)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("w"),
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": str(THREADS), "PYTHONWARNINGS": "ignore"},
        )
        self.first = self._answer()

    def turn(self) -> dict[str, float]:
        """Some more steps: how long they took, over how many samples, and the peak of memory in MiB so far."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        """Lets it go."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def _answer(self) -> dict[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} died:\n{self._log.read_text()[-3000:]}")
        answer: dict[str, float] = json.loads(line)
        return answer


def main() -> None:
    """Measures what was asked for, prints and writes the page."""
    asked = arguments()
    path = asked.results / "rows-speed-cpu.json"
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"measured": {}}
    for name in asked.only.split(",") if asked.only else [*CASES, "cost"]:
        found = measured_cost(asked.rounds) if name == "cost" else race(CASES[name], asked)
        document["measured"][name] = found | {
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "machine": machine("cpu"),
            "peers": versions(asked.peers),
            "note": asked.note,
        }
        asked.results.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    page = as_markdown(document["measured"])
    (asked.results / "rows-speed-cpu.md").write_text(page, encoding="utf-8")
    print(page)


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help=f"of {', '.join(CASES)}, cost; with commas between")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each contender")
    parser.add_argument("--peers", help="the Python that has the other libraries")
    parser.add_argument("--note", default="nothing else ran", help="what else the machine did, for the page")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write; what is there of others is kept")
    parser.add_argument("--work", type=Path, help="where tables are laid out, to be used again")
    return parser.parse_args()


def race(case: Case, asked: argparse.Namespace) -> dict[str, Any]:
    """All contenders of a case, in turn."""
    with tempfile.TemporaryDirectory() as folder:
        data = lay((asked.work or Path(folder)).resolve(), case.table)
        running = []
        for number, contender in enumerate(case.contenders):
            if contender.peer and not asked.peers:
                continue
            python = asked.peers if contender.peer else sys.executable
            running.append(Running(contender, case, data, python, Path(folder) / f"{number}.log"))
            print(f"{case.system}: {contender.name} is ready", flush=True)
        turns: dict[str, list[dict[str, float]]] = {one.name: [] for one in running}
        for number in range(asked.rounds):
            first = number % len(running)
            for one in running[first:] + running[:first]:
                turns[one.name].append(one.turn())
            print(f"{case.system}: round {number + 1} of {asked.rounds}", flush=True)
        for one in running:
            one.end()
    return {
        "title": case.title,
        "rates": {name: [round(t["samples"] / t["seconds"], 1) for t in found] for name, found in turns.items()},
        "peak_mib": {name: round(found[-1]["peak_mib"]) for name, found in turns.items()},
        "peak_before_mib": {one.name: round(one.first["peak_mib"]) for one in running},
    }


def versions(python: str | None) -> dict[str, str]:
    """Of the other libraries."""
    if python is None:
        return {}
    ask = (
        "import importlib.metadata as m, json, sys; "
        "print(json.dumps({name: m.version(name) for name in sys.argv[1].split(',')}))"
    )
    answer = subprocess.run([python, "-c", ask, ",".join(PEERS)], check=True, capture_output=True, text=True).stdout
    found: dict[str, str] = json.loads(answer)
    return found


if __name__ == "__main__":
    main()
