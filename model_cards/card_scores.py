"""The card's sections on click-through, recommendation and ranking: every metric of the evidence, and the plots."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from .card_baselines import NOT_MEASURED, NOTHING, Cells, chance_cells, popularity_cells
from .click_plots import calibration_plot, click_calibration, lift_plot, precision_recall_plot, roc_plot
from .clicks import clicks_of
from .errors import InputError
from .evidence import Row
from .metric import Metric, percent, told
from .protocol import FAMILIES, Protocol, score, with_metric
from .protocols_of_scores import ranking
from .rank_plots import first_relevant_plot, popularity_plot
from .ranking import K, first_relevant
from .recommendation import ranks, seen

ROC, PRECISION_RECALL, LIFT = "plots/roc.svg", "plots/precision-recall.svg", "plots/lift.svg"
CALIBRATION, POPULARITY, PLACES = "plots/calibration.svg", "plots/popularity.svg", "plots/places.svg"

Section = tuple[str, Mapping[str, bytes]]


def scores_section(protocol: Protocol, rows: Sequence[Row]) -> Section:
    """The section's text, and the plots that it shows by path.

    Raises:
        InputError: rows that are no evidence of the protocol.
    """
    if protocol.family == "click-through":
        return _clicks(protocol, rows)
    if protocol.family.startswith("recommendation"):
        return _recommendation(protocol, rows)
    return _ranking(protocol, rows)


def _clicks(protocol: Protocol, rows: Sequence[Row]) -> Section:
    clicks, figures = clicks_of(rows), _figures(protocol, rows)
    calibration = click_calibration(rows)
    plots = {
        ROC: roc_plot(clicks, figures["auc"].value),
        PRECISION_RECALL: precision_recall_plot(clicks, figures["average_precision"].value),
        LIFT: lift_plot(rows),
    }
    clicked = int(clicks.clicked.sum())
    by_unit = f", drawn in {int(clicks.units.max()) + 1:,} units, by which the intervals go" if clicks.by_unit else ""
    text = [
        "## Scores\n",
        f"{clicked:,} of {len(rows):,} examples were clicked ({percent(clicked / len(rows))}){by_unit}.\n",
        _table(figures, protocol),
        f"![ROC curve]({ROC})\n",
        f"![Precision over recall]({PRECISION_RECALL})\n",
        f"![Lift of each tenth, the most probable first]({LIFT})\n",
    ]
    if calibration is not None:
        plots[CALIBRATION] = calibration_plot(calibration)
        text += [
            "## Calibration\n",
            f"Expected calibration error {percent(calibration.error)} (ECE, {len(calibration.bins)} bins of equal "
            "mass): how far, on average, the probability lies from the share that was clicked.\n",
            f"![Share clicked over mean probability]({CALIBRATION})\n",
        ]
    return "\n".join(text), plots


def _recommendation(protocol: Protocol, rows: Sequence[Row]) -> Section:
    hit, counts = ranks(rows) <= 10, seen(rows)
    fewest, most = (pick(row.truth["candidates"] for row in rows) for pick in (min, max))
    among = f"{most:,}" if fewest == most else f"{fewest:,} to {most:,}"
    text = [
        "## Recommendations\n",
        f"Each of {len(rows):,} users has one item to be found among {among} others. Equal scores count against it.\n",
        _table(
            _figures(protocol, rows), protocol, ("most popular", "difference, paired"), popularity_cells(protocol, rows)
        ),
        "*Most popular*: the same candidates in the order of how often they occur in the training data, which needs no "
        "model.\n",
        "## Popularity\n",
        f"The items that were found occur {_median(counts[hit])} times in the training data (median), those that were "
        f"missed {_median(counts[~hit])} times.\n",
        f"![Hit rate by how often the item is in the training data]({POPULARITY})\n",
    ]
    return "\n".join(text), {POPULARITY: popularity_plot(rows)}


def _ranking(protocol: Protocol, rows: Sequence[Row]) -> Section:
    legacy = protocol.family == "ranking-legacy"
    figures = _figures(protocol, rows)
    whole = [replace(row, truth=row.truth["labels"]) for row in rows] if legacy else rows
    places = first_relevant(whole)
    text = [
        "## Ranking\n",
        f"Groups with a relevant item: {len(places):,} of {len(rows):,}; the others are left out.\n",
        _table(figures, protocol)
        if legacy
        else _table(figures, protocol, ("by chance",), chance_cells(protocol.metric, rows)),
    ]
    if legacy:
        exact = score(ranking(), whole)
        text.append(
            "The protocol counts as the reference did, which cut groups where its batches ended: compare the figure "
            f"with published ones of that code alone. Over whole groups the same scores have {_figure(exact)}.\n"
        )
    text.append(f"![Where the first relevant item of a group stands]({PLACES})\n")
    return "\n".join(text), {PLACES: first_relevant_plot(places, K)}


def _figures(protocol: Protocol, rows: Sequence[Row]) -> dict[str, Metric]:
    """Every metric of the family that this evidence has what it takes for."""
    found = {}
    for name in FAMILIES[protocol.family].metrics:
        try:
            found[name] = score(with_metric(protocol, name), rows)
        except InputError:
            if name == protocol.metric:
                raise
    return found


def _table(
    figures: Mapping[str, Metric], protocol: Protocol, beside: Sequence[str] = (), cells: Cells = NOTHING
) -> str:
    """A line for each metric of the family; ``beside`` names further columns, which ``cells`` fill."""
    lines = [_line(("metric", "value", "95 %", *beside)), "|---" * (3 + len(beside)) + "|\n"]
    for name in FAMILIES[protocol.family].metrics:
        own = (told(name, figures[name].value), _interval(figures[name])) if name in figures else (NOT_MEASURED, "")
        lines.append(_line((name, *own, *cells.get(name, (NOT_MEASURED,) * len(beside)))))
    return "".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "".join(f"| {cell} " if cell else "| " for cell in cells) + "|\n"


def _interval(metric: Metric) -> str:
    return f"{told(metric.name, metric.low)} to {told(metric.name, metric.high)}"


def _figure(metric: Metric) -> str:
    return f"{metric.name} {told(metric.name, metric.value)} ({_interval(metric)})"


def _median(counts: np.typing.NDArray[np.int64]) -> str:
    return f"{float(np.median(counts)):,.0f}" if len(counts) else "no"
