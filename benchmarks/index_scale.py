"""How lists, questions and publications behave in a registry of 1,000 and of 100,000 versions.

    pip install ".[bench]"
    python benchmarks/index_scale.py

One certificate is real: a small network on real chest X-rays, measured in a clean process. Every other version has its
words with other figures, names, dates and machines, signed by nobody, and blobs of no bytes: enough for what lists and
indexes read. They are written past the store, with the log that publications leave, because 100,000 publications with
their fsyncs would take hours. What is timed goes through the public functions.
"""

import argparse
import dataclasses
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from roadworthy.model_cards.certificate import Certificate, Claim, Environment, to_statement
from roadworthy.model_cards.envelope import seal
from roadworthy.model_cards.snapshot import FileEntry
from roadworthy.registry import (
    Reference,
    Registry,
    Version,
    chain,
    find,
    layout,
    manifest,
    open_registry,
    publish,
    show,
)
from roadworthy.registry.aliases import Move, _dump
from roadworthy.registry.keys import trusted_keys
from roadworthy.registry.manifest import Manifest

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE / "tts")]
from audit import certify, claim_of, real_snapshot  # noqa: E402
from document import machine  # noqa: E402

RESULTS = HERE / "results"
SIZES = (1_000, 100_000)
EACH = 20  # versions of a model
WANTED = 0.05  # seconds, the 99th percentile of a filtered question
_EMPTY = FileEntry(path="model.safetensors", size=0, sha256=hashlib.sha256(b"").hexdigest())
_SYSTEMS = ("resnet50-v1.5", "resnext101-32x4d", "se-resnext101-32x4d", "timm:vit_base_patch16_224")
_GPUS = ("NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-40GB", "NVIDIA L4")


