"""Rows as examples that are made when they are asked for: all that is counted of them is what a list would give."""

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
import torch

from roadworthy.finetune.data_report import sentence
from roadworthy.finetune.examples import Examples, check_distinct, check_parts
from roadworthy.finetune.progress import silent
from roadworthy.finetune.split import Part
from roadworthy.finetune.tabular import contents
from roadworthy.finetune.tabular.click_data import read_clicks
from roadworthy.finetune.tabular.ranking_data import read_groups
from roadworthy.finetune.tabular.row_examples import Members, RowExamples
from roadworthy.finetune.tabular.rows_workload import Inputs
from roadworthy.finetune.tabular.source import RowSource
from roadworthy.model_cards import Protocol
from roadworthy.model_cards.protocols_of_scores import legacy_ranking, ranking

from .conftest import Write


@pytest.fixture
def both(flights: Any, write: Write, tmp_path: Path) -> tuple[RowExamples, Examples]:
    """Flights of which some are copied across the parts, some within one, and the same as a list of objects."""
    frame = flights.head(3000)
    write(pd.concat([frame.head(2000), frame.iloc[2500:2507].assign(label=1), frame.head(5)]), "train.csv")
    write(pd.concat([frame.iloc[2000:2400], frame.iloc[2900:2903]]), "val.csv")
    root = write(pd.concat([frame.iloc[2400:3000], frame.iloc[2400:2402]]), "test.csv", schema='split = "group"')
    options = {"label_column": "label", "group_column": "tailnum"}
    found = read_clicks(
        root, tmp_path / "rows", encoder=None, options=options, to_measure=False, report=silent
    ).examples
    assert isinstance(found, RowExamples)
    listed = Examples(
        labels=found.labels, members=tuple(found.members), split=found.split, origin=found.origin, noun="row"
    )
    return found, listed


def _facts(examples: Examples) -> dict[str, Any]:
    parts: tuple[Part, ...] = get_args(Part)
    return {
        "parts": {part: tuple(examples.part(part)) for part in parts},
        "records": {part: examples.record(part) for part in parts},
        "leaked": {one.row for one in examples.leaked()},
        "copies": examples.exact_duplicates(),
        "different": examples.different(),
        "seen": np.concatenate(list(examples.seen())).tolist(),
        "groups": examples.seen_groups(),
        "crossing": tuple(examples.crossing()),
        "counts": [examples.counts(part) for part in parts] if examples.labels else None,
        "said": sentence(examples),
    }


@pytest.mark.parametrize("share", [2**21, 200])
def test_it_is_what_a_list_is(both: tuple[RowExamples, Examples], monkeypatch: pytest.MonkeyPatch, share: int) -> None:
    """Fingerprints, copies, groups: in one share of contents or in many."""
    monkeypatch.setattr(contents, "_SHARE", share)
    monkeypatch.setattr(contents, "_PIECE", 64 if share < 2**21 else 2**20)
    monkeypatch.setattr(contents, "_WRITTEN", 7)
    monkeypatch.setattr(contents, "_GATHERED", 11)
    found, listed = both
    assert _facts(found) == _facts(listed)
    assert len(found.leaked()) == 7 + 3
    assert found.exact_duplicates() == 7 + 3
    assert found.seen_groups()
    assert _facts(found.without_leaked()) == _facts(listed.without_leaked())
    assert found.without_leaked().exact_duplicates() == 0


def test_a_member_is_where_the_user_finds_it(both: tuple[RowExamples, Examples]) -> None:
    """By place, by slice, by numbers."""
    train = both[0].part("train")
    assert train[0].name == "train.csv:1"
    assert [one.name for one in train[3:5]] == ["train.csv:4", "train.csv:5"]
    assert [one.name for one in train.of([9, 2])] == ["train.csv:10", "train.csv:3"]
    assert train[-1].row == train.numbers[-1]


@pytest.mark.parametrize("protocol", [ranking(), legacy_ranking()])
def test_groups_are_what_a_list_of_groups_is(
    ratings: Any, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: Protocol
) -> None:
    """Displays of six films each, of which one was taken; their rows lie apart, and some displays are in two parts."""
    monkeypatch.setattr(contents, "_SHARE", 50)
    frame = ratings.head(3000)[["movieId", "rating"]].assign(display=[f"d{n % 500}" for n in range(3000)])
    frame = frame.assign(label=(np.arange(3000) // 500 == np.arange(3000) % 6).astype(int))
    again = frame[frame["display"].isin([f"d{n}" for n in range(490, 500)])]
    number = frame["display"].str[1:].astype(int)
    write(frame[number.between(350, 419)], "val.csv")
    root = write(frame[number >= 420], "test.csv")
    write(pd.concat([frame[number < 350], again]), "train.csv")
    found = read_groups(
        root,
        tmp_path / "rows",
        encoder=None,
        options={"group_column": "display"},
        protocol=protocol,
        to_measure=False,
        report=silent,
    ).examples
    listed = Examples(labels=(), members=tuple(found.members), split=found.split, origin=found.origin, noun="group")
    assert _facts(found) == _facts(listed)
    assert found.exact_duplicates() == 10
    assert [one.group for one in found.crossing()] == [f"d{n}" for n in range(490, 500)]
    assert [len(found.part(part)) for part in get_args(Part)] == [360, 70, 80]
    taken = frame.loc[frame["display"] == "d420", "label"].tolist()
    truth = found.part("test")[0].truth
    assert truth == (taken if protocol == ranking() else {"labels": taken, "start": 0})


def test_rows_that_lie_on_the_device_are_those_of_the_files(
    both: tuple[RowExamples, Examples],
) -> None:
    """In any order, some twice, and after their memory was given back."""
    assert isinstance(both[0].source, RowSource)
    store = both[0].source.store
    rows = np.array([7, 0, 7, 2999], dtype=np.int32)
    held, read = (Inputs(store, store.encoder, torch.device("cpu"), hold=hold) for hold in (True, False))
    store.give_back()
    for ours, theirs in zip(held.of(rows), read.of(rows), strict=True):
        assert torch.equal(ours, theirs)


def test_a_run_makes_no_object_of_what_it_only_counts(
    both: tuple[RowExamples, Examples], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a hundred million rows that would be minutes, and all pages of the files."""
    monkeypatch.setattr(Members, "__getitem__", None)
    found = both[0]
    check_distinct(found)
    check_parts(found)
    assert "copies of others" in sentence(found)
    assert [found.record(part).n for part in get_args(Part)] == [2012, 403, 602]
    assert len(list(found.seen())) == 1
