"""Two processes are one run: the same figures, the same counts, the same bits after a process was lost."""

import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from roadworthy.finetune import finetune
from roadworthy.finetune.weights import read_tensors
from roadworthy.model_cards.snapshot import sha256_of

from .conftest import Review, write_reviews
from .many import ALONE, environment, exit_codes, fine_tuned, logged, said, samples, started, torchrun, training

# SGD, because Adam divides a wrong scale of the gradient away. No batch statistics, no dropout: both depend on how a
# batch is cut up. What is left is float32's order of summation: 2**-24 of each term, in weights of about one that move
# by a hundredth. A share counted twice, or a mean for a sum, moves them by more than a thousand times the tolerance.
PLAIN: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 0.001, "momentum": 0.9, "epochs": 3, "ema_decay": 0.9}
TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def xrays(tmp_path_factory: pytest.TempPathFactory, photographs: dict[tuple[str, str], list[Path]]) -> Path:
    """24 + 24 training images and 8 + 8 of the test part."""
    root = tmp_path_factory.mktemp("data") / "xrays"
    for part, count in (("train", 24), ("test", 8)):
        for label in ("NORMAL", "PNEUMONIA"):
            folder = root / part / label
            folder.mkdir(parents=True)
            for path in photographs[part, label][:count]:
                shutil.copyfile(path, folder / path.name)
    return root


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, snapshot: Path, xrays: Path) -> Path:
    """An uninterrupted run of two processes."""
    return fine_tuned(snapshot, xrays, tmp_path_factory.mktemp("whole") / "run", **PLAIN)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, snapshot: Path, xrays: Path) -> Path:
    """The same in one process."""
    out = tmp_path_factory.mktemp("alone") / "run"
    finetune(snapshot, data=xrays, out=out, seed=11, batch_size=8, checkpoint_seconds=0, **PLAIN)
    return out


def largest_difference(one: Path, other: Path) -> float:
    """Over all weights of two candidates."""
    a, b = (read_tensors(run / "candidate") for run in (one, other))
    assert a.keys() == b.keys()
    return max(float((a[name].double() - b[name].double()).abs().max()) for name in a)


def test_two_processes_end_where_one_does(whole: Path, alone: Path) -> None:
    """Weights within the order of summation, the same samples counted at the same events, the same metrics."""
    assert largest_difference(whole, alone) < TOLERANCE
    assert samples(whole) == samples(alone)
    values = [[event.value for event in logged(run, "eval_accuracy")] for run in (whole, alone)]
    assert values[0] == values[1]
    assert [event.value for event in logged(whole, "processes")] == [2]
    assert json.loads((whole / "run.json").read_text())["processes"] == 2


@pytest.mark.slow
def test_a_lost_process_is_started_again_and_nothing_changes(
    whole: Path, snapshot: Path, xrays: Path, tmp_path: Path
) -> None:
    """kill -9 of one of two in the middle of an epoch: torchrun starts both again; the same bits as never killed."""
    out = tmp_path / "run"
    command = torchrun(*ALONE, "--nproc-per-node", "2", "--max-restarts", "3") + training(snapshot, xrays, out, **PLAIN)
    with started(command, environment()) as launcher:
        assert launcher.stdout is not None
        spoken = (line for line in launcher.stdout if line.startswith("{"))
        process = {found["rank"]: found["pid"] for found in (json.loads(next(spoken)) for _ in range(2))}
        deadline = time.monotonic() + 120
        while not (out / "events.log").is_file() or len(logged(out, "checkpoint")) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(process[1], signal.SIGKILL)
        assert launcher.wait(timeout=200) == 0
    assert len(logged(out, "init_start")) == 2, "the run ended before it could be interrupted"
    assert sha256_of(out / "candidate/model.safetensors") == sha256_of(whole / "candidate/model.safetensors")


