"""Recall plot and reliability diagram: to scale, inside the picture, and readable whatever the labels."""

import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.model_cards import Row
from roadworthy.model_cards.calibration import Bin, Calibration, calibrate
from roadworthy.model_cards.classification import class_recalls
from roadworthy.model_cards.recall_plot import recall_plot
from roadworthy.model_cards.reliability_diagram import reliability_diagram
from roadworthy.model_cards.statistics import wilson
from roadworthy.model_cards.svg import MOST_CLASSES

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: bytes) -> list[ElementTree.Element]:
    """The text elements of a picture."""
    return list(ElementTree.fromstring(svg).iter(f"{SVG}text"))


def shown(svg: bytes) -> list[str]:
    """What they say."""
    return [element.text or "" for element in texts(svg)]


def place(svg: bytes, label: str, axis: str, index: int = 0) -> float:
    """Where the ``index``-th text ``label`` stands."""
    return float([element for element in texts(svg) if element.text == label][index].attrib[axis])


def rows_of(found: list[tuple[int, int]]) -> list[Row]:
    """For each class (found, n): that many right answers; the others are of the next class."""
    return [
        Row(id=f"{k}-{i}", truth=k, prediction=k if i < right else k + 1, confidence=0.9)
        for k, (right, n) in enumerate(found)
        for i in range(n)
    ]


def plot(found: list[tuple[int, int]], labels: list[str] | None = None, mean: float = 0.5) -> bytes:
    """The recall plot of those classes."""
    return recall_plot(class_recalls(rows_of(found)), labels or [f"kind {k}" for k in range(len(found))], mean)


def test_recalls_and_their_intervals_lie_where_the_ticks_say() -> None:
    """30 of 40 is on the tick 75 %; the interval ends at Wilson's limits; the mean 0.25 on the tick 25 %."""
    svg = plot([(30, 40)], mean=0.25)
    zero, one = place(svg, "0 %", "x"), place(svg, "100 %", "x")
    (dot,) = ElementTree.fromstring(svg).iter(f"{SVG}circle")
    assert float(dot.attrib["cx"]) == pytest.approx(place(svg, "75 %", "x"), abs=0.11)
    (bar,) = [rect for rect in ElementTree.fromstring(svg).iter(f"{SVG}rect") if "fill-opacity" in rect.attrib]
    assert float(bar.attrib["x"]) + float(bar.attrib["width"]) == pytest.approx(float(dot.attrib["cx"]), abs=0.11)
    lines = [path.attrib for path in ElementTree.fromstring(svg).iter(f"{SVG}path")]
    (whisker,) = [line["d"] for line in lines if line["stroke"] == "#0b69a3"]
    low, high = (float(whisker[1:].split(" ")[0]), float(re.findall(r"H([\d.]+)", whisker)[0]))
    limits = wilson(30, 40)
    assert low == pytest.approx(zero + limits.low * (one - zero), abs=0.11)
    assert high == pytest.approx(zero + limits.high * (one - zero), abs=0.11)
    (mean,) = [line["d"] for line in lines if line["stroke"] == "#b44d12"]
    assert float(mean[1:].split(" ")[0]) == pytest.approx(place(svg, "25 %", "x"), abs=0.11)
    assert "balanced accuracy 25.00 %" in shown(svg)


def test_the_worst_class_stands_on_top() -> None:
    """With its recall and its number of examples beside it."""
    svg = plot([(9, 10), (1, 4), (5, 10)])
    names = [text for text in shown(svg) if text.startswith("kind")]
    assert names == ["kind 1", "kind 2", "kind 0"]
    assert place(svg, "kind 1", "y") == place(svg, "25.00 %", "y") == place(svg, "n = 4", "y")


@pytest.mark.parametrize("classes", [1, 2, MOST_CLASSES, MOST_CLASSES + 1, 100])
def test_no_more_classes_than_can_be_read(classes: int) -> None:
    """The title says what was left out."""
    svg = plot([(1, 2)] * classes)
    assert len([text for text in shown(svg) if text.startswith("kind")]) == min(classes, MOST_CLASSES)
    assert any("24 worst of" in text for text in shown(svg)) == (classes > MOST_CLASSES)


