"""The learning curve: the validation metric over the run clock, with its target and the moment it held."""

from collections.abc import Sequence

from .clocks import Point
from .svg import GOAL, LINE, MUTED, heading, picture, stroke, text
from .target import Target
from .time_axes import WIDTH, TimeAxes

_TOP = 60  # pixels; the crossing's label stands above the plot


def learning_curve(curve: Sequence[Point], target: Target | None, metric: str, crossing: float | None) -> bytes:
    """The validation metric over the run clock, the target as a line, the crossing as a mark.

    ``crossing`` is the second at which the target was determined to hold, ``None`` if it never was.
    """
    title = f"{metric} on validation over the run clock"
    if not curve:
        return picture(WIDTH, 80, title, [text(24, 46, "Learning curve: not measured.", fill=MUTED)])
    axes = TimeAxes.around(curve, target, [crossing or 0.0], top=_TOP)
    body = [heading(axes.left, title), *axes.frame()]
    body.append(f'<polyline points="{axes.line(curve)}" fill="none" stroke="{LINE}" stroke-width="2"/>')
    body += [f'<circle cx="{axes.x(p.seconds):.1f}" cy="{axes.y(p.value):.1f}" r="3" fill="{LINE}"/>' for p in curve]
    if target is not None:
        body.append(axes.goal(target))
    if crossing is not None:
        at = axes.x(crossing)
        side = "start" if at < axes.left + 60 else "middle"
        body.append(
            stroke(f"M{at:.1f} {_TOP}V{axes.bottom}", GOAL, width=1.5)
            + text(at, _TOP - 8, f"held at {axes.told(crossing)}", anchor=side, fill=GOAL)
        )
    return picture(WIDTH, axes.height, title, body)
