"""Figures with their intervals as bars, one below the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from .svg import GOAL, GRID, INK, LINE, MUTED, escape, fit, heading, picture, stroke, text

_WIDTH, _ROW = 720, 26  # pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 190, 172, 64, 36


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One figure: its ``label``, the ends of its interval, how it is written, and of how many it is.

    ``told`` is what a reader sees who points at it.
    """

    label: str
    value: float
    low: float
    high: float
    written: str
    n: int
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A figure that all bars are held against: where it lies, and what it is called."""

    value: float
    name: str


def bar_plot(
    title: str, bars: Sequence[Bar], level: Level | None, marks: Sequence[tuple[float, str]], end: float = 1.0
) -> bytes:
    """The bars on an axis from 0 to ``end``, with ``marks`` on it, each a figure and its text."""

    def x(value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * min(value, end) / end

    bottom = _TOP + _ROW * len(bars)
    body = [heading(16, title)]
    for value, name in marks:
        body.append(stroke(f"M{x(value):.1f} {_TOP}V{bottom}", GRID))
        body.append(text(x(value), bottom + 20, name, anchor="middle", fill=MUTED))
    for place, bar in enumerate(bars):
        body += _bar(bar, x(bar.low), x(bar.value), x(bar.high), _TOP + _ROW * (place + 0.5))
    if level is not None:
        at = x(level.value)
        body.append(stroke(f"M{at:.1f} {_TOP - 6}V{bottom}", GOAL, dashed=True))
        body.append(text(at, _TOP - 12, level.name, anchor=_side(level.value / end), fill=GOAL))
    return picture(_WIDTH, bottom + _BOTTOM, title, body)


def _side(share: float) -> str:
    """So that the words stay above the bars, at both ends of the axis."""
    return "start" if share < 0.2 else "end" if share > 0.8 else "middle"


def _bar(bar: Bar, low: float, at: float, high: float, y: float) -> list[str]:
    caps = "".join(f"M{end:.1f} {y - 4:.1f}V{y + 4:.1f}" for end in (low, high))
    return [
        text(_LEFT - 10, y + 4, fit(bar.label, _LEFT - 26), anchor="end"),
        f'<rect x="{_LEFT}" y="{y - 8:.1f}" width="{at - _LEFT:.1f}" height="16" fill="{LINE}" '
        f'fill-opacity="0.3"><title>{escape(bar.told)}</title></rect>',
        stroke(f"M{low:.1f} {y:.1f}H{high:.1f}{caps}", LINE, width=1.5),
        f'<circle cx="{at:.1f}" cy="{y:.1f}" r="3.5" fill="{LINE}"/>',
        text(_WIDTH - _RIGHT + 74, y + 4, bar.written, anchor="end", fill=INK),
        text(_WIDTH - _RIGHT + 84, y + 4, f"n = {bar.n:,}", fill=MUTED),
    ]
