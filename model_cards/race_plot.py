"""The race as one picture: validation over the run clock, every attempt of every contender, and where each crossed."""

from collections.abc import Iterator

from .race import Contender, Race
from .svg import MUTED, fit, heading, picture, stroke, text
from .time_axes import WIDTH, TimeAxes

# Told apart by lightness too, and none of them the target's colour; each 4.5:1 on the paper or better.
_COLOURS = ("#0b69a3", "#86198f", "#166534", "#3f3f46", "#7a5901", "#4338ca")
_MARKS = ("circle", "square", "diamond", "triangle")
_ROW = 20  # pixels; one row of the legend for each contender


def race_plot(race: Race) -> bytes:
    """The picture.

    The attempt nearest the median is drawn strongly with its evaluations as marks, the others thinly; the target is a
    dashed line; the upright line of a contender stands where its middle attempt was determined to hold the target,
    and each small stroke at the foot where another attempt was.
    """
    metric = race.target.metric
    title = f"{metric} on validation over the run clock"
    points = [p for c in race.contenders for curve in c.curves for p in curve]
    if not points:
        return picture(WIDTH, 80, title, [text(24, 46, "Race: no attempt was evaluated.", fill=MUTED)])
    crossings = [at for c in race.contenders for at in c.crossings if at is not None]
    axes = TimeAxes.around(points, race.target, [0.0, *crossings], top=44 + _ROW * len(race.contenders))
    body = [heading(axes.left, title), *axes.frame(), axes.goal(race.target)]
    for number, contender in enumerate(race.contenders):
        colour, mark = _COLOURS[number % len(_COLOURS)], _MARKS[number % len(_MARKS)]
        body += [*_legend(axes, contender, colour, mark, 46 + _ROW * number), *_drawn(axes, contender, colour, mark)]
    return picture(WIDTH, axes.height, title, body)


def _legend(axes: TimeAxes, contender: Contender, colour: str, mark: str, at: float) -> Iterator[str]:
    yield stroke(f"M{axes.left} {at - 4:g}H{axes.left + 24}", colour, width=2) + _mark(
        mark, axes.left + 12, at - 4, colour
    )
    yield text(axes.left + 32, at, fit(contender.name, 280))
    yield text(WIDTH - 24, at, _outcome(axes, contender), anchor="end", fill=colour)


def _outcome(axes: TimeAxes, contender: Contender) -> str:
    series = contender.series
    n, reached = len(series.attempts), len(series.attempts) - series.failures
    at = contender.crossings[series.shipped - 1]
    if at is None:
        return f"did not hold in any of {n} attempts" if n > 1 else "did not hold"
    held = f"held at {axes.told(at)}"
    if n == 1:
        return held
    return f"{held}, the middle of {n}" if reached == n else f"{held}; {reached} of {n} attempts held"


def _drawn(axes: TimeAxes, contender: Contender, colour: str, mark: str) -> Iterator[str]:
    middle = contender.series.shipped - 1
    for number, (curve, crossing) in enumerate(zip(contender.curves, contender.crossings, strict=True)):
        if number == middle:
            continue
        yield f'<polyline points="{axes.line(curve)}" fill="none" stroke="{colour}" stroke-opacity="0.4"/>'
        if crossing is not None:
            yield stroke(f"M{axes.x(crossing):.1f} {axes.bottom}V{axes.bottom - 8}", colour, width=2)
    curve, crossing = contender.curves[middle], contender.crossings[middle]
    yield f'<polyline points="{axes.line(curve)}" fill="none" stroke="{colour}" stroke-width="2"/>'
    yield from (_mark(mark, axes.x(p.seconds), axes.y(p.value), colour) for p in curve)
    if crossing is not None:
        yield stroke(f"M{axes.x(crossing):.1f} {axes.top}V{axes.bottom}", colour, width=1.5)


def _mark(shape: str, x: float, y: float, colour: str) -> str:
    if shape == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'
    corners = {
        "square": [(-3.2, -3.2), (3.2, -3.2), (3.2, 3.2), (-3.2, 3.2)],
        "diamond": [(0, -4.5), (4.5, 0), (0, 4.5), (-4.5, 0)],
        "triangle": [(0, -4.5), (4.2, 3.2), (-4.2, 3.2)],
    }[shape]
    return f'<polygon points="{" ".join(f"{x + dx:.1f},{y + dy:.1f}" for dx, dy in corners)}" fill="{colour}"/>'
