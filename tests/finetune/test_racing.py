"""A race end to end, and what is refused before anybody starts."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from roadworthy.finetune import race
from roadworthy.finetune.run_folder import RunFolder
from roadworthy.model_cards import InputError
from roadworthy.model_cards.clocks import parse, read

from .conftest import Lay


@pytest.mark.slow
def test_a_race(snapshot: Path, lay: Lay, tmp_path: Path) -> None:
    """Same start, data and target; each contender its own recipe; table, picture and page from their logs."""
    data, out = lay(), tmp_path / "race"
    asked = {"start": snapshot, "data": data, "out": out, "target": "top1>=0.0", "epochs": 9, "batch_size": 8}
    found = race(["head-first", "full:learning_rate=1e-3,epochs=7"], **asked)  # type: ignore[arg-type]
    first, second = found.race.contenders
    specs = [RunFolder(out / lane / "attempt-1").read_spec() for lane in ("1-head-first", "2-full")]
    assert [spec.recipe["name"] for spec in specs] == ["head-first", "full"]
    assert (specs[0].recipe["epochs"], specs[1].recipe["epochs"]) == (9, 7)
    assert specs[1].recipe["learning_rate"] == 0.001
    assert specs[0].start == specs[1].start
    for lane, contender in (("1-head-first", first), ("2-full", second)):
        road = read(parse((out / lane / "attempt-1/events.log").read_text()))
        assert road.clocks is not None
        assert contender.series.run.median == road.clocks.run
        assert contender.curves == (road.curve,)
        assert contender.metric is not None
        assert contender.metric.n == found.race.data.validation.n  # type: ignore[union-attr]
    expected = second.series.run.median / first.series.run.median  # type: ignore[operator]
    assert found.race.ratio(second) == pytest.approx(expected)
    assert json.loads((out / "race.json").read_text())["contenders"][1]["name"] == second.name
    words = [e.text or "" for e in ElementTree.parse(out / "race.svg").iter("{http://www.w3.org/2000/svg}text")]
    assert sum(word.startswith("held at") for word in words) == 2
    assert "data:image/svg+xml;base64," in found.page.read_text()
    assert race(["head-first", "full:learning_rate=1e-3,epochs=7"], **asked) == found  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"holds a race of head-first, full:learning_rate=0\.001,epochs=7; now it is"):
        race(["head-first", "full"], **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("contenders", "said"),
    [
        (["head-first"], "a race needs two contenders, found 1"),
        (["head-first", "quick"], "no recipe for image-classification is called 'quick'"),
        (["head-first", "full:learning_rate=-1"], "learning_rate is -1.0. Expected a number above 0"),
        (["full:epochs=2", "full:epochs=02"], "full:epochs=2 stands twice"),
    ],
)
def test_a_race_that_cannot_be_run(snapshot: Path, tmp_path: Path, contenders: list[str], said: str) -> None:
    """Known before the first contender has trained for an hour; nothing is written."""
    with pytest.raises(InputError, match=said):
        race(contenders, start=snapshot, data="x", out=tmp_path / "race", target="top1>=0.5")
    assert not (tmp_path / "race").exists()