@pytest.mark.parametrize("label", ["<script>&\"'", "a\x00b\x1b", "\ud800", "x" * 500, "日本語" * 30, ""])
def test_any_label_is_text_and_fits(label: str) -> None:
    """Escaped, cut where it would leave the picture, whole in the tooltip."""
    svg = plot([(1, 2), (2, 2)], [label, "dog"])
    root = ElementTree.fromstring(svg)
    assert root.find(f"{SVG}script") is None
    assert all(len(text) < 75 for text in shown(svg))
    if label.isprintable():
        assert any((title.text or "").startswith(f"{label}: 1 of 2, ") for title in root.iter(f"{SVG}title"))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), min_size=1, max_size=30), st.floats(0, 1))
def test_any_recalls_are_drawn_inside_the_picture(found: list[tuple[int, int]], mean: float) -> None:
    """Dots, bars and words."""
    svg = plot([(min(right, n), n) for right, n in found], mean=mean)
    root = ElementTree.fromstring(svg)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for dot in root.iter(f"{SVG}circle"):
        assert 190 <= float(dot.attrib["cx"]) <= width - 100
        assert 0 <= float(dot.attrib["cy"]) <= height
    assert all(0 <= float(element.attrib["y"]) <= height for element in texts(svg))


def bin_of(confidence: float, right: int, n: int) -> Bin:
    """A bin of the diagram."""
    return Bin(n=n, confidence=confidence, accuracy=right / n, interval=wilson(right, n))


def points(svg: bytes) -> list[tuple[float, float]]:
    """Where the bins' dots lie; the last of all is the key's."""
    dots = list(ElementTree.fromstring(svg).iter(f"{SVG}circle"))
    return [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in dots[:-1]]


def test_bins_lie_where_the_ticks_say() -> None:
    """60 % sure and 40 % right: above the tick 60 % and on the line of the tick 40 %, whose text stands 4 px below."""
    svg = reliability_diagram(Calibration(error=0.2, bins=(bin_of(0.6, 4, 10),)))
    ((x, y),) = points(svg)
    assert x == pytest.approx(place(svg, "60 %", "x", 1), abs=0.11)
    assert y == pytest.approx(place(svg, "40 %", "y", 0) - 4, abs=0.11)


def test_a_calibrated_bin_lies_on_the_diagonal() -> None:
    """From the lower left corner to the upper right one."""
    svg = reliability_diagram(Calibration(error=0.0, bins=(bin_of(0.5, 50, 100), bin_of(0.75, 75, 100))))
    (diagonal, _) = [
        p.attrib["d"] for p in ElementTree.fromstring(svg).iter(f"{SVG}path") if "stroke-dasharray" in p.attrib
    ]
    x0, y0, x1, y1 = (float(number) for number in re.findall(r"[\d.]+", diagonal))
    for x, y in points(svg):
        assert (y - y0) / (y1 - y0) == pytest.approx((x - x0) / (x1 - x0), abs=0.002)


@pytest.mark.parametrize(
    ("bins", "said"),
    [
        ((bin_of(0.9, 8, 10),), "10.00 points too sure"),
        ((bin_of(0.7, 8, 10),), "10.00 points too modest"),
        # (10 * 0.5 + 30 * 0.9) / 40 = 0.8 sure; (5 + 24) / 40 = 0.725 right.
        ((bin_of(0.5, 5, 10), bin_of(0.9, 24, 30)), "7.50 points too sure"),
    ],
)
def test_the_average_is_told(bins: tuple[Bin, ...], said: str) -> None:
    """Over examples, not over bins."""
    assert said in shown(reliability_diagram(Calibration(error=0.1, bins=bins)))


def test_the_error_stands_in_the_title() -> None:
    """And how many bins it is of."""
    svg = reliability_diagram(Calibration(error=0.0321, bins=(bin_of(0.9, 8, 10),) * 15))
    assert "Calibration on the test data: ECE 3.21 % over 15 bins of equal mass" in shown(svg)


@given(st.lists(st.tuples(st.floats(0, 1.0000009), st.booleans()), min_size=1, max_size=60))
def test_any_calibration_is_drawn_inside_the_picture(answers: list[tuple[float, bool]]) -> None:
    """Whiskers too, however few examples there are."""
    rows = [Row(id=str(i), truth=1, prediction=int(right), confidence=c) for i, (c, right) in enumerate(answers)]
    calibration = calibrate(rows)
    assert calibration is not None
    root = ElementTree.fromstring(reliability_diagram(calibration))
    for path in root.iter(f"{SVG}path"):
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", path.attrib["d"])]
        assert min(numbers) >= 0
        assert max(numbers) <= float(root.attrib["width"])
    for x, y in points(reliability_diagram(calibration)):
        assert 75.9 <= x <= 416.1
        assert 47.9 <= y <= 388.1
