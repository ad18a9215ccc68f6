"""The axes of a plot over the run clock: a metric upwards, the time to the right, in the unit the card tells it in."""

from collections.abc import Iterable
from dataclasses import dataclass

from .clocks import Point
from .svg import GOAL, GRID, MUTED, stroke, text, ticks
from .target import Target

WIDTH = 720  # pixels, of the whole picture
_LEFT, _RIGHT, _BOTTOM = 76, 112, 48  # the target's label stands right of the plot
_PLOT = 252  # pixels from the top of the plot to its bottom


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeAxes:
    """A plot whose upper edge lies ``top`` pixels down: values ``low`` to ``high``, seconds 0 to ``end``."""

    top: int
    low: float
    high: float
    end: float

    @staticmethod
    def around(points: Iterable[Point], target: Target | None, crossings: Iterable[float], *, top: int) -> "TimeAxes":
        """Axes that hold all points, the target and the crossings (in seconds), with some room around them."""
        points = list(points)
        values = [p.value for p in points] + ([target.threshold] if target else [])
        low, high = min(values), max(values)
        # At least so wide that the ticks of a flat curve are told apart by few decimals.
        margin = max(0.02, 0.08 * (high - low), 0.001 * max(abs(low), abs(high)))
        end = 1.04 * max(0.01, *crossings, *(p.seconds for p in points))
        return TimeAxes(top=top, low=low - margin, high=high + margin, end=end)

    @property
    def height(self) -> int:
        """Pixels of the whole picture."""
        return self.top + _PLOT + _BOTTOM

    @property
    def left(self) -> int:
        """Where the plot begins, in pixels."""
        return _LEFT

    @property
    def right(self) -> int:
        """Where it ends."""
        return WIDTH - _RIGHT

    @property
    def bottom(self) -> int:
        """Its lower edge."""
        return self.top + _PLOT

    def x(self, seconds: float) -> float:
        """Pixels from the left."""
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * seconds / self.end

    def y(self, value: float) -> float:
        """Pixels from the top."""
        return self.top + _PLOT * (self.high - value) / (self.high - self.low)

    def frame(self) -> list[str]:
        """The grid and the figures on both axes."""
        body = []
        for tick, name in ticks(self.low, self.high):
            body.append(
                stroke(f"M{self.left} {self.y(tick):.1f}H{self.right}", GRID)
                + text(self.left - 8, self.y(tick) + 4, name, anchor="end", fill=MUTED)
            )
        unit, unit_name, _ = _unit(self.end)
        for tick, name in ticks(0.0, self.end / unit, 8):
            body.append(text(self.x(tick * unit), self.bottom + 22, name, anchor="middle", fill=MUTED))
        body.append(text((self.left + self.right) / 2, self.bottom + 40, unit_name, anchor="middle", fill=MUTED))
        return body

    def goal(self, target: Target) -> str:
        """The target as a dashed line, named at its right end."""
        at = self.y(target.threshold)
        named = text(self.right + 6, at + 4, f"target {target.threshold:g}".replace("-", "−"), fill=GOAL)
        return stroke(f"M{self.left} {at:.1f}H{self.right}", GOAL, dashed=True) + named

    def line(self, points: Iterable[Point]) -> str:
        """The points of a polyline."""
        return " ".join(f"{self.x(p.seconds):.1f},{self.y(p.value):.1f}" for p in points)

    def told(self, seconds: float) -> str:
        """A time in the unit of the axis."""
        unit, _, sign = _unit(self.end)
        return f"{seconds / unit:.{2 if sign == 'h' else 1}f} {sign}"


def _unit(end: float) -> tuple[float, str, str]:
    """Seconds in one unit of the axis, the unit's name and its sign, as the card tells times of that length."""
    if end < 120:
        return 1.0, "seconds", "s"
    return (60.0, "minutes", "min") if end < 7200 else (3600.0, "hours", "h")
