"""The reliability diagram: how often a classifier is right beside how sure it says it is."""

import math
from collections.abc import Callable

from .calibration import Bin, Calibration
from .metric import percent
from .svg import GOAL, GRID, LINE, MUTED, heading, picture, stroke, text

_WIDTH, _SIDE = 720, 340  # pixels; the plot is a square, so that what is perfect is a diagonal
_LEFT, _TOP, _BOTTOM = 76, 48, 52
_KEY = _LEFT + _SIDE + 40  # where the key stands
_Scale = Callable[[float], float]


def reliability_diagram(calibration: Calibration, part: str = "test") -> bytes:
    """One point for each bin: mean confidence, share of right answers with its interval, and the gap between both."""
    bins = calibration.bins
    title = (
        f"Calibration on the {part} data: ECE {percent(calibration.error)} over {_count(len(bins), 'bin')} of equal "
        "mass"
    )
    lowest = min(min(one.confidence, one.interval.low) for one in bins)
    start = max(0, min(9, math.floor(10 * lowest)))  # in tenths: the axes begin where there is something to see

    def x(share: float) -> float:
        return _LEFT + _SIDE * (min(share, 1.0) - start / 10) / (1 - start / 10)

    def y(share: float) -> float:
        return _LEFT + _TOP + _SIDE - x(share)

    # One opacity for all gaps together, so that those of equal bins do not add up to a darker one.
    gaps = (_gap(x(one.confidence), y(one.confidence), y(one.accuracy)) for one in bins)
    body = [
        heading(16, title),
        *_axes(start, x, y),
        f'<g opacity="0.4">{"".join(gaps)}</g>',
        *(_point(x(one.confidence), y(one.accuracy), y(one.interval.low), y(one.interval.high), one) for one in bins),
        *_key(calibration),
    ]
    return picture(_WIDTH, _TOP + _SIDE + _BOTTOM, title, body)


def _axes(start: int, x: _Scale, y: _Scale) -> list[str]:
    body = []
    for tenth in range(start, 11, 2 if start < 5 and start % 2 == 0 else 1):
        name, at = f"{10 * tenth} %", tenth / 10
        body.append(stroke(f"M{_LEFT} {y(at):.1f}H{_LEFT + _SIDE}M{x(at):.1f} {_TOP}V{_TOP + _SIDE}", GRID))
        body.append(text(_LEFT - 8, y(at) + 4, name, anchor="end", fill=MUTED))
        body.append(text(x(at), _TOP + _SIDE + 20, name, anchor="middle", fill=MUTED))
    middle = _TOP + _SIDE / 2
    turned = f' transform="rotate(-90 20 {middle:.1f})"'
    return [
        *body,
        text(_LEFT + _SIDE / 2, _TOP + _SIDE + 42, "mean confidence", anchor="middle", fill=MUTED),
        text(20, middle, "share of right answers", anchor="middle", fill=MUTED, extra=turned),
        stroke(f"M{_LEFT} {_TOP + _SIDE}L{_LEFT + _SIDE} {_TOP}", MUTED, dashed=True),
    ]


def _gap(x: float, confidence: float, accuracy: float) -> str:
    return stroke(f"M{x:.1f} {confidence:.1f}V{accuracy:.1f}", GOAL, width=7)


def _point(x: float, accuracy: float, low: float, high: float, one: Bin) -> str:
    caps = "".join(f"M{x - 4:.1f} {end:.1f}H{x + 4:.1f}" for end in (low, high))
    told = f"{_count(one.n, 'example')}: {percent(one.confidence)} sure, {percent(one.accuracy)} right"
    return (
        f"<g><title>{told}</title>{stroke(f'M{x:.1f} {low:.1f}V{high:.1f}{caps}', LINE)}"
        f'<circle cx="{x:.1f}" cy="{accuracy:.1f}" r="4" fill="{LINE}"/></g>'
    )


def _count(n: int, thing: str) -> str:
    return f"{n:,} {thing}" if n == 1 else f"{n:,} {thing}s"


def _key(calibration: Calibration) -> list[str]:
    bins = calibration.bins
    fewest, most = min(one.n for one in bins), max(one.n for one in bins)
    each = _count(most, "example") if fewest == most else f"{fewest:,} or {_count(most, 'example')}"
    total = sum(one.n for one in bins)
    sure = math.fsum(one.n * one.confidence for one in bins) / total
    right = math.fsum(one.n * one.accuracy for one in bins) / total
    apart = f"{abs(100 * (sure - right)):.2f} points"
    return [
        f'<g opacity="0.4">{_gap(_KEY + 8, _TOP + 34, _TOP + 16)}</g>',
        _point(_KEY + 8, _TOP + 16, _TOP + 26, _TOP + 6, bins[-1]),
        text(_KEY + 26, _TOP + 20, f"a bin of {each},"),
        text(_KEY + 26, _TOP + 38, "its 95 % interval, its gap"),
        stroke(f"M{_KEY} {_TOP + 64}H{_KEY + 17}", MUTED, dashed=True),
        text(_KEY + 26, _TOP + 68, "as sure as right"),
        text(_KEY, _TOP + 112, f"on average {percent(sure)} sure", fill=MUTED),
        text(_KEY, _TOP + 132, f"and {percent(right)} right:", fill=MUTED),
        text(_KEY, _TOP + 152, f"{apart} too sure" if sure >= right else f"{apart} too modest", fill=MUTED),
    ]
