"""The rules, the same for every contender: what it is given, the clock, when the target holds, the test.

The clock starts with the process (imports are part of what a user waits for) and stops when two
validation evaluations in a row are at or above the target. Everything after that is off the clock.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil
import torch
from PIL import Image

SIZE = 128  # pixels, the crop
SHORT_SIDE = 146  # pixels, before the crop: floor(128 / 0.875)
HOLD = 2  # consecutive evaluations

Labelled = list[tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a contender is given. ``train``, ``validation`` and ``test`` are lists of (file, class index)."""

    data: Path
    labels: list[str]
    train: Labelled
    validation: Labelled
    test: Labelled
    fingerprints: dict[str, str]
    snapshot: Path
    seed: int
    goal: str
    out: Path
    device: str
    epochs: int | None

    @property
    def target(self) -> float:
        """The accuracy to reach on validation."""
        return float(self.goal.split(">=")[1])


def given() -> Case:
    """The case that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("lists", type=Path, help="written by prepare.py")
    parser.add_argument("snapshot", type=Path, help="the start weights, in Hugging Face layout")
    parser.add_argument("seed", type=int)
    parser.add_argument("target", help="for example 'top1>=0.92'")
    parser.add_argument("out", type=Path, help="the result, JSON")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--epochs", type=int, help="at most so many, for trying things out")
    asked = parser.parse_args()
    lists = json.loads(asked.lists.read_text())
    data = Path(lists["data"])
    parts = {
        part: [(str(data / path), label) for path, label in lists[part]] for part in ("train", "validation", "test")
    }
    return Case(
        data=data,
        labels=lists["labels"],
        **parts,
        fingerprints=lists["fingerprints"],
        snapshot=asked.snapshot,
        seed=asked.seed,
        goal=asked.target,
        out=asked.out,
        device=asked.device,
        epochs=asked.epochs,
    )


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One look at validation: seconds since the process began, samples trained on, accuracy."""

    seconds: float
    samples: int
    value: float


@dataclass(slots=True)
class Clock:
    """Runs from the start of the process until the target holds."""

    target: float
    started: float = field(default_factory=lambda: psutil.Process().create_time())
    touched: float | None = None
    history: list[Evaluation] = field(default_factory=list)

    def touch(self) -> None:
        """Called right before the first image is opened."""
        self.touched = time.time()

    def evaluated(self, value: float, samples: int) -> bool:
        """Notes an evaluation; true once the target holds."""
        self.history.append(Evaluation(round(time.time() - self.started, 3), samples, value))
        return self.held

    @property
    def held(self) -> bool:
        """Whether the last evaluations were all at or above the target."""
        last = self.history[-HOLD:]
        return len(last) == HOLD and all(evaluation.value >= self.target for evaluation in last)

    def finish(self, case: Case, model: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Measures the weights as they are now on the whole test part, and writes the result."""
        before_data = (self.touched or self.started) - self.started
        end = self.history[-1]
        write(
            case,
            held=self.held,
            total=end.seconds,
            from_data=end.seconds - before_data,
            history=self.history,
            model=model,
        )


def write(
    case: Case,
    *,
    held: bool,
    total: float,
    from_data: float,
    history: list[Evaluation],
    model: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    """Writes one result. ``total`` and ``from_data`` end with the last evaluation, held or not."""
    result = {
        "seed": case.seed,
        "target": case.goal,
        "held": held,
        "seconds": round(total, 3) if held else None,
        "seconds_from_data": round(from_data, 3) if held else None,
        "gave_up_after": None if held else round(total, 3),
        "samples": history[-1].samples,
        "first_at_target": next((e.seconds for e in history if e.value >= case.target), None),
        "history": [asdict(evaluation) for evaluation in history],
        "threads": torch.get_num_threads(),
        "test_correct": correct_on_test(case, model),
        "test_n": len(case.test),
    }
    case.out.write_text(json.dumps(result, indent=1))


@torch.inference_mode()
def correct_on_test(case: Case, model: Callable[[torch.Tensor], torch.Tensor]) -> int:
    """How many test images ``model`` (images [B, 3, 128, 128] in, logits [B, C] out) gets right."""
    right = 0
    for start in range(0, len(case.test), 64):
        batch = case.test[start : start + 64]
        images = torch.stack([evaluation_image(path) for path, _ in batch]).to(case.device)
        truth = torch.tensor([label for _, label in batch])
        right += int((model(images).float().argmax(1).cpu() == truth).sum())
    return right


def evaluation_image(path: str) -> torch.Tensor:
    """Protocol image-top1-bicubic-146-128: float32 [3, 128, 128], mean 0.5, deviation 0.5."""
    with Image.open(path) as file:
        image = file.convert("RGB")
    width, height = image.size
    short = min(width, height)
    image = image.resize((SHORT_SIDE * width // short, SHORT_SIDE * height // short), Image.Resampling.BICUBIC)
    left, top = round((image.width - SIZE) / 2), round((image.height - SIZE) / 2)
    image = image.crop((left, top, left + SIZE, top + SIZE))
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).view(SIZE, SIZE, 3).permute(2, 0, 1)
    return (pixels / 255 - 0.5) / 0.5
