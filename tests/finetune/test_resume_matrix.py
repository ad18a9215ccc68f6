"""Stopped at any step, a run ends with the same bits: every combination of what a step may hold."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch

from roadworthy.finetune import finetune
from roadworthy.finetune.weights import read_tensors

from .conftest import Lay, Review, write_reviews


class Stopped(Exception):
    """The process is gone."""


def run(start: Path, data: Path, out: Path, stop_at: int | None, **settings: Any) -> dict[str, torch.Tensor]:
    """Fine-tunes; with ``stop_at``, is stopped after that step, whatever it was in the middle of, and goes on."""

    def report(stage: str, done: int, total: int, **facts: float | str) -> None:
        if stage == "training" and "value" not in facts and done == stop_at:
            raise Stopped

    common: dict[str, Any] = {"data": data, "out": out, "seed": 5, "epochs": 2, "batch_size": 8} | settings
    if stop_at is not None:
        with pytest.raises(Stopped):
            finetune(start, report=report, **common)
    finetune(start, **common)
    return read_tensors(out / "candidate")


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    """Bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


MATRIX = [
    pytest.param({"ema_decay": ema, "precision": precision, "micro_batch": micro}, id=f"ema={ema}-{precision}-{micro}")
    for ema, precision, micro in itertools.product((None, 0.9), ("float32", "bfloat16"), (None, 3))
]


@pytest.mark.parametrize("settings", MATRIX)
def test_images(snapshot: Path, lay: Lay, tmp_path: Path, settings: dict[str, Any]) -> None:
    """With augmentation, mixed precision, averaged weights and accumulation; in the first epoch and in the second."""
    data = lay(train=16, test=2)
    whole = run(snapshot, data, tmp_path / "whole", None, checkpoint_seconds=0, **settings)
    for stop_at in (1, 4):
        assert equal(whole, run(snapshot, data, tmp_path / f"{stop_at}", stop_at, checkpoint_seconds=0, **settings))


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="plain"),
        pytest.param(
            {"micro_batch": 3, "ema_decay": None, "precision": "bfloat16"}, id="micro-bfloat16", marks=pytest.mark.slow
        ),
        pytest.param({"lora_rank": 2}, id="lora", marks=pytest.mark.slow),
        pytest.param({"frozen_share": 0.0, "fit_head_first": False}, id="nothing-frozen", marks=pytest.mark.slow),
        pytest.param({"find_learning_rate": True}, id="range-test", marks=pytest.mark.slow),
    ],
)
def test_texts(encoder: Path, reviews: list[Review], tmp_path: Path, settings: dict[str, Any]) -> None:
    """With dropout, kept states of frozen layers, adapters, and a learning rate that the run found itself."""
    data = write_reviews(tmp_path / "reviews", reviews, train=24, val=8, test=8)
    settings = {"max_length": 16, "checkpoint_seconds": 0} | settings
    whole = run(encoder, data, tmp_path / "whole", None, **settings)
    for stop_at in (2, 4):
        assert equal(whole, run(encoder, data, tmp_path / f"{stop_at}", stop_at, **settings))


def test_work_since_the_last_checkpoint_is_done_again(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """Stopped three steps after the only checkpoint, those steps are repeated and end in the same bits."""
    data = lay(train=16, test=2)
    whole = run(snapshot, data, tmp_path / "whole", None, checkpoint_seconds=1000)
    assert equal(whole, run(snapshot, data, tmp_path / "stopped", 3, checkpoint_seconds=1000))


def test_another_seed_ends_with_other_bits(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """The comparison can tell runs apart."""
    data = lay(train=16, test=2)
    one = run(snapshot, data, tmp_path / "one", None)
    assert not equal(one, run(snapshot, data, tmp_path / "other", None, seed=6))
