"""Plots as SVG text: the learning curve with its target, and the confusion matrix.

Drawn by hand because an audit renders them again and compares bytes; a plotting library's output
changes with its version and its fonts. Text keeps a contrast of 4.5:1 on the white paper and on every cell.
"""

import html
import math
import re
from collections.abc import Sequence

from .clocks import Point
from .evidence import Row
from .target import Target

_WIDTH, _HEIGHT = 720, 360  # pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 112, 60, 48  # the target's label stands right of the plot, the crossing's above it
_INK, _MUTED, _LINE, _GOAL, _PAPER = "#1f2933", "#52606d", "#0b69a3", "#b44d12", "#ffffff"
_STYLE = "font-family:ui-sans-serif,system-ui,'Segoe UI',Helvetica,Arial,sans-serif;font-size:13px"
MOST_CLASSES = 24  # beyond this a confusion matrix is a texture, not a picture
_SHADE = 0.06, 0.62  # opacity of an empty cell, and what a full one adds: dark figures stay readable on both
# What XML 1.0 cannot hold: a label may be the name of any folder.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def escape(text: str) -> str:
    """``text`` as XML character data or an attribute's value."""
    return html.escape(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text))


def _svg(width: int, height: int, title: str, body: list[str]) -> bytes:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{escape(title)}" style="{_STYLE}">'
    )
    paper = f'<rect width="{width}" height="{height}" fill="{_PAPER}"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", paper, *body, "</svg>", ""]).encode()


def _text(x: float, y: float, text: str, *, anchor: str = "start", fill: str = _INK, extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}"{extra}>{escape(text)}</text>'


def _ticks(low: float, high: float, most: int = 6) -> list[tuple[float, str]]:
    """Round numbers between ``low`` and ``high``, each with its text."""
    # The smallest of 1, 2, 5 x 10**e that makes few enough steps.
    exponent = int(f"{(high - low) / most:e}".partition("e")[2])
    step, decimals = next(
        (factor * 10.0**e, max(0, -e))
        for e in (exponent, exponent + 1)
        for factor in (1, 2, 5)
        if (high - low) / (factor * 10.0**e) <= most
    )
    return [
        (k * step, _number(k * step, decimals))
        for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    ]


def _number(value: float, decimals: int) -> str:
    text = f"{value:,.{decimals}f}"
    return "0" if not text.strip("-0.,") else text.replace("-", "−")


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
        return _svg(_WIDTH, 80, title, [_text(24, 46, "Learning curve: not measured.", fill=_MUTED)])
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

    body = [_text(_LEFT, 22, title, extra=' font-weight="600"')]
    for tick, name in _ticks(low, high):
        body.append(
            f'<path d="M{_LEFT} {y(tick):.1f}H{_WIDTH - _RIGHT}" stroke="#e4e7eb"/>'
            + _text(_LEFT - 8, y(tick) + 4, name, anchor="end", fill=_MUTED)
        )
    for tick, name in _ticks(0.0, end / unit, 8):
        body.append(_text(x(tick * unit), _HEIGHT - 26, name, anchor="middle", fill=_MUTED))
    body.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 8, unit_name, anchor="middle", fill=_MUTED))
    points = " ".join(f"{x(p.seconds):.1f},{y(p.value):.1f}" for p in curve)
    body.append(f'<polyline points="{points}" fill="none" stroke="{_LINE}" stroke-width="2"/>')
    body += [f'<circle cx="{x(p.seconds):.1f}" cy="{y(p.value):.1f}" r="3" fill="{_LINE}"/>' for p in curve]
    if target is not None:
        at = y(target.threshold)
        body.append(
            f'<path d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}" stroke="{_GOAL}" stroke-dasharray="6 4"/>'
            + _text(_WIDTH - _RIGHT + 6, at + 4, f"target {target.threshold:g}".replace("-", "−"), fill=_GOAL)
        )
    if crossing is not None:
        at = x(crossing)
        held = f"held at {crossing / unit:.{2 if unit_sign == 'h' else 1}f} {unit_sign}"
        side = "start" if at < _LEFT + 60 else "middle"
        body.append(
            f'<path d="M{at:.1f} {_TOP}V{_HEIGHT - _BOTTOM}" stroke="{_GOAL}" stroke-width="1.5"/>'
            + _text(at, _TOP - 8, held, anchor=side, fill=_GOAL)
        )
    return _svg(_WIDTH, _HEIGHT, title, body)


def confusion_matrix(rows: Sequence[Row], labels: Sequence[str]) -> bytes | None:
    """Counts of (truth, prediction); ``None`` where there are no classes, or too many to see.

    Raises:
        IndexError: a row's truth or prediction is not the number of a label.
    """
    n = len(labels)
    if not 0 < n <= MOST_CLASSES:
        return None
    counts = [[0] * n for _ in labels]
    for row in rows:
        if min(row.truth, row.prediction) < 0:
            raise IndexError(f"row {row.id} has a negative class number")
        counts[row.truth][row.prediction] += 1
    digits = len(str(max(map(max, counts))))
    cell = max(min(96, 480 // n), 9 * digits + 6, 28)
    upright = all(_fit(label, cell - 4) == label for label in labels)
    left, top, foot = 170, 64, 32 if upright else 116
    width, height = left + cell * n + 24, top + cell * n + foot
    title = "Confusion matrix on the test data"
    body = [_text(16, 22, title, extra=' font-weight="600"')]
    body.append(_text(left, top - 8, "predicted →", fill=_MUTED) + _text(16, top - 8, "truth ↓", fill=_MUTED))
    for i, label in enumerate(labels):
        total = sum(counts[i]) or 1
        body.append(_text(left - 10, top + cell * (i + 0.5) + 4, _fit(label, left - 26), anchor="end"))
        for j, count in enumerate(counts[i]):
            fill = _GOAL if i != j else _LINE
            px, py = left + cell * j, top + cell * i
            body.append(
                f'<rect x="{px}" y="{py}" width="{cell - 2}" height="{cell - 2}" fill="{fill}" '
                f'fill-opacity="{_SHADE[0] + _SHADE[1] * count / total:.3f}"><title>{escape(label)} → '
                f"{escape(labels[j])}: {count}</title></rect>"
                + _text(px + cell / 2 - 1, py + cell / 2 + 4, str(count), anchor="middle")
            )
    for j, label in enumerate(labels):
        middle, below = left + cell * (j + 0.5), top + cell * n + 18
        if upright:
            body.append(_text(middle, below, label, anchor="middle"))
        else:
            slant = f' transform="rotate(-40 {middle:.1f} {below:.1f})"'
            body.append(_text(middle + 4, below, _fit(label, 140), anchor="end", extra=slant))
    return _svg(width, height, title, body)


def _fit(label: str, room: float) -> str:
    """``label``, cut where it would be wider than ``room`` pixels in a wide system font of 13 px."""
    widths = [_letter(letter) for letter in label]
    if sum(widths) <= room:
        return label
    kept, taken = 0, _letter("…")
    while taken + widths[kept] <= room:
        taken += widths[kept]
        kept += 1
    return label[:kept] + "…"


def _letter(letter: str) -> float:
    # Not by the font and not by Python's Unicode tables: both change, and the picture's bytes may not.
    if ord(letter) >= 0x1100 or letter in "MW@%":
        return 13.5
    return 9.5 if "A" <= letter <= "Z" or letter in "mw" else 7.5
