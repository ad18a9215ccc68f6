"""The race's picture: to scale, every attempt in it, crossings where they were."""

import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.model_cards import Attempt, Target, series_of
from roadworthy.model_cards.certificate import Data, Environment, SplitRecord
from roadworthy.model_cards.clocks import Clocks, Point
from roadworthy.model_cards.race import Contender, Race
from roadworthy.model_cards.race_plot import race_plot

SVG = "{http://www.w3.org/2000/svg}"
BLUE, PURPLE = "#0b69a3", "#86198f"


def attempt(run: float | None) -> Attempt:
    """One that held its target after ``run`` seconds; ``None``: never."""
    clocks = Clocks(
        run=run or 50.0, total=60.0, train_only=1.0, samples=1, epochs=1.0, target_met=run is not None,
        resumed=False, replayed_seed=False, cache="cold",
    )  # fmt: skip
    return Attempt(seed=1, clocks=clocks)


def contender(name: str, *runs: float | None, values: tuple[float, ...] = (0.6, 0.7, 0.8, 0.9)) -> Contender:
    """Attempts with an evaluation each ten seconds."""
    curve = tuple(Point(seconds=10.0 * i, samples=i, value=value) for i, value in enumerate(values, start=1))
    attempts = series_of([attempt(run) for run in runs])
    return Contender(name=name, recipe={}, series=attempts, metric=None, curves=(curve,) * len(runs))


def picture(*contenders: Contender, threshold: float = 0.85) -> bytes:
    """The race's picture."""
    machine = Environment(
        os="", python="", cpu="", cores=1, memory_gib=1.0, accelerators=(), libraries={}, precision="", threads=1
    )
    data = Data(name="x", labels=(), split_rule="", test=SplitRecord(n=1, fingerprint=""))
    target = Target(metric="top1", relation=">=", threshold=threshold)
    return race_plot(Race(target=target, start="x", data=data, environment=machine, contenders=contenders))


def texts(svg: bytes) -> list[str]:
    """What stands in it."""
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def place(svg: bytes, label: str, axis: str) -> float:
    """Where the text ``label`` stands."""
    (found,) = [e for e in ElementTree.fromstring(svg).iter(f"{SVG}text") if e.text == label]
    return float(found.attrib[axis])


def upright(svg: bytes, colour: str) -> list[float]:
    """How far to the right the upright strokes of a contender stand: its crossings."""
    paths = ElementTree.fromstring(svg).iter(f"{SVG}path")
    found = [p.attrib["d"] for p in paths if p.attrib["stroke"] == colour and "V" in p.attrib["d"]]
    return [float(re.findall(r"[\d.]+", d)[0]) for d in found]


def test_each_crossing_lies_where_the_ticks_say() -> None:
    """25 s half-way between 20 and 30; 40 s on the tick 40."""
    svg = picture(contender("a", 25.0), contender("b", 40.0))
    half = (place(svg, "20", "x") + place(svg, "30", "x")) / 2
    assert upright(svg, BLUE) == pytest.approx([half], abs=0.11)
    assert upright(svg, PURPLE) == pytest.approx([place(svg, "40", "x")], abs=0.11)


def test_every_attempt_is_in_it() -> None:
    """Three curves; the crossings of all that crossed, the middle one's over the whole height."""
    svg = picture(contender("a", 20.0, 30.0, None), contender("b", None))
    lines = list(ElementTree.fromstring(svg).iter(f"{SVG}polyline"))
    assert [line.attrib["stroke"] for line in lines].count(BLUE) == 3
    assert [line.attrib["stroke"] for line in lines].count(PURPLE) == 1
    assert len(upright(svg, BLUE)) == 2
    assert upright(svg, PURPLE) == []


def test_the_target_lies_where_the_ticks_say() -> None:
    """0.85 half-way between 0.8 and 0.9; a tick's text stands 4 px below its line."""
    svg = picture(contender("a", 25.0), contender("b", 40.0))
    (line,) = [p for p in ElementTree.fromstring(svg).iter(f"{SVG}path") if "stroke-dasharray" in p.attrib]
    expected = (place(svg, "0.8", "y") + place(svg, "0.9", "y")) / 2 - 4
    assert float(re.findall(r"[\d.]+", line.attrib["d"])[1]) == pytest.approx(expected, abs=0.11)


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ((25.0,), "held at 25.0 s"),
        ((None,), "did not hold"),
        ((25.0, 26.0, 40.0), "held at 26.0 s, the middle of 3"),
        ((25.0, None, 40.0), "held at 40.0 s; 2 of 3 attempts held"),
        ((None, None), "did not hold in any of 2 attempts"),
    ],
)
def test_the_legend_says_how_it_ended(runs: tuple[float | None, ...], said: str) -> None:
    """In the unit of the axis."""
    assert said in texts(picture(contender("a", *runs), contender("b", 30.0)))


def test_a_race_without_evaluations_says_so() -> None:
    """Instead of an empty frame."""
    assert texts(picture(contender("a", None, values=()), contender("b", None, values=()))) == [
        "Race: no attempt was evaluated."
    ]


@given(
    st.lists(st.lists(st.none() | st.floats(0.01, 1e6), min_size=1, max_size=4), min_size=2, max_size=8),
    st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=5).map(tuple),
    st.text(max_size=60),
)
def test_any_race_is_drawn_inside_the_picture(
    runs: list[list[float | None]], values: tuple[float, ...], name: str
) -> None:
    """However many contend, whatever they are called: well-formed, nothing outside, no label on another's row."""
    svg = picture(*(contender(name, *one, values=values) for one in runs))
    root = ElementTree.fromstring(svg)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for element in root.iter(f"{SVG}polyline"):
        for x, y in (pair.split(",") for pair in element.attrib["points"].split()):
            assert 0 <= float(x) <= width
            assert 0 <= float(y) <= height
    rows = [e for e in root.iter(f"{SVG}text") if e.attrib["text-anchor"] == "end" and (e.text or "").find("h") >= 0]
    assert len({e.attrib["y"] for e in rows}) == len(runs)
