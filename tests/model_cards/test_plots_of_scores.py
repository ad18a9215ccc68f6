"""Plots of clicks, recommendations and rankings: their points against scikit-learn, and to scale inside the picture."""

import hashlib
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve
from statsmodels.stats.proportion import proportion_confint

from roadworthy.model_cards import Row
from roadworthy.model_cards.card_scores import scores_section
from roadworthy.model_cards.click_plots import (
    calibration_plot,
    click_calibration,
    lift_plot,
    precision_recall_plot,
    roc_plot,
)
from roadworthy.model_cards.clicks import click_row, clicks_of
from roadworthy.model_cards.grouped import group_row
from roadworthy.model_cards.protocols_of_scores import click_through, ranking, sampled_recommendation
from roadworthy.model_cards.rank_plots import first_relevant_plot, popularity_plot
from roadworthy.model_cards.recommendation import user_row
from roadworthy.model_cards.statistics import compare_paired
from roadworthy.model_cards.tenths import ordinal, tenths
from roadworthy.model_cards.threshold_curves import thinned, threshold_curves

SVG = "{http://www.w3.org/2000/svg}"


def clicks(n: int, seed: int, digits: int = 3) -> list[Row]:
    """Random clicks with ties; a third of them are clicked."""
    random = np.random.default_rng(seed)
    clicked = random.random(n) < 1 / 3
    said = np.clip(0.5 + 0.2 * random.normal(size=n) + 0.15 * clicked, 0, 1).round(digits)
    return [
        click_row(id=hashlib.sha256(str(i).encode()).hexdigest(), clicked=bool(c), probability=p)
        for i, (c, p) in enumerate(zip(clicked, said, strict=True))
    ]


