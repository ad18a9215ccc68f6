"""DLRM, NeuMF and Wide & Deep on real data, the whole road by command, beside what needs no deep model.

    pip install ".[test]"
    python benchmarks/rows_on_real_data.py

Each is trained to a target, verified in a clean process, published, pulled and audited. The baselines answer the same
test examples, are measured under the same protocol, and are compared with the certificate's evidence pair by pair.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.append(str(Path(__file__).resolve().parent / "rows"))
import late
import next_film
import shelf
import torch

from roadworthy.cli.tame import tame
from roadworthy.finetune.evaluation import predict
from roadworthy.finetune.open_model import open_snapshot
from roadworthy.finetune.progress import silent
from roadworthy.model_cards import Protocol, Row, evidence, score, with_metric
from roadworthy.model_cards.certificate import from_statement
from roadworthy.model_cards.envelope import payload_of
from roadworthy.model_cards.protocol import FAMILIES
from roadworthy.model_cards.snapshot import CERTIFICATE

RESULTS = Path(__file__).resolve().parent / "results"
CASES: dict[str, ModuleType] = {"dlrm": late, "ncf": next_film, "wide-and-deep": shelf}


def main() -> None:
    """Measures, prints and writes the page; what was measured of other systems before stays."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=tuple(CASES), action="append", help="of these systems alone")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write")
    asked = parser.parse_args()
    path = asked.results / "rows-on-real-data.json"
    document = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    for name in asked.only or CASES:
        with tempfile.TemporaryDirectory() as folder:
            document[name] = measured(name, Path(folder))
        asked.results.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        path.with_suffix(".md").write_text(as_markdown(document), encoding="utf-8")


def measured(name: str, root: Path) -> dict[str, Any]:
    """One system's road, and its baselines on the same test part."""
    module, data, road = CASES[name], root / "data", Road(root)
    module.write(data)
    load = [round(os.getloadavg()[0], 2)]
    road.take("finetune", name, "--data", data, "--out", root / "run", "--target", module.TARGET, *module.OPTIONS)
    road.take("verify", root / "run", "--data", data, *module.VERIFY)
    road.take("publish", root / "run", f"real/{name}@1.0.0")
    road.take("pull", f"real/{name}@1.0.0", "--to", root / "pulled")
    road.take("audit", f"real/{name}@1.0.0")
    load.append(round(os.getloadavg()[0], 2))
    claim = from_statement(payload_of((root / "pulled" / CERTIFICATE).read_bytes())).claim
    training = claim.training
    assert training is not None
    return {
        "date": claim.measured_at[:10],
        "load": load,
        "system": claim.system,
        "parameters": claim.parameters,
        "data": asdict(claim.data.test) | {"rule": claim.data.split_rule},
        "protocol": claim.protocol.name,
        "target": str(claim.target),
        "verdicts": asdict(claim.verdicts),
        "recipe": training.recipe,
        "clocks": asdict(training.clocks),
        "machine": asdict(claim.environment),
        "figures": [
            one
            for protocol in (claim.protocol, *module.ALSO)
            for one in figures(root / "pulled", protocol, module, data, root / "cache")
        ],
        "commands": road.taken,
        "source": str(module.__doc__).split("\n\n", 1),
    }


