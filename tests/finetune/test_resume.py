"""A run killed at any moment goes on and ends with the same bits."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from roadworthy.finetune import finetune
from roadworthy.model_cards import InputError
from roadworthy.model_cards.snapshot import sha256_of

from .conftest import Lay

RUN = """
import json, sys
from pathlib import Path
from roadworthy.finetune import finetune
start, data, out, epochs = sys.argv[1:]
print("started", flush=True)
finetune(Path(start), data=data, out=out, seed=11, epochs=int(epochs), batch_size=8, checkpoint_seconds=0,
         report=lambda stage, done, total, **facts: print(json.dumps([stage, done, total]), flush=True))
"""


def command(snapshot: Path, data: Path, out: Path, epochs: int) -> list[str]:
    """A fine-tuning in a process of its own."""
    return [sys.executable, "-c", RUN, str(snapshot), str(data), str(out), str(epochs)]


@pytest.mark.slow
def test_killed_three_times_ends_with_the_same_bits(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """kill -9 in the middle of training, three times: weights equal to an uninterrupted run's, bit for bit."""
    data, epochs = lay(), 6
    finetune(snapshot, data=data, out=tmp_path / "whole", seed=11, epochs=epochs, batch_size=8)
    chance = random.Random(0)
    for _ in range(3):
        with subprocess.Popen(
            command(snapshot, data, tmp_path / "killed", epochs), stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            steps = 0
            wanted = chance.randrange(2, 8)
            for line in process.stdout:
                steps += line.startswith('["training"')
                if steps >= wanted:
                    time.sleep(chance.random() * 0.05)  # somewhere inside the next step or checkpoint
                    process.kill()
                    break
        assert not (tmp_path / "killed/data.json").exists(), "the run ended before it could be killed"
    subprocess.run(command(snapshot, data, tmp_path / "killed", epochs), check=True, stdout=subprocess.DEVNULL)
    one, other = (sha256_of(tmp_path / name / "candidate/model.safetensors") for name in ("whole", "killed"))
    assert one == other


def test_a_resumed_run_says_so(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """Its clocks are marked, so that it is never ranked; a replayed seed is marked too."""
    data, out = lay(), tmp_path / "run"
    with subprocess.Popen(command(snapshot, data, out, 4), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith('["training", 3'):
                process.kill()
                break
    result = finetune(snapshot, data=data, out=out, seed=11)
    assert result.tts is not None
    assert result.tts.resumed
    assert result.tts.replayed_seed
    assert result.tts.cache == "warm"


def test_a_finished_run_is_not_run_again(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """The same command on a finished run answers from its files."""
    data, out = lay(), tmp_path / "run"
    first = finetune(snapshot, data=data, out=out, epochs=1)
    before = (out / "events.log").read_bytes()
    assert finetune(snapshot, data=data, out=out) == first
    assert (out / "events.log").read_bytes() == before


def test_another_target_on_the_same_run_is_refused(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """A run's stopping rule is written before it starts and never changes."""
    data, out = lay(), tmp_path / "run"
    finetune(snapshot, data=data, out=out, epochs=1)
    with pytest.raises(InputError, match=r"holds a run begun with --target None; now it is top1>=0\.5"):
        finetune(snapshot, data=data, out=out, target="top1>=0.5")


def test_a_folder_with_other_things_is_left_alone(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """Nothing the user has is overwritten."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="is not empty and is not a run"):
        finetune(snapshot, data=lay(), out=tmp_path / "mine")
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_the_specification_is_written_before_the_data_is_touched(snapshot: Path, tmp_path: Path) -> None:
    """Data that cannot be used leaves a run that names its target and has seen nothing."""
    with pytest.raises(InputError, match="no data folder"):
        finetune(snapshot, data=tmp_path / "nowhere", out=tmp_path / "run", target="top1>=0.9")
    spec = json.loads((tmp_path / "run/run.json").read_text())
    assert spec["target"] == {"metric": "top1", "relation": ">=", "threshold": 0.9}
    assert not (tmp_path / "run/data.json").exists()