@pytest.mark.slow
def test_bad_data_is_told_once_and_ends_every_process(snapshot: Path, xrays: Path, tmp_path: Path) -> None:
    """The leading process finds it while the other waits: one message, exit code 2 in both, within seconds."""
    data = tmp_path / "xrays"
    shutil.copytree(xrays, data)
    (data / "train/NORMAL/words.jpg").write_text("not a picture")
    done = said(["finetune", str(snapshot), "--data", str(data), "--out", str(tmp_path / "run")])
    assert done.stderr.count("roadworthy: 1 of the files in") == 1
    assert exit_codes(done.stderr) == [2, 2]
    assert done.stdout == ""


@pytest.mark.slow
def test_only_one_process_shows_the_result(snapshot: Path, xrays: Path, tmp_path: Path) -> None:
    """One JSON document on stdout; a target that did not hold is exit code 1 in both."""
    options = ["--data", str(xrays), "--out", str(tmp_path / "run"), "--epochs", "1", "--json"]
    done = said(["finetune", str(snapshot), *options, "--target", "top1>=1.1"])
    assert json.loads(done.stdout)["target_met"] is False
    assert done.stderr.count("did not hold") == 1
    assert exit_codes(done.stderr) == [1, 1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["finetune", "START", "--nonsense"], "No such option"),
        (["finetune", "START", "--data", "DATA", "--out", "OUT", "--epochs", "0"], "the recipe's epochs is 0"),
        (["finetune", "START", "--data", "DATA", "--out", "OUT", "--device", "tpu"], "device 'tpu' is not known"),
        (["finetune", "nobody/nothing@1.0.0", "--data", "DATA", "--out", "OUT"], "nobody/nothing"),
    ],
)
def test_other_mistakes_are_told_once(
    snapshot: Path, xrays: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    """Wrong options, recipes, devices and references, before and after the processes have met."""
    places = {"START": str(snapshot), "DATA": str(xrays), "OUT": str(tmp_path / "run")}
    done = said([places.get(word, word) for word in arguments])
    assert done.stderr.count(message) == 1
    # Where processes never met, torchrun may end the slower one before it can tell.
    assert 2 in exit_codes(done.stderr)
    assert set(exit_codes(done.stderr)) <= {2, -15}


@pytest.mark.slow
def test_shares_that_are_not_even(alone: Path, snapshot: Path, xrays: Path, tmp_path: Path) -> None:
    """Batches of 8 over three processes (3, 3 and 2), and fewer batches to measure than processes."""
    three = fine_tuned(snapshot, xrays, tmp_path / "three", processes=3, **PLAIN)
    assert largest_difference(three, alone) < TOLERANCE
    assert samples(three) == samples(alone)


@pytest.mark.slow
def test_more_processes_than_examples_in_a_batch(snapshot: Path, xrays: Path, tmp_path: Path) -> None:
    """Batches of 2 over three processes: one has nothing to do in each step, and the figures are the same."""
    settings = PLAIN | {"batch_size": 2, "epochs": 1}
    three = fine_tuned(snapshot, xrays, tmp_path / "three", processes=3, **settings)
    finetune(snapshot, data=xrays, out=tmp_path / "one", seed=11, checkpoint_seconds=0, **settings)
    assert largest_difference(three, tmp_path / "one") < TOLERANCE
    assert samples(three) == samples(tmp_path / "one")


@pytest.mark.slow
def test_another_number_of_processes_goes_on_and_says_so(
    whole: Path, snapshot: Path, xrays: Path, tmp_path: Path
) -> None:
    """Begun by two, finished by one: near the same weights, and a line in the log that they are not the same bits."""
    out = tmp_path / "run"
    with pytest.raises(AssertionError):
        fine_tuned(snapshot, xrays, out, 4, **PLAIN)
    assert not (out / "data.json").exists()
    result = finetune(snapshot, data=xrays, out=out, seed=11)
    changed = logged(out, "processes_changed")
    assert [(e.value, e.metadata["before"], e.metadata["exact"]) for e in changed] == [(1, 2, False)]
    assert result.tts is not None
    assert result.tts.resumed
    assert largest_difference(out, whole) < TOLERANCE


MATRIX = [
    pytest.param({"ema_decay": 0.9, "precision": "bfloat16", "micro_batch": 3}, id="ema-bfloat16-accumulated"),
    pytest.param({"ema_decay": None, "freeze_normalisation": False, "frozen_share": 0.0}, id="running-statistics"),
    pytest.param({"shard": True, "ema_decay": 0.9, "clip_norm": 1.0, "micro_batch": 3}, id="split"),
]


@pytest.mark.slow
@pytest.mark.parametrize("settings", MATRIX)
def test_killed_at_a_step(settings: dict[str, Any], snapshot: Path, xrays: Path, tmp_path: Path) -> None:
    """With augmentation: the leading process gone in the second epoch, both started again, the same bits."""
    one = fine_tuned(snapshot, xrays, tmp_path / "whole", **settings)
    other = fine_tuned(snapshot, xrays, tmp_path / "killed", 7, restarts=1, **settings)
    assert len(logged(other, "init_start")) == 2
    assert sha256_of(one / "candidate/model.safetensors") == sha256_of(other / "candidate/model.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"shard": True, "lora_rank": 2}], ids=str)
def test_texts_killed_at_a_step(settings: dict[str, Any], encoder: Path, reviews: list[Review], tmp_path: Path) -> None:
    """With dropout, layers whose states are kept, and adapters."""
    data = write_reviews(tmp_path / "reviews", reviews, train=24, val=8, test=8)
    settings = {"max_length": 16} | settings
    one = fine_tuned(encoder, data, tmp_path / "whole", **settings)
    other = fine_tuned(encoder, data, tmp_path / "killed", 4, restarts=1, **settings)
    assert len(logged(other, "init_start")) == 2
    assert sha256_of(one / "candidate/model.safetensors") == sha256_of(other / "candidate/model.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        pytest.param(PLAIN, id="sgd-ema"),
        pytest.param(PLAIN | {"ema_decay": None, "clip_norm": 0.5}, id="clipped"),
        pytest.param(PLAIN | {"micro_batch": 3, "batch_size": 7}, id="accumulated-unevenly"),
    ],
)
def test_a_split_model_ends_where_a_whole_one_does(
    settings: dict[str, Any], snapshot: Path, xrays: Path, tmp_path: Path
) -> None:
    """FSDP2 over two processes against one process with the whole model."""
    split = fine_tuned(snapshot, xrays, tmp_path / "split", shard=True, **settings)
    unsplit = {"batch_size": 8, "fit_head_first": False, "probe": False} | settings
    finetune(snapshot, data=xrays, out=tmp_path / "one", seed=11, checkpoint_seconds=0, **unsplit)
    assert largest_difference(split, tmp_path / "one") < TOLERANCE
    assert samples(split) == samples(tmp_path / "one")


@pytest.mark.slow
def test_a_split_model_is_measured_before_it_is_trained(whole: Path, xrays: Path, tmp_path: Path) -> None:
    """A start that knows the classes already, whose first pass is an evaluation."""
    start = whole / "candidate"
    split = fine_tuned(start, xrays, tmp_path / "split", shard=True, **PLAIN)
    finetune(start, data=xrays, out=tmp_path / "one", seed=11, batch_size=8, checkpoint_seconds=0, probe=False, **PLAIN)
    assert largest_difference(split, tmp_path / "one") < TOLERANCE


@pytest.mark.slow
def test_running_statistics_are_the_mean_of_all_processes(xrays: Path, tmp_path: Path) -> None:
    """From scratch with batch normalisation: one step's statistics equal the mean of those of both halves."""
    settings: dict[str, Any] = {"epochs": 1, "batch_size": 40, "image_size": 32}
    out = fine_tuned("timm:test_resnet", xrays, tmp_path / "two", **settings)
    finetune("timm:test_resnet", data=xrays, out=tmp_path / "one", seed=11, **settings)
    two, one = (read_tensors(run / "candidate") for run in (out, tmp_path / "one"))
    first = "conv1.1.running_mean"  # of the first normalisation, whose input is the same in one process and in two
    # The mean over a batch is the mean of its halves' means, where each half has 20 of 40 images.
    assert torch.allclose(two[first], one[first], atol=1e-6)
    assert float(one[first].abs().max()) > 1e-3