class Road:
    """Commands as a user types them, in a home and a registry of their own, and what they say."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._environment = os.environ | {
            "ROADWORTHY_HOME": str(root / "home"),
            "ROADWORTHY_REGISTRY": str(root / "registry"),
        }
        self.taken: list[dict[str, Any]] = []

    def take(self, *words: str | Path) -> None:
        """Runs one to its end, and stops where it fails."""
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "roadworthy.cli.main", *map(str, words)],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        spent = time.perf_counter() - began
        told = [" ".join(self._short(str(word)) for word in ("roadworthy", *words)), self._short(tame(done.stdout))]
        print(*told, self._short(done.stderr), sep="\n", flush=True)
        if done.returncode != 0:
            raise SystemExit(f"{told[0]} ended with {done.returncode}")
        self.taken.append({"command": told[0], "said": told[1].splitlines(), "seconds": round(spent, 1)})

    def _short(self, text: str) -> str:
        return text.replace(f"{self._root}/", "")


def figures(
    snapshot: Path, protocol: Protocol, module: ModuleType, data: Path, cache: Path
) -> Iterator[dict[str, Any]]:
    """Every metric of the family, of the model and of each baseline, and the paired differences."""
    opened = open_snapshot(snapshot)
    config = replace(opened.config, protocol=protocol)
    read = opened.task.read(data, config, to_measure=False, options={}, cache=cache / protocol.family, report=silent)
    work = opened.task.workload(read, config, None, torch.device("cpu"))
    rows = in_order(predict(opened.model, work, "test", torch.device("cpu"), silent))
    baselines = {name: in_order(answers) for name, answers in module.baselines(read, rows).items()}
    for metric, compare in FAMILIES[protocol.family].comparisons.items():
        if metric == "log_loss":
            continue  # a baseline gives no likelihoods
        asked = with_metric(protocol, metric)
        told = [{"name": opened.config.system, "metric": asdict(score(asked, rows)), "comparison": None}]
        for name, answers in baselines.items():
            assert [(one.id, one.truth) for one in answers] == [(one.id, one.truth) for one in rows]
            difference = asdict(compare(rows, answers, asked.parameters))
            told.append({"name": name, "metric": asdict(score(asked, answers)), "comparison": difference})
        yield {"protocol": asked.name, "answers": told}


def in_order(rows: Sequence[Row]) -> tuple[Row, ...]:
    """As evidence lies in its file."""
    return evidence.load(evidence.dump(rows))


def as_markdown(document: dict[str, Any]) -> str:
    """The page beside the JSON."""
    parts = "\n\n".join(_part(name, document[name]) for name in CASES if name in document)
    on = next(iter(document.values()))["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in on["libraries"].items())
    return f"""# Models of rows on real data, beside what needs no deep model

Each took the whole road by command: trained to its target, which was stated before, measured in a clean process on
the test part, certified, published, pulled, audited. The baselines answer the same test examples under the same
protocol; where they have something to choose (C), validation chose it. *Difference*: the model's figure less the
baseline's, paired (DeLong for AUC, McNemar's pairs for hits, by group or user else), with its 95 % interval; where it
lies below zero, the baseline is the better one. One seed each. On a GPU: not measured.

{parts}

- **Machine**: {on["os"]}, {on["cpu"]}, {on["cores"]} cores, {on["threads"]} threads, {on["memory_gib"]} GiB; Python
  {on["python"]}, {versions}. Other work ran on it at the same time, so the seconds say less than the accuracies.

Again: `pip install ".[test]" && python benchmarks/rows_on_real_data.py`
"""


def _part(name: str, found: dict[str, Any]) -> str:
    said = "\n\n".join(
        "\n".join((f"$ {one['command']}", *one["said"])) + f"\n({one['seconds']} s)" for one in found["commands"]
    )
    rows = "\n".join(_row(one["protocol"], answer) for one in found["figures"] for answer in one["answers"])
    title, text = found["source"]
    verdicts = " and ".join(word for word, holds in found["verdicts"].items() if holds) or "neither"
    prose = " ".join(text.split())
    return f"""## {name}

**{title}** {prose}

Target `{found["target"]}`: {verdicts}. `{found["protocol"]}`, n = {found["data"]["n"]:,}
(split {found["data"]["rule"]}); {found["parameters"]:,} parameters.
{_recipe(found["recipe"])} {_clocks(found["clocks"])}
{found["date"]}, load {found["load"][0]} to {found["load"][1]}.

| protocol | who | value | 95 % | difference | 95 % | p |
| --- | --- | --- | --- | --- | --- | --- |
{rows}

```
{said}
```"""


def _recipe(recipe: dict[str, Any]) -> str:
    rate, decay = recipe["learning_rate"], recipe["row_decay"]
    return (
        f"Recipe `{recipe['name']}`: {recipe['optimizer']}, learning rate {rate:g}, decay of tables' rows {decay:g}, "
        f"{recipe['batch_size']:,} examples a step, at most {recipe['epochs']} epochs."
    )


def _clocks(clocks: dict[str, Any]) -> str:
    told = {name: clocks.get(name) for name in ("run", "total", "train_only")}
    return ", ".join(f"{name} {seconds:,.0f} s" for name, seconds in told.items() if seconds is not None) + "."


def _row(protocol: str, answer: dict[str, Any]) -> str:
    m, c = answer["metric"], answer["comparison"]
    own = f"| `{protocol}` | {answer['name']} | {m['value']:.4f} | {m['low']:.4f} to {m['high']:.4f} "
    if c is None:
        return own + "| | | |"
    return own + f"| {c['difference']:+.4f} | {c['low']:+.4f} to {c['high']:+.4f} | {c['p_value']:.2g} |"


if __name__ == "__main__":
    main()
