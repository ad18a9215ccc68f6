"""Plots: well-formed, to scale, and readable whatever the labels."""

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.model_cards import Row, Target
from roadworthy.model_cards.clocks import Point
from roadworthy.model_cards.confusion_matrix import confusion_matrix
from roadworthy.model_cards.learning_curve import learning_curve
from roadworthy.model_cards.svg import MOST_CLASSES

Answers = Callable[..., tuple[Row, ...]]
SVG = "{http://www.w3.org/2000/svg}"
TARGET = Target(metric="top1", relation=">=", threshold=0.95)


def curve(*values: float, every: float = 10.0) -> list[Point]:
    """One evaluation each ``every`` seconds."""
    return [Point(seconds=(i + 1) * every, samples=i, value=value) for i, value in enumerate(values)]


def texts(svg: bytes) -> list[ElementTree.Element]:
    """The text elements of a picture."""
    return list(ElementTree.fromstring(svg).iter(f"{SVG}text"))


def place(svg: bytes, label: str, axis: str) -> float:
    """Where the text ``label`` stands."""
    (found,) = [element for element in texts(svg) if element.text == label]
    return float(found.attrib[axis])


def strokes(svg: bytes, dashed: bool) -> list[str]:
    """The drawing commands of the target's line (dashed) and of the crossing's (not)."""
    paths = ElementTree.fromstring(svg).iter(f"{SVG}path")
    return [
        p.attrib["d"] for p in paths if p.attrib["stroke"] == "#b44d12" and ("stroke-dasharray" in p.attrib) == dashed
    ]


def test_a_curve_without_points_says_so() -> None:
    """Instead of an empty frame."""
    svg = learning_curve([], TARGET, "top1", None)
    assert [element.text for element in texts(svg)] == ["Learning curve: not measured."]


def test_the_target_lies_where_the_ticks_say() -> None:
    """0.95 lies half-way between the ticks 0.9 and 1.0; a tick's text stands 4 px below its line."""
    svg = learning_curve(curve(0.6, 0.9, 1.0), TARGET, "top1", None)
    expected = (place(svg, "0.9", "y") + place(svg, "1.0", "y")) / 2 - 4
    (line,) = strokes(svg, dashed=True)
    assert float(re.findall(r"[\d.]+", line)[1]) == pytest.approx(expected, abs=0.11)


def test_the_points_lie_where_the_ticks_say() -> None:
    """0.7 after 20 s of 40: on the tick 0.7's line, above the tick 20."""
    svg = learning_curve(curve(0.6, 0.7, 0.8, 0.9), None, "top1", None)
    points = list(ElementTree.fromstring(svg).iter(f"{SVG}circle"))
    assert float(points[1].attrib["cy"]) == pytest.approx(place(svg, "0.7", "y") - 4, abs=0.11)
    assert float(points[1].attrib["cx"]) == pytest.approx(place(svg, "20", "x"), abs=0.11)


def test_the_crossing_lies_where_the_ticks_say() -> None:
    """25 s is half-way between 20 and 30."""
    svg = learning_curve(curve(0.6, 0.7, 0.96), TARGET, "top1", 25.0)
    (line,) = strokes(svg, dashed=False)
    expected = (place(svg, "20", "x") + place(svg, "30", "x")) / 2
    assert float(re.findall(r"[\d.]+", line)[0]) == pytest.approx(expected, abs=0.11)
    assert "held at 25.0 s" in [element.text for element in texts(svg)]


def test_no_crossing_is_no_mark() -> None:
    """The target was not held."""
    assert strokes(learning_curve(curve(0.6, 0.7), TARGET, "top1", None), dashed=False) == []


def test_labels_of_target_and_crossing_stand_outside_the_plot() -> None:
    """Where no curve can run through them: right of its frame, and above it."""
    svg = learning_curve(curve(0.6, 0.7, 0.96), TARGET, "top1", 30.2)
    (right,) = {float(m) for m in re.findall(rb"H([\d.]+)", svg)}
    (top,) = [float(re.findall(r"[\d.]+", line)[1]) for line in strokes(svg, dashed=False)]
    assert place(svg, "target 0.95", "x") >= right
    assert place(svg, "held at 30.2 s", "y") < top


@pytest.mark.parametrize(
    ("every", "unit", "held"),
    [(10.0, "seconds", "held at 30.0 s"), (100.0, "minutes", "held at 5.0 min"), (9000.0, "hours", "held at 7.50 h")],
)
def test_the_axis_is_in_the_unit_of_the_card(every: float, unit: str, held: str) -> None:
    """Three evaluations, the last of which held: nobody reads 27000 seconds."""
    svg = learning_curve(curve(0.6, 0.7, 0.96, every=every), TARGET, "top1", 3 * every)
    assert {unit, held} <= {element.text for element in texts(svg)}


@given(
    st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=5),
    st.floats(0, 1e7),
    st.none() | st.floats(-1e5, 1e5),
    st.none() | st.floats(0, 1e7),
)
def test_any_curve_is_drawn_inside_the_picture(
    values: list[float], every: float, threshold: float | None, crossing: float | None
) -> None:
    """Whatever the metric's scale: well-formed, with a few short round numbers on each axis."""
    target = None if threshold is None else Target(metric="x", relation=">=", threshold=threshold)
    svg = learning_curve(curve(*values, every=every), target, "x", crossing)
    root = ElementTree.fromstring(svg)
    for point in root.iter(f"{SVG}circle"):
        assert 0 <= float(point.attrib["cx"]) <= float(root.attrib["width"])
        assert 0 <= float(point.attrib["cy"]) <= float(root.attrib["height"])
    numbers = [e.text or "" for e in texts(svg) if re.fullmatch(r"[−\d.,e+]+", e.text or "")]
    assert 2 <= len(numbers) <= 18
    assert len(set(numbers)) >= len(numbers) / 2
    assert all(len(number) <= 9 and "e" not in number for number in numbers)


