"""What is odd about a table: features that tell the label, copies, time that runs backwards."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from roadworthy.finetune.tabular.findings import copied, findings, single_feature_auc
from roadworthy.finetune.tabular.schema_file import Overrides
from roadworthy.finetune.tabular.store_build import read_table

from .conftest import Write


def test_a_feature_that_tells_the_label(late: Any, write: Write, tmp_path: Path) -> None:
    """A flight's delay, of which the label was made; when it took off tells much, and is no leak."""
    store, _ = read_table(write(late), tmp_path / "store")
    found = [one for one in findings(store) if one.kind == "leak"]
    assert [one.text.split("'")[1] for one in found] == ["arr_delay"]
    assert 'ignored = ["arr_delay"]' in found[0].text


def test_the_auc_of_a_number_is_sklearns(flights: Any, write: Write, tmp_path: Path) -> None:
    """With its ties."""
    frame = flights.head(4000)
    store, _ = read_table(write(frame), tmp_path / "store")
    rows, found = store.rows("train"), single_feature_auc(store)
    for name in store.schema.numeric:
        auc = roc_auc_score(frame["label"][rows], frame[name][rows])
        assert found[name] == pytest.approx(max(auc, 1 - auc))


def test_a_category_that_tells_the_label_and_one_that_names_rows(write: Write, tmp_path: Path) -> None:
    """A value that occurs twice and once says nothing, however many there are."""
    random = np.random.default_rng(0)
    label = random.integers(0, 2, 4000)
    frame = pd.DataFrame(
        {"label": label, "told": np.where(label == 1, "x", "y"), "many": random.integers(0, 3000, 4000)}
    )
    store, _ = read_table(write(frame), tmp_path / "store", stated=Overrides(categorical=("told", "many"), min_count=1))
    found = single_feature_auc(store)
    assert found["told"] == 1
    assert found["many"] < 0.6


def test_copies_across_parts(flights: Any, write: Write, tmp_path: Path) -> None:
    """As pandas finds them: all columns but the label count."""
    frame = flights.head(3000)
    train = pd.concat([frame.head(2000), frame.tail(7).assign(label=1)])
    write(train, "train.csv")
    store, _ = read_table(write(frame.tail(1000), "test.csv"), tmp_path / "store")
    rows = copied(store)
    assert [store.where(row) for row in rows] == [f"train.csv:{n}" for n in range(2001, 2008)]
    text = next(one.text for one in findings(store) if one.kind == "copies")
    assert text.startswith("7 rows to train or stop on are also in the test part, the first train.csv:2001")


@pytest.mark.parametrize("given", [True, False])
def test_time_that_runs_backwards(flights: Any, write: Write, tmp_path: Path, given: bool) -> None:
    """A test part that lies before what is trained on, given so or drawn at random; by time there is none."""
    frame = flights.head(3000)
    if given:
        write(frame.tail(1500), "train.csv")
        store, _ = read_table(write(frame.head(1500), "test.csv"), tmp_path / "store")
    else:
        store, _ = read_table(write(frame), tmp_path / "store", stated=Overrides(split="content"))
    backwards = next(one.text for one in findings(store) if one.kind == "time")
    assert "of the test rows lie before the latest train row by 'time_hour'" in backwards
    by_time, _ = read_table(write(frame, folder="other"), tmp_path / "other-store")
    assert not [one for one in findings(by_time) if one.kind == "time"]


def test_categories_of_the_future(flights: Any, write: Write, tmp_path: Path) -> None:
    """Split by time, the month of a test row is one that training never saw."""
    store, _ = read_table(write(flights), tmp_path / "store")
    unseen = [one.text for one in findings(store) if one.kind == "unseen"]
    assert any("have a value in 'month'" in text for text in unseen)
