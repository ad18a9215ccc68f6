"""Plots as SVG text: the learning curve with its target, and the confusion matrix.

Drawn by hand because an audit renders them again and compares bytes; a plotting library's output
changes with its version and its fonts. Colours keep a contrast of 4.5:1 on white and on dark pages.
"""

from collections.abc import Sequence
from html import escape

from .clocks import Point
from .evidence import Row
from .target import Target

_WIDTH, _HEIGHT = 720, 360  # pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 40, 48
_INK, _MUTED, _LINE, _GOAL, _PAPER = "#1f2933", "#52606d", "#0b69a3", "#b44d12", "#ffffff"
_STYLE = "font-family:ui-sans-serif,system-ui,'Segoe UI',Helvetica,Arial,sans-serif;font-size:13px"
MOST_CLASSES = 24  # beyond this a confusion matrix is a texture, not a picture


def _svg(width: int, height: int, title: str, body: list[str]) -> bytes:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{escape(title)}" style="{_STYLE}">'
    )
    paper = f'<rect width="{width}" height="{height}" fill="{_PAPER}"/>'
    return "\n".join([head, f"<title>{escape(title)}</title>", paper, *body, "</svg>", ""]).encode()


def _text(x: float, y: float, text: str, *, anchor: str = "start", fill: str = _INK, extra: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}"{extra}>{escape(text)}</text>'


def _ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers between ``low`` and ``high``."""
    span = high - low
    step = next(s for e in range(-6, 9) for s in (10.0**e, 2 * 10.0**e, 5 * 10.0**e) if span / s <= most)
    first = -int(-low // step)
    return [k * step for k in range(first, int(high / step + 1e-9) + 1)]


def learning_curve(curve: Sequence[Point], target: Target | None, metric: str, crossing: float | None) -> bytes:
    """The validation metric over the run clock, the target as a line, the crossing as a mark.

    ``crossing`` is the second at which the target was determined to hold, ``None`` if it never was.
    """
    title = f"{metric} on validation over the run clock"
    if not curve:
        return _svg(_WIDTH, 80, title, [_text(24, 46, "Learning curve: not measured.", fill=_MUTED)])
    values = [p.value for p in curve] + ([target.threshold] if target else [])
    low, high = min(values), max(values)
    margin = max(0.02, 0.08 * (high - low))
    low, high = low - margin, high + margin
    end = max(curve[-1].seconds, crossing or 0.0) * 1.04 or 1.0

    def x(seconds: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * seconds / end

    def y(value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - value) / (high - low)

    body = [_text(_LEFT, 22, title, extra=' font-weight="600"')]
    for tick in _ticks(low, high):
        body.append(
            f'<path d="M{_LEFT} {y(tick):.1f}H{_WIDTH - _RIGHT}" stroke="#e4e7eb"/>'
            + _text(_LEFT - 8, y(tick) + 4, f"{tick:.3g}", anchor="end", fill=_MUTED)
        )
    for tick in _ticks(0.0, end, 8):
        body.append(_text(x(tick), _HEIGHT - 26, f"{tick:g}", anchor="middle", fill=_MUTED))
    body.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 8, "seconds", anchor="middle", fill=_MUTED))
    points = " ".join(f"{x(p.seconds):.1f},{y(p.value):.1f}" for p in curve)
    body.append(f'<polyline points="{points}" fill="none" stroke="{_LINE}" stroke-width="2"/>')
    body += [f'<circle cx="{x(p.seconds):.1f}" cy="{y(p.value):.1f}" r="3" fill="{_LINE}"/>' for p in curve]
    if target is not None:
        at = y(target.threshold)
        body.append(
            f'<path d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}" stroke="{_GOAL}" stroke-dasharray="6 4"/>'
            + _text(_WIDTH - _RIGHT, at - 6, f"target {target.threshold:g}", anchor="end", fill=_GOAL)
        )
    if crossing is not None:
        at = x(crossing)
        side = "end" if at > _WIDTH / 2 else "start"
        body.append(
            f'<path d="M{at:.1f} {_TOP}V{_HEIGHT - _BOTTOM}" stroke="{_GOAL}" stroke-width="1.5"/>'
            + _text(
                at + (-8 if side == "end" else 8),
                _HEIGHT - _BOTTOM - 10,
                f"held at {crossing:.1f} s",
                anchor=side,
                fill=_GOAL,
            )
        )
    return _svg(_WIDTH, _HEIGHT, title, body)


def confusion_matrix(rows: Sequence[Row], labels: Sequence[str]) -> bytes | None:
    """Counts of (truth, prediction); ``None`` where there are too many classes to see."""
    if len(labels) > MOST_CLASSES:
        return None
    counts = [[0] * len(labels) for _ in labels]
    for row in rows:
        counts[row.truth][row.prediction] += 1
    cell = max(28, min(96, 480 // len(labels)))
    left, top = 170, 64
    width, height = left + cell * len(labels) + 24, top + cell * len(labels) + 24
    body = [_text(16, 22, "Confusion matrix on the test data", extra=' font-weight="600"')]
    body.append(_text(left, 44, "predicted →", fill=_MUTED) + _text(16, top - 6, "truth ↓", fill=_MUTED))
    for i, label in enumerate(labels):
        total = sum(counts[i]) or 1
        body.append(_text(left - 10, top + cell * (i + 0.5) + 4, _short(label), anchor="end"))
        for j, count in enumerate(counts[i]):
            share = count / total
            fill = _GOAL if i != j else _LINE
            px, py = left + cell * j, top + cell * i
            body.append(
                f'<rect x="{px}" y="{py}" width="{cell - 2}" height="{cell - 2}" fill="{fill}" '
                f'fill-opacity="{0.06 + 0.88 * share:.3f}"><title>{escape(label)} → '
                f"{escape(labels[j])}: {count}</title></rect>"
                + _text(
                    px + cell / 2 - 1,
                    py + cell / 2 + 4,
                    str(count),
                    anchor="middle",
                    fill=_PAPER if share > 0.5 else _INK,
                )
            )
    for j, label in enumerate(labels):
        if len(labels) <= 6:
            body.append(
                _text(left + cell * (j + 0.5), top + cell * len(labels) + 16, _short(label, 11), anchor="middle")
            )
    return _svg(width, height, "Confusion matrix on the test data", body)


def _short(label: str, most: int = 20) -> str:
    return label if len(label) <= most else label[: most - 1] + "…"