def columns(rows: list[Row]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Truths and probabilities."""
    return np.array([row.truth == 1 for row in rows]), np.array([row.confidence for row in rows])


def elements(svg: bytes, name: str) -> list[ElementTree.Element]:
    """Those of a picture."""
    return list(ElementTree.fromstring(svg).iter(f"{SVG}{name}"))


def places(svg: bytes, axis: str, anchor: str) -> dict[str, float]:
    """Where the ticks of an axis stand, by what they say."""
    return {
        e.text or "": float(e.attrib[axis])
        for e in elements(svg, "text")
        if e.attrib["text-anchor"] == anchor and (e.text or "").endswith(" %")
    }


def points(svg: bytes) -> NDArray[np.float64]:
    """The polyline's, in pixels."""
    (line,) = elements(svg, "polyline")
    return np.array([[float(x) for x in point.split(",")] for point in line.attrib["points"].split()])


def inside(svg: bytes) -> None:
    """Every point lies in the picture, which is well-formed."""
    width, height = (float(ElementTree.fromstring(svg).attrib[name]) for name in ("width", "height"))
    for circle in elements(svg, "circle"):
        assert 0 <= float(circle.attrib["cx"]) <= width
        assert 0 <= float(circle.attrib["cy"]) <= height
    for words in elements(svg, "text"):
        assert 0 <= float(words.attrib["x"]) <= width
        assert 0 <= float(words.attrib["y"]) <= height


@pytest.mark.parametrize("digits", [1, 2, 6])
def test_the_curves_are_scikit_learns(digits: int) -> None:
    """Each threshold once; scikit-learn's curves begin with one that nobody reaches."""
    truth, said = columns(clicks(400, 1, digits))
    found = threshold_curves(truth, said)
    false_alarms, recall, _ = roc_curve(truth, said, drop_intermediate=False)
    assert found.false_alarms == pytest.approx(false_alarms[1:])
    assert found.recall == pytest.approx(recall[1:])
    precision, recall, _ = precision_recall_curve(truth, said)
    assert found.precision == pytest.approx(precision[:-1][::-1])
    assert found.recall == pytest.approx(recall[:-1][::-1])


def test_a_thinned_curve_keeps_its_form() -> None:
    """Of 20,000 thresholds some 200 remain; the area under them differs by less than a pixel."""
    truth, said = columns(clicks(20_000, 2, 9))
    whole = threshold_curves(truth, said)
    found = thinned(whole, whole.recall + whole.false_alarms)
    assert 150 <= len(found.recall) <= 201
    assert (found.recall[-1], found.false_alarms[-1]) == (1, 1)
    area = np.trapezoid([0, *found.recall], [0, *found.false_alarms])
    assert area == pytest.approx(roc_auc_score(truth, said), abs=0.002)
    few = thinned(threshold_curves(truth, said.round(1)), threshold_curves(truth, said.round(1)).recall)
    assert len(few.recall) <= len(np.unique(said.round(1)))


def test_the_roc_curve_lies_where_the_ticks_say() -> None:
    """From corner to corner, and through the share of clicks that the best half of the unclicked leaves."""
    rows = clicks(500, 3)
    svg = roc_plot(clicks_of(rows), 0.7)
    inside(svg)
    across, up = places(svg, "x", "middle"), places(svg, "y", "end")
    drawn = points(svg)
    assert drawn[0] == pytest.approx([across["0 %"], up["0 %"] - 4], abs=0.11)
    assert drawn[-1] == pytest.approx([across["100 %"], up["100 %"] - 4], abs=0.11)
    false_alarms, recall, _ = roc_curve(*columns(rows), drop_intermediate=False)
    shares = (drawn[:, 0] - across["0 %"]) / (across["100 %"] - across["0 %"])
    heights = (up["0 %"] - 4 - drawn[:, 1]) / (up["0 %"] - up["100 %"])
    pairs = np.stack([false_alarms, recall], axis=1)
    for point in np.stack([shares, heights], axis=1):
        assert np.abs(pairs - point).max(axis=1).min() < 0.001


def test_precision_begins_at_its_first_threshold() -> None:
    """And ends at the share of clicks, where the dashed line is."""
    rows = clicks(500, 4)
    svg = precision_recall_plot(clicks_of(rows), 0.5)
    inside(svg)
    up = places(svg, "y", "end")
    truth, _ = columns(rows)
    end = up["0 %"] - 4 - truth.mean() * (up["0 %"] - up["100 %"])
    assert points(svg)[-1, 1] == pytest.approx(end, abs=0.11)
    (dashed,) = [p.attrib["d"] for p in elements(svg, "path") if "stroke-dasharray" in p.attrib]
    assert float(dashed.split(",")[1].split("H")[0]) == pytest.approx(end, abs=0.11)


def test_calibration_is_of_the_probability_of_a_click() -> None:
    """Not of the answer's: low probabilities are bins, too; scikit-learn's quantile bins have the same means."""
    rows = clicks(1_500, 5, 9)
    found = click_calibration(rows)
    assert found is not None
    clicked, said = calibration_curve(*columns(rows), n_bins=15, strategy="quantile")
    assert [one.accuracy for one in found.bins] == pytest.approx(clicked, abs=0.011)
    assert [one.confidence for one in found.bins] == pytest.approx(said, abs=0.003)
    svg = calibration_plot(found)
    inside(svg)
    assert len(elements(svg, "circle")) == 15


def test_rare_clicks_are_drawn_large() -> None:
    """Of 2 % clicked the axes end at 10 %, not at 100."""
    random = np.random.default_rng(6)
    said = random.uniform(0, 0.04, 3_000)
    rows = [
        click_row(id=f"{i:06x}", clicked=bool(c), probability=p)
        for i, (c, p) in enumerate(zip(random.random(3_000) < said, said, strict=True))
    ]
    found = click_calibration(rows)
    assert found is not None
    assert max(float(name[:-2]) for name in places(calibration_plot(found), "x", "middle")) <= 10


def test_lift_is_the_share_of_clicks_beside_all() -> None:
    """Ten bars; the first by numpy, its interval by statsmodels."""
    rows = clicks(1_000, 7, 9)
    truth, said = columns(rows)
    best = truth[np.argsort(-said)[:100]]
    svg = lift_plot(rows)
    inside(svg)
    words = [element.text for element in elements(svg, "text")]
    assert f"{best.mean() / truth.mean():.2f} ×" in words
    low, high = proportion_confint(best.sum(), 100, method="wilson")
    told = [element.text or "" for element in elements(svg, "title")]
    assert f"1st tenth: {100 * best.mean():.2f} % clicked, {100 * low:.2f} % to {100 * high:.2f} %" in told
    assert sum("tenth: " in line for line in told) == 10


def test_tenths_differ_by_one_at_most() -> None:
    """The greatest first, and equal ones by their digests, whatever their order."""
    rows = [Row(id=f"{i:02x}", truth=0, prediction=0, confidence=float(i // 9)) for i in range(27)]
    parts = tenths(rows, lambda row: row.confidence)
    assert [len(part) for part in parts] == [2, 3, 3, 2, 3, 3, 2, 3, 3, 3]
    assert [row.id for part in parts for row in part][:3] == ["12", "13", "14"]
    assert tenths(rows[::-1], lambda row: row.confidence) == parts
    assert [len(part) for part in tenths(rows[:4], lambda row: row.confidence)] == [1, 1, 1, 1]
    assert [ordinal(place) for place in (1, 2, 3, 4, 10)] == ["1st", "2nd", "3rd", "4th", "10th"]


def test_hits_by_popularity() -> None:
    """A model that finds popular items only: the first bar is full, the last empty."""
    rows = [
        user_row(id=f"{i:06x}", candidates=100, pool="0" * 16, seen=i, above=0 if i >= 50 else 40, equal=0, score=0.5)
        for i in range(100)
    ]
    svg = popularity_plot(rows)
    inside(svg)
    words = [element.text for element in elements(svg, "text")]
    assert words.count("100.00 %") == words.count("0.00 %") == 5
    assert "seen 90 to 99 ×" in words
    assert "all: 50.00 %" in words
    text, _ = scores_section(sampled_recommendation(), rows)
    assert "found occur 74 times in the training data (median), those that were missed 24 times" in text
    assert "| hit_rate_at_10 | 50.00 % | 40.38 % to 59.62 % | not measured | not measured |" in text


def test_the_most_popular_items_stand_beside_the_model() -> None:
    """50 of 100 users hit by the model, 20 of those and no other by popularity: 30 gained, none lost."""
    rows = [
        user_row(
            id=f"{i:06x}",
            candidates=100,
            pool="0" * 16,
            seen=i,
            above=0 if i >= 50 else 40,
            equal=0,
            score=0.5,
            popular=9 if i >= 80 else 10,
        )
        for i in range(100)
    ]
    text, _ = scores_section(sampled_recommendation(), rows)
    found = compare_paired([i >= 50 for i in range(100)], [i >= 80 for i in range(100)])
    change = f"+30.00 points (+{100 * found.low:.2f} points to +{100 * found.high:.2f} points)"
    assert f"| hit_rate_at_10 | 50.00 % | 40.38 % to 59.62 % | 20.00 % | {change} |" in text
    assert f"| {0.2 / np.log2(11):.4f} | +" in text  # each of the twenty in the tenth place


def test_where_the_first_relevant_item_stands() -> None:
    """Two of four groups in the first place, one in the third, one beyond the twelfth; one without is left out."""
    svg = first_relevant_plot(np.array([1, 1, 3, 14]), 12)
    inside(svg)
    told = [(element.text or "").split(",")[0] for element in elements(svg, "title")]
    assert {"place 1: 2 of 4", "place 3: 1 of 4", "place 2: 0 of 4", "further down: 1 of 4"} <= set(told)
    rows = [
        group_row(id="aa", labels=[0, 1, 1], scores=[0.5, 0.25, 0.375]),
        group_row(id="bb", labels=[0, 0], scores=[0.5, 0.25]),
    ]
    text, plots = scores_section(ranking(), rows)
    assert "Groups with a relevant item: 1 of 2; the others are left out" in text
    # Of the orders of one wrong and two right: 1, 5/6 and 7/12.
    assert " | 0.8056 |" in text
    assert "place 2: 1 of 1" in plots["plots/places.svg"].decode()


def test_what_is_not_measured_says_so() -> None:
    """Without likelihoods there is no log loss; with units it says of how many."""
    rows = clicks(300, 8)
    text, plots = scores_section(click_through(), rows)
    assert "| log_loss | not measured | |" in text
    assert set(plots) == {f"plots/{name}.svg" for name in ("roc", "precision-recall", "lift", "calibration")}
    by_user = [click_row(id=row.id, clicked=row.truth == 1, probability=row.confidence, unit=row.id[0]) for row in rows]
    assert "drawn in 16 units, by which the intervals go" in scores_section(click_through(), by_user)[0]


def test_the_order_of_rows_draws_the_same() -> None:
    """An audit reads them sorted; whoever certified may have had them otherwise."""
    rows = clicks(300, 9, 1)
    assert scores_section(click_through(), rows) == scores_section(click_through(), rows[::-1])
