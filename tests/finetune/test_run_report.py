"""What a run leaves to look at."""

from pathlib import Path

import pytest
from sklearn.metrics import accuracy_score

from roadworthy.finetune import finetune
from roadworthy.finetune.run_report import read_report
from roadworthy.model_cards import InputError

from .conftest import Lay


def test_a_report_of_a_run(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """Each validation image once, by its file's name; the rows make the metric; the fitted head's labels checked."""
    data = lay()
    done = finetune(snapshot, data=data, out=tmp_path / "run", epochs=1, batch_size=8)
    report = read_report(tmp_path / "run")
    assert done.metric is not None
    assert len(report.rows) == done.metric.n
    right = accuracy_score([row.truth for row in report.rows], [row.prediction for row in report.rows])
    assert done.metric.value == pytest.approx(right)
    for row in report.rows:
        name = report.names[row.id]
        assert (data / name).is_file()
        assert report.data.data.labels[row.truth] in name
    assert report.label_check is not None
    assert report.label_check.n == 48  # train and validation; the test part is nobody's to look at
    assert {one.part for one in report.label_check.head_accuracy} == {"train", "validation"}
    assert report.road.clocks is not None
    assert len(report.road.curve) >= 2


def test_a_run_without_a_new_head_has_no_suspects(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """A start that knows the classes is measured, not fitted."""
    data = lay()
    finetune(snapshot, data=data, out=tmp_path / "first", epochs=1)
    finetune(tmp_path / "first/candidate", data=data, out=tmp_path / "second", target="top1>=0.0", epochs=1)
    report = read_report(tmp_path / "second")
    assert report.label_check is None
    assert report.not_checked == "no head was fitted on held-out examples in this run"
    assert report.rows


def test_nothing_of_the_data_is_in_the_candidate(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """Pictures, names and answers stay in the run's folder."""
    data = lay()
    finetune(snapshot, data=data, out=tmp_path / "run", epochs=1)
    candidate = tmp_path / "run/candidate"
    assert {p.relative_to(candidate).as_posix() for p in candidate.rglob("*") if p.is_file()} == {
        "config.json",
        "model.safetensors",
        "log/events.log",
    }


def test_an_unfinished_run(tmp_path: Path, snapshot: Path) -> None:
    """There is nothing to report yet, and the message says what to do."""
    with pytest.raises(InputError, match="no data folder"):
        finetune(snapshot, data=tmp_path / "nowhere", out=tmp_path / "run")
    with pytest.raises(InputError, match="not a finished run"):
        read_report(tmp_path / "run")