def test_ticks_are_round_and_written_alike() -> None:
    """As many decimals as the step has, a real minus sign, no minus zero."""
    svg = learning_curve(curve(-0.21, 0.21), None, "x", None)
    found = [e.text for e in texts(svg) if e.attrib["text-anchor"] == "end"]
    assert found == ["−0.2", "−0.1", "0", "0.1", "0.2"]


@pytest.mark.parametrize("label", ["<script>&\"'", "a\x00b\x1b", "\ud800", "x" * 500, "日本語" * 30, ""])
def test_any_label_is_text(label: str) -> None:
    """Escaped, and without what XML cannot hold."""
    row = Row(id="a", truth=0, prediction=1, confidence=1)
    svg = confusion_matrix([row], [label, "dog"])
    assert svg is not None
    root = ElementTree.fromstring(svg)
    assert root.find(f"{SVG}script") is None
    titles = [e.text or "" for e in root.iter(f"{SVG}title")]
    if label.isprintable():
        assert f"{label} → dog: 1" in titles


def test_a_long_label_is_cut_and_whole_in_the_tooltip() -> None:
    """With an ellipsis, before it leaves the picture."""
    name = "Staphylococcus aureus, methicillin-resistant"
    svg = confusion_matrix([Row(id="a", truth=0, prediction=0, confidence=1)], [name, "other"])
    assert svg is not None
    shown = [e.text or "" for e in texts(svg) if (e.text or "").startswith("Staph")]
    assert shown
    assert all(text.endswith("…") and len(text) <= 20 for text in shown)
    assert f"{name} → other: 0".encode() in svg


def test_counts_stand_in_their_cells() -> None:
    """Rows are truths, columns predictions: 3 cats seen as cats, 1 cat as dog, 2 dogs as dogs."""
    pairs = [(0, 0)] * 3 + [(0, 1)] + [(1, 1)] * 2
    rows = [Row(id=str(i), truth=t, prediction=p, confidence=1) for i, (t, p) in enumerate(pairs)]
    svg = confusion_matrix(rows, ["cat", "dog"])
    assert svg is not None
    counted = [e for e in texts(svg) if (e.text or "").isdigit()]
    assert [e.text for e in counted] == ["3", "1", "0", "2"]
    ys, xs = [e.attrib["y"] for e in counted], [e.attrib["x"] for e in counted]
    assert ys[0] == ys[1] != ys[2] == ys[3]
    assert xs[0] == xs[2] != xs[1] == xs[3]


@pytest.mark.parametrize("classes", [1, 2, 7, MOST_CLASSES])
def test_every_class_is_named_twice(classes: int, answers: Answers) -> None:
    """At its row and at its column, also where only a slanted text fits."""
    labels = [f"kind {i}" for i in range(classes)]
    svg = confusion_matrix(answers(30, 40, classes), labels)
    assert svg is not None
    shown = [e.text for e in texts(svg)]
    assert all(shown.count(label) == 2 for label in labels)


def test_a_class_without_examples_is_a_row_of_noughts() -> None:
    """Nothing is divided by it."""
    svg = confusion_matrix([Row(id="a", truth=0, prediction=0, confidence=1)], ["cat", "dog"])
    assert svg is not None
    assert [e.text for e in texts(svg) if (e.text or "").isdigit()] == ["1", "0", "0", "0"]


@pytest.mark.parametrize("classes", [0, MOST_CLASSES + 1, 1000])
def test_too_many_classes_to_see_are_no_picture(classes: int, answers: Answers) -> None:
    """And so are none."""
    assert confusion_matrix(answers(5, 5), [str(i) for i in range(classes)]) is None


@pytest.mark.parametrize(("truth", "prediction"), [(2, 0), (0, 2), (-1, 0), (0, -1)])
def test_a_class_that_has_no_label_is_refused(truth: int, prediction: int) -> None:
    """Also -1, which Python would count from the end."""
    with pytest.raises(IndexError):
        confusion_matrix([Row(id="a", truth=truth, prediction=prediction, confidence=1)], ["cat", "dog"])


def _luminance(colour: tuple[float, float, float]) -> float:
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]


def _rgb(text: str) -> tuple[float, float, float]:
    red, green, blue = (int(text[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


@pytest.mark.parametrize("right", [0, 10, 20, 30, 40])
def test_figures_are_readable_on_every_cell(right: int, answers: Answers) -> None:
    """Contrast of at least 4.5:1 (WCAG 2.1, 1.4.3), however full the cell."""
    svg = confusion_matrix(answers(right, 40), ["cat", "dog"])
    assert svg is not None
    root = ElementTree.fromstring(svg)
    cells = [e for e in root.iter(f"{SVG}rect") if "fill-opacity" in e.attrib]
    inks = [e for e in texts(svg) if (e.text or "").isdigit()]
    for cell, ink in zip(cells, inks, strict=True):
        opacity = float(cell.attrib["fill-opacity"])
        red, green, blue = (1 - opacity + opacity * c for c in _rgb(cell.attrib["fill"]))
        light, dark = _luminance((red, green, blue)), _luminance(_rgb(ink.attrib["fill"]))
        assert (light + 0.05) / (dark + 0.05) >= 4.5
