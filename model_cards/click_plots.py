"""What is drawn of click-through: ROC, precision over recall, calibration of the probabilities, lift by tenths."""

from collections.abc import Sequence
from dataclasses import replace

from .bar_plot import Bar, Level, bar_plot
from .calibration import Calibration, calibrate
from .clicks import Clicks
from .evidence import Row
from .metric import percent
from .square_plot import Square
from .statistics import wilson
from .svg import LINE, MUTED, stroke, ticks
from .tenths import ordinal, tenths
from .threshold_curves import thinned, threshold_curves

_ENDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def roc_plot(clicks: Clicks, value: float) -> bytes:
    """The ROC curve; ``value`` is the area under it."""
    square = Square(across="share of unclicked examples above the threshold", up="share of clicked ones")
    whole = threshold_curves(clicks.clicked, clicks.probability)
    curve = thinned(whole, whole.recall + whole.false_alarms)
    points = [square.at(0, 0), *map(square.at, curve.false_alarms.tolist(), curve.recall.tolist())]
    chance = f"M{square.at(0, 0)}L{square.at(1, 1)}"
    key = [f"area under the curve {value:.4f}", "dashed: a guess, 0.5"]
    return square.picture(
        f"ROC curve on the test data: AUC {value:.4f}", [stroke(chance, MUTED, dashed=True), _line(points)], key
    )


def precision_recall_plot(clicks: Clicks, value: float) -> bytes:
    """Precision over recall; ``value`` is the average precision."""
    square = Square(across="share of clicked examples above the threshold (recall)", up="of those above, clicked")
    whole = threshold_curves(clicks.clicked, clicks.probability)
    curve = thinned(whole, whole.recall)
    points = list(map(square.at, curve.recall.tolist(), curve.precision.tolist()))
    base = float(clicks.clicked.mean())
    guess = f"M{square.at(0, base)}H{square.x(1):.1f}"
    key = [f"average precision {value:.4f}", f"dashed: a guess, {base:.4f}"]
    return square.picture(
        f"Precision over recall on the test data: average precision {value:.4f}",
        [stroke(guess, MUTED, dashed=True), _line([square.at(0, float(curve.precision[0])), *points])],
        key,
    )


def click_calibration(rows: Sequence[Row]) -> Calibration | None:
    """Bins of equal mass of the probability of a click beside the share that was clicked (`calibration.calibrate`)."""
    return calibrate([replace(row, prediction=1) for row in rows])


def calibration_plot(found: Calibration) -> bytes:
    """One point for each bin: its mean probability, the share that was clicked, and Wilson's interval."""
    highest = max(max(one.confidence, one.interval.high) for one in found.bins)
    square = Square(
        across="mean probability", up="share clicked", end=next((end for end in _ENDS if end >= highest), 1.0)
    )
    body = [stroke(f"M{square.at(0, 0)}L{square.at(square.end, square.end)}", MUTED, dashed=True)]
    for one in found.bins:
        x, low, high = square.x(one.confidence), square.y(one.interval.low), square.y(one.interval.high)
        told = f"{one.n:,} examples: {percent(one.confidence)} said, {percent(one.accuracy)} clicked"
        body.append(
            f"<g><title>{told}</title>{stroke(f'M{x:.1f} {low:.1f}V{high:.1f}', LINE)}"
            f'<circle cx="{x:.1f}" cy="{square.y(one.accuracy):.1f}" r="4" fill="{LINE}"/></g>'
        )
    key = [f"{len(found.bins)} bins of equal mass,", "with 95 % intervals", "dashed: as likely as said"]
    return square.picture(f"Calibration on the test data: ECE {percent(found.error)}", body, key)


def lift_plot(rows: Sequence[Row]) -> bytes:
    """How often each tenth of the examples, the most probable first, is clicked, beside all of them."""
    base = sum(row.truth for row in rows) / len(rows)
    bars = []
    for place, part in enumerate(tenths(rows, lambda row: row.confidence), start=1):
        clicked = sum(row.truth for row in part)
        share, interval = clicked / len(part), wilson(clicked, len(part))
        bars.append(
            Bar(
                label=f"{ordinal(place)} tenth",
                value=share / base,
                low=interval.low / base,
                high=interval.high / base,
                written=f"{share / base:.2f} ×",
                n=len(part),
                told=f"{ordinal(place)} tenth: {percent(share)} clicked, {percent(interval.low)} to "
                f"{percent(interval.high)}",
            )
        )
    end = max(bar.high for bar in bars)
    level = Level(value=1.0, name=f"all: {percent(base)} clicked")
    return bar_plot("Lift of each tenth, the most probable first, with 95 % intervals", bars, level, ticks(0, end), end)


def _line(points: Sequence[str]) -> str:
    return f'<polyline points="{" ".join(points)}" fill="none" stroke="{LINE}" stroke-width="2"/>'
