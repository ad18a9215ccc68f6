"""What every contender is given: the same examples, the same start weights, the same target. No torch."""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PARTS = ("train", "validation", "test")
Labelled = list[tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``train``, ``validation`` and ``test`` list (file or text, class index).

    ``give_up``: seconds after which the run is over, whatever it came to. ``hold``: see ``ours.py``.
    """

    kind: Literal["image", "text"]
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
    give_up: float | None
    hold: int | None

    @property
    def target(self) -> float:
        """The accuracy to reach on validation."""
        return float(self.goal.split(">=")[1])


def given() -> Case:
    """The case that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("lists", type=Path, help="written by image_prepare.py or text_prepare.py")
    parser.add_argument("seed", type=int)
    parser.add_argument("target", help="for example 'top1>=0.92'")
    parser.add_argument("out", type=Path, help="the result, JSON")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--epochs", type=int, help="at most so many, for trying things out")
    parser.add_argument("--give-up", type=float, help="seconds; the run ends with its next evaluation")
    parser.add_argument("--hold", type=int, help="for ours alone")
    asked = parser.parse_args()
    lists = json.loads(asked.lists.read_text(encoding="utf-8"))
    return Case(
        kind=lists["kind"],
        data=Path(lists["data"]),
        labels=lists["labels"],
        train=_part(lists, "train"),
        validation=_part(lists, "validation"),
        test=_part(lists, "test"),
        fingerprints=lists["fingerprints"],
        snapshot=Path(lists["snapshot"]),
        seed=asked.seed,
        goal=asked.target,
        out=asked.out,
        device=asked.device,
        epochs=asked.epochs,
        give_up=asked.give_up,
        hold=asked.hold,
    )


def _part(lists: dict, part: str) -> Labelled:
    if lists["kind"] == "text":
        return [(text, label) for text, label in lists[part]]
    return [(str(Path(lists["data"]) / path), label) for path, label in lists[part]]