def main() -> None:
    """Measures, prints and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="versions")
    parser.add_argument("--times", type=int, default=200, help="askings of each question")
    parser.add_argument("--publications", type=int, default=50, help="real ones, at each size")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write")
    asked = parser.parse_args()
    if asked.results.resolve() == RESULTS and (tuple(asked.sizes) != SIZES or asked.times < 200):
        parser.error("fewer versions or times are for trying things out: give --results DIR too")
    measured: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        os.environ["ROADWORTHY_HOME"] = str(root / "home")
        certified, load = real_snapshot(root), [round(os.getloadavg()[0], 2)]
        for size in asked.sizes:
            registry = open_registry(root / str(size))
            began = time.perf_counter()
            make(registry, claim_of(certified), size)
            found = {"made_in": round(time.perf_counter() - began, 1), **scale(registry, certified, root, size, asked)}
            measured[str(size)] = found
            print(size, json.dumps(found), flush=True)
            shutil.rmtree(root / str(size))
        load.append(round(os.getloadavg()[0], 2))
    document = {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": machine("cpu"),
        "load": load,
        "times": asked.times,
        "publications": asked.publications,
        "measured": measured,
    }
    asked.results.mkdir(parents=True, exist_ok=True)
    (asked.results / "index-scale-cpu.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (asked.results / "index-scale-cpu.md").write_text(as_markdown(document), encoding="utf-8")


def make(registry: Registry, real: Claim, size: int) -> None:
    """``size`` versions of ``size`` / 20 models in 50 namespaces, and the log of their publications."""
    dice, root, previous, number = random.Random(7), Path(registry.location), None, 0
    (root / layout.blob_key(_EMPTY.sha256)).parent.mkdir(parents=True)
    (root / layout.blob_key(_EMPTY.sha256)).write_bytes(b"")
    for at in range(size):
        # Models grow side by side, as they do where many teams publish.
        model, minor = at % (size // EACH), at // (size // EACH)
        about = Reference(f"team-{model % 50:02}", f"model-{model:05}", f"1.{minor}.0")
        for reference, what, key, data in _documents(registry, varied(real, dice, model, minor), about, minor):
            number += 1
            entry = chain.Entry(
                number=number,
                previous=previous,
                what="publish" if what == "publish" else "alias",
                reference=str(reference),
                when="2026-01-01T00:00:00Z",
                who="a benchmark",
                keyid=None,
                to=None if what == "publish" else about.selector,
            )
            line = chain.dump(entry, [chain.document(key, data)], None)
            previous = hashlib.sha256(line).hexdigest()
            _write(root / layout.key("log", number), line)
            _write(root / key, data)


def varied(real: Claim, dice: random.Random, model: int, minor: int) -> Claim:
    """The real claim with another accuracy, time, date, machine, system and name of its data."""
    training, value = real.training, round(dice.betavariate(8, 2), 4)
    assert training is not None
    run = round(dice.lognormvariate(5, 1.5), 3)
    gpus = (dice.choice(_GPUS),) * dice.choice((1, 8)) if dice.random() < 0.7 else ()
    where: Environment = dataclasses.replace(training.environment, accelerators=gpus)
    clocks = dataclasses.replace(training.clocks, run=run, total=run + 5, train_only=run / 2, target_met=True)
    return dataclasses.replace(
        real,
        system=_SYSTEMS[model % len(_SYSTEMS)],
        metric=dataclasses.replace(real.metric, value=value, low=value - 0.02, high=value + 0.02),
        data=dataclasses.replace(real.data, name=f"chest X-rays of clinic {model % 97}"),
        training=dataclasses.replace(training, clocks=clocks, environment=where),
        measured_at=f"2026-{1 + minor % 12:02}-{1 + model % 28:02}T{model % 24:02}:00:00Z",
    )


def _documents(
    registry: Registry, claim: Claim, about: Reference, minor: int
) -> Iterator[tuple[Reference, str, str, bytes]]:
    data = seal(to_statement(Certificate(files=(_EMPTY,), claim=claim)))
    signed = FileEntry(path="certificate.json", size=len(data), sha256=hashlib.sha256(data).hexdigest())
    _write(Path(registry.location) / layout.blob_key(signed.sha256), data)
    made = Manifest(
        namespace=about.namespace,
        name=about.name,
        version=about.selector,
        files=(signed, _EMPTY),
        created=claim.measured_at,
        certificate_sha256=signed.sha256,
    )
    yield about, "publish", layout.key("versions", about.namespace, about.name, about.selector), manifest.dump(made)
    latest, to = about.at("latest"), Version.parse(about.selector)
    before = Version(1, minor - 1, 0) if minor else None
    move = Move(number=minor + 1, who="a benchmark", when=claim.measured_at, old=before, new=to)
    key = layout.key("aliases", about.namespace, about.name, "latest", move.number)
    yield latest, "alias", key, _dump(move, latest)


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def questions(size: int) -> dict[str, Callable[[random.Random], dict[str, Any]]]:
    """Questions by name, each with other values at every asking."""
    models = size // EACH
    return {
        "text: one model": lambda dice: {"text": f"model-{dice.randrange(models):05}"},
        "text: a data set": lambda dice: {"text": f"clinic {dice.randrange(97)}", "sort": "metric"},
        "text: in every row": lambda dice: {"text": "X-RAYS", "where": f"top1>={dice.uniform(0.5, 0.9)}"},
        "where: many": lambda dice: {"where": f"top1>={dice.uniform(0.3, 0.8)}"},
        "where: few": lambda dice: {"where": [f"top1>={(low := dice.uniform(0.5, 0.9))}", f"top1<={low + 0.001}"]},
        "where: time, fastest first": lambda dice: {"where": f"tts<={dice.uniform(10, 400)}", "sort": "tts"},
        "system, hardware, accuracy, best first": lambda dice: {
            "system": dice.choice(_SYSTEMS),
            "hardware": dice.choice(("h100", "a100", "l4")),
            "where": f"top1>={dice.uniform(0.6, 0.95)}",
            "sort": "metric",
        },
        "protocol, of a namespace": lambda dice: {"namespace": f"team-{dice.randrange(50):02}", "protocol": "image-*"},
        "since a day, newest first": lambda dice: {"since": f"2026-{dice.randrange(1, 13):02}", "sort": "created"},
        "newest of each model": lambda dice: {"newest": True, "where": f"top1>={dice.uniform(0.3, 0.95)}"},
        "nothing matches": lambda dice: {"task": "translation", "hardware": "tpu", "where": "bleu>=20"},
    }


def scale(registry: Registry, certified: Path, root: Path, size: int, asked: argparse.Namespace) -> dict[str, Any]:
    """Everything that is timed at one size."""
    keys, dice = trusted_keys(), random.Random(11)
    found: dict[str, Any] = {"rebuild": rebuilt(registry)}
    found["list"] = percentiles(lambda: find(registry, limit=50, keys=keys), asked.times)
    deep = {"limit": 50, "offset": max(0, size - 100)}
    found["last page"] = percentiles(lambda: find(registry, **deep, keys=keys), asked.times)
    filtered: list[float] = []
    for name, question in questions(size).items():
        spent = seconds(lambda: find(registry, **question(dice), limit=50, keys=keys), asked.times)  # noqa: B023
        found[f"filter: {name}"] = in_short(spent)
        filtered += spent
    found["filtered, all"] = in_short(filtered)
    models = size // EACH

    def shown() -> None:
        model = dice.randrange(models)
        show(registry, f"team-{model % 50:02}/model-{model:05}@1.{dice.randrange(EACH)}.0")

    found["show"] = percentiles(shown, asked.times)
    spent_publishing, spent_after = [], []
    folder = root / f"candidate-{size}"
    shutil.copytree(certified, folder)
    claim = claim_of(certified)
    for number in range(asked.publications):
        moment = datetime.fromisoformat(claim.measured_at) + timedelta(seconds=number)
        certify(folder, dataclasses.replace(claim, measured_at=f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"))
        name = f"bench/new@1.{number}.0"
        spent_publishing += seconds(lambda: publish(registry, folder, name, keys=keys, policy=None), 1)  # noqa: B023
        spent_after += seconds(lambda: find(registry, "bench/new", limit=50, keys=keys), 1)
    found["publish"], found["list after a publish"] = in_short(spent_publishing), in_short(spent_after)
    return found


def rebuilt(registry: Registry) -> dict[str, float]:
    """Seconds, peak memory and size of a cold rebuild, by the command, in a process of its own."""
    # Peak memory by the kernel's own mark of the new process: what getrusage says of a child begins with its parent's.
    code = (
        "import sys; from roadworthy.cli.main import run; code = run(sys.argv[1:]); "
        "peak = next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')); "
        "print(peak, file=sys.stderr); sys.exit(code)"
    )
    command = [sys.executable, "-c", code, "index", "rebuild", "--json", "--registry", registry.location]
    began = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {
        "seconds": round(time.perf_counter() - began, 1),
        "peak_mb": round(int(done.stderr.split()[-1]) / 1024),
        "index_mb": round(json.loads(done.stdout)["size"] / 1e6, 1),
    }


def seconds(call: Callable[[], object], times: int) -> list[float]:
    """How long each of so many calls took."""
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        spent.append(time.perf_counter() - began)
    return spent


def percentiles(call: Callable[[], object], times: int) -> dict[str, float]:
    """The same, in short."""
    return in_short(seconds(call, times))


def in_short(spent: list[float]) -> dict[str, float]:
    """Median, 99th percentile and maximum, in milliseconds."""
    ordered = sorted(spent)
    at = {"p50": ordered[len(ordered) // 2], "p99": ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)]}
    return {name: round(1000 * value, 2) for name, value in {**at, "max": ordered[-1]}.items()}


def as_markdown(document: dict[str, Any]) -> str:
    """The page beside the JSON."""
    measured, on, load, published = (document[name] for name in ("measured", "machine", "load", "publications"))
    sizes = list(measured)
    head = " | ".join(f"{int(size):,} versions: p50 · p99 · max" for size in sizes)
    names = [name for name in measured[sizes[0]] if name not in ("made_in", "rebuild")]
    rows = "\n".join(
        f"| {name} | " + " | ".join(" · ".join(str(v) for v in measured[size][name].values()) for size in sizes) + " |"
        for name in names
    )
    rebuilds = "\n".join(
        f"| {int(size):,} | {r['seconds']} | {r['peak_mb']} | {r['index_mb']} |"
        for size, r in ((size, measured[size]["rebuild"]) for size in sizes)
    )
    largest = measured[sizes[-1]]["filtered, all"]["p99"]
    verdict = "reached" if largest <= 1000 * WANTED else "not reached"
    return f"""# Lists, questions and publications as a registry grows

Milliseconds, {document["times"]} askings of each question, each with other values, a page of 50; {published} real
publications. Wanted: 99 of 100 filtered questions under {1000 * WANTED:g} ms at the largest size: {verdict}
({largest} ms). {document["date"]}, load {load[0]} before and {load[1]} after on {on["cores"]} cores.

| | {head} |
| --- |{" --- |" * len(sizes)}
{rows}

| versions | cold rebuild, s | peak memory, MB | index, MB |
| --- | --- | --- | --- |
{rebuilds}

- **Made**: versions of one real certificate's words with other figures, {EACH} to a model, unsigned, without weights;
  the files lie in the system's cache. **Real**: the publications, with audit, gate, log and fsync.
- **Machine**: {on["os"]}, {on["cpu"]}, {on["cores"]} cores, {on["memory_gib"]} GiB.

Again: `pip install ".[bench]" && python benchmarks/index_scale.py`
"""


if __name__ == "__main__":
    main()
