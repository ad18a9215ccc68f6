"""TensorBoard's own reader finds what the event log has."""

import json
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from roadworthy.finetune import finetune
from roadworthy.finetune.tensorboard import TensorBoard
from roadworthy.model_cards import InputError

from .conftest import Lay

Curve = list[tuple[int, float]]


def scalars(folder: Path) -> dict[str, Curve]:
    """(step, value) of each scalar, as TensorBoard reads it."""
    reader = EventAccumulator(str(folder))
    reader.Reload()
    return {tag: [(event.step, event.value) for event in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}


def logged(run: Path) -> dict[tuple[str, str], Curve]:
    """(samples, value) of each evaluation by (phase, look), from the run's own log."""
    found: dict[tuple[str, str], Curve] = {}
    for line in (run / "events.log").read_text().splitlines():
        event = json.loads(line.removeprefix(":::MLLOG "))
        if event["key"] == "eval_accuracy":
            said = event["metadata"]
            key = said.get("stage", "training"), said.get("look", "validation")
            found.setdefault(key, []).append((said["samples_count"], event["value"]))
    return found


@pytest.mark.slow
def test_a_run_as_tensorboard_reads_it(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """Evaluations are the log's, over samples; loss and learning rate have a value for each step."""
    with TensorBoard(tmp_path / "events") as board:
        finetune(snapshot, data=lay(), out=tmp_path / "run", epochs=2, batch_size=8, learning_rate=0.01, report=board)
    read = scalars(tmp_path / "events")
    for (phase, look), curve in logged(tmp_path / "run").items():
        written = read[f"{phase}/{look} top1"]
        assert [step for step, _ in written] == [samples for samples, _ in curve]
        assert [value for _, value in written] == pytest.approx([value for _, value in curve])
    assert {("head", "out-of-fold"), ("training", "validation")} <= set(logged(tmp_path / "run"))
    steps = [step for step, _ in read["training/loss"]]
    fitted, _ = logged(tmp_path / "run")["head", "validation"][-1]  # the head's examples count as seen
    assert steps == list(range(fitted + 8, steps[-1] + 1, 8))
    rates = [value for _, value in read["training/learning rate"]]
    assert len(rates) == len(steps)
    assert max(rates) == pytest.approx(0.01, rel=0.05)
    assert rates[-1] < rates[len(rates) // 2]
    assert all(value > 0 for _, value in read["training/examples per second"])


def test_without_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The message has the command that mends it."""
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setattr("roadworthy.finetune.tensorboard.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'roadworthy\[tensorboard\]'"):
        TensorBoard(tmp_path)
