"""The learning curve: the validation metric over the run clock, with its target and the moment it held."""

from collections.abc import Sequence

from .clocks import Point
from .svg import GOAL, GRID, LINE, MUTED, heading, picture, stroke, text, ticks
from .target import Target

_WIDTH, _HEIGHT = 720, 360  # pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 112, 60, 48  # the target's label stands right of the plot, the crossing's above it


def _clock(end: float) -> tuple[float, str, str]:
    """Seconds in one unit of the axis, the unit's name and its sign, as the card tells times of that length."""
    if end < 120:
        return 1.0, "seconds", "s"
    return (60.0, "minutes", "min") if end < 7200 else (3600.0, "hours", "h")


def learning_curve(curve: Sequence[Point], target: Target | None, metric: str, crossing: float | None) -> bytes:
    """The validation metric over the run clock, the target as a line, the crossing as a mark.

    ``crossing`` is the second at which the target was determined to hold, ``None`` if it never was.
    """
    title = f"{metric} on validation over the run clock"
    if not curve:
        return picture(_WIDTH, 80, title, [text(24, 46, "Learning curve: not measured.", fill=MUTED)])
    values = [p.value for p in curve] + ([target.threshold] if target else [])
    low, high = min(values), max(values)
    # At least so wide that the ticks of a flat curve are told apart by few decimals.
    margin = max(0.02, 0.08 * (high - low), 0.001 * max(abs(low), abs(high)))
    low, high = low - margin, high + margin
    end = 1.04 * max(0.01, crossing or 0.0, *(p.seconds for p in curve))
    unit, unit_name, unit_sign = _clock(end)

    def x(seconds: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * seconds / end

    def y(value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - value) / (high - low)

    body = [heading(_LEFT, title)]
    for tick, name in ticks(low, high):
        body.append(
            stroke(f"M{_LEFT} {y(tick):.1f}H{_WIDTH - _RIGHT}", GRID)
            + text(_LEFT - 8, y(tick) + 4, name, anchor="end", fill=MUTED)
        )
    for tick, name in ticks(0.0, end / unit, 8):
        body.append(text(x(tick * unit), _HEIGHT - 26, name, anchor="middle", fill=MUTED))
    body.append(text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 8, unit_name, anchor="middle", fill=MUTED))
    points = " ".join(f"{x(p.seconds):.1f},{y(p.value):.1f}" for p in curve)
    body.append(f'<polyline points="{points}" fill="none" stroke="{LINE}" stroke-width="2"/>')
    body += [f'<circle cx="{x(p.seconds):.1f}" cy="{y(p.value):.1f}" r="3" fill="{LINE}"/>' for p in curve]
    if target is not None:
        at = y(target.threshold)
        body.append(
            stroke(f"M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}", GOAL, dashed=True)
            + text(_WIDTH - _RIGHT + 6, at + 4, f"target {target.threshold:g}".replace("-", "−"), fill=GOAL)
        )
    if crossing is not None:
        at = x(crossing)
        held = f"held at {crossing / unit:.{2 if unit_sign == 'h' else 1}f} {unit_sign}"
        side = "start" if at < _LEFT + 60 else "middle"
        body.append(
            stroke(f"M{at:.1f} {_TOP}V{_HEIGHT - _BOTTOM}", GOAL, width=1.5)
            + text(at, _TOP - 8, held, anchor=side, fill=GOAL)
        )
    return picture(_WIDTH, _HEIGHT, title, body)
