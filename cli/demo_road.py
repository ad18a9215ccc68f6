"""The demo, step by step: the same functions a user calls, each step yielding what happened."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

from roadworthy.finetune import finetune, import_checkpoint, verify
from roadworthy.finetune.progress import Report
from roadworthy.model_cards import CheckError, PairedComparison
from roadworthy.registry import Registry, import_draft, publish, pull, signing_key, trusted_keys

from .demo_data import UPSTREAM, WEIGHTS, carried, lay_out
from .output import metric_line

BASE, MODEL = "demo/efficientnet-lite0", "demo/chest-xrays"
FIRST_TARGET, SECOND_TARGET = "top1>=0.88", "top1>=0.9"
IMAGE_SIZE = 128  # pixels; a third of the arithmetic of 224, so that two CPU cores are enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stage: its name, what came of it, how long it took, and whether it went as it should."""

    name: str
    outcome: str
    seconds: float
    ok: bool = True


def road(root: Path, registry: Registry, progress: Callable[[], AbstractContextManager[Report]]) -> Iterator[Step]:
    """Runs the whole road below ``root``. Stops after a step that did not go as it should."""
    for name, step in _steps(root, registry):
        began = time.perf_counter()
        with progress() as report:
            outcome, ok = step(report)
        yield Step(name=name, outcome=outcome, seconds=time.perf_counter() - began, ok=ok)
        if not ok:
            return


Outcome = tuple[str, bool]
Action = Callable[[Report], Outcome]


def _steps(root: Path, registry: Registry) -> Iterator[tuple[str, Action]]:
    # No policy: what it shows is the gate, in a registry of its own.
    cache, keys = root / "hub", trusted_keys
    first, later = root / "data/first/chest-xrays", root / "data/later/chest-xrays"

    def data(report: Report) -> Outcome:
        laid = lay_out(root / "data", report)
        return f"{laid.images:,} photographs, a folder per class; {laid.held_back} held back for later", True

    def draft(report: Report) -> Outcome:
        checkpoint = carried(WEIGHTS, ".pth")[0]
        imported = import_checkpoint(
            checkpoint, system="timm:tf_efficientnet_lite0", out=root / "imported", upstream=UPSTREAM
        )
        note = {key: value for key, value in asdict(UPSTREAM).items() if value is not None}
        reference = import_draft(registry, imported.snapshot, BASE, note=note)
        return (
            f"{reference}: {imported.parameters:,} parameters; upstream claims {UPSTREAM.claim}: not verified here",
            True,
        )

    def train(start: str, photographs: Path, target: str, run: str) -> Action:
        def step(report: Report) -> Outcome:
            snapshot = pull(registry, start, keys=keys(), cache=cache, policy=None)
            done = finetune(
                snapshot,
                data=photographs,
                out=root / run,
                target=target,
                image_size=IMAGE_SIZE,
                leave_out_leaked=True,
                reference=start,
                report=report,
            )
            tts = f"{done.tts.run:.1f} s" if done.tts else "not measured"
            value = f"{100 * done.metric.value:.1f} %" if done.metric else "not measured"
            held = "held" if done.target_met else "did not hold"
            return f"{target} on validation {held} (last {value}); time-to-solution {tts}", done.target_met

        return step

    def measure(photographs: Path, run: str) -> Action:
        def step(report: Report) -> Outcome:
            done = verify(root / run, data=photographs, signer=signing_key(), report=report)
            text = metric_line(done.metric)
            compared = done.claim.parent.comparison if done.claim and done.claim.parent else None
            if isinstance(compared, PairedComparison):
                text += (
                    f"; parent: {100 * compared.difference:+.2f} points, {compared.gained} gained, "
                    f"{compared.lost} lost, McNemar p = {compared.p_value:.2g}"
                )
            return (text if done.ok else f"{text}; {'; '.join(done.reasons)}"), done.ok

        return step

    def put(run: str, version: str) -> Action:
        def step(report: Report) -> Outcome:
            done = publish(registry, root / run / "candidate", f"{MODEL}@{version}", keys=keys(), policy=None)
            return f"{done.reference}, commit {done.manifest.commit[:12]}, {len(done.manifest.files)} files", True

        return step

    def pull_back(report: Report) -> Outcome:
        path = pull(registry, f"{MODEL}@1.0.0", keys=keys(), cache=cache, policy=None)
        return f"every byte and the signature checked: {path.name[:12]} in the Hub cache layout", True

    def refuse(name: str, spoil: Callable[[Path], None]) -> Action:
        def step(report: Report) -> Outcome:
            copy = root / name
            shutil.copytree(root / "run-2/candidate", copy)
            spoil(copy)
            try:
                publish(registry, copy, f"{MODEL}@1.2.0", keys=keys(), policy=None)
            except CheckError as error:
                return f"refused: {(error.reasons or (str(error),))[0]}", True
            return "was accepted; it should have been refused", False

        return step

    yield "lay out real photographs", data
    yield "import real weights", draft
    yield "pull and fine-tune", train(f"{BASE}@main", first, FIRST_TARGET, "run-1")
    yield "verify in a clean process", measure(first, "run-1")
    yield "publish", put("run-1", "1.0.0")
    yield "pull it back", pull_back
    yield "fine-tune on new data", train(f"{MODEL}@1.0.0", later, SECOND_TARGET, "run-2")
    yield "verify, beside its parent", measure(later, "run-2")
    yield "publish", put("run-2", "1.1.0")
    yield "one flipped byte", refuse("flipped", _flip_a_byte)
    yield "an edited accuracy", refuse("edited", _edit_the_card)


def _flip_a_byte(snapshot: Path) -> None:
    weights = snapshot / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)


def _edit_the_card(snapshot: Path) -> None:
    card = snapshot / "README.md"
    head, _, rest = card.read_text(encoding="utf-8").partition("**top1 ")
    card.write_text(f"{head}**top1 99.90 %{rest[rest.index('%') + 1 :]}", encoding="utf-8")
