"""The recall of each class as a bar with its interval, the worst class first."""

from collections.abc import Sequence

from .classification import ClassRecall, worst_first
from .metric import percent
from .svg import GOAL, GRID, INK, LINE, MOST_CLASSES, MUTED, escape, fit, heading, picture, stroke, text

_WIDTH, _ROW = 720, 26  # pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 190, 172, 64, 36


def recall_plot(recalls: Sequence[ClassRecall], labels: Sequence[str], mean: float, part: str = "test") -> bytes:
    """At most 24 classes; ``mean`` is the balanced accuracy, drawn as a line across all bars.

    Raises:
        IndexError: a class is not the number of a label.
    """
    shown = worst_first(recalls)[:MOST_CLASSES]
    title = f"Recall of each class on the {part} data, with 95 % intervals"
    if len(shown) < len(recalls):
        title = f"Recall of the {len(shown)} worst of {len(recalls):,} classes, with 95 % intervals"
    bottom = _TOP + _ROW * len(shown)
    body = [heading(16, title)]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        body.append(stroke(f"M{_x(share):.1f} {_TOP}V{bottom}", GRID))
        body.append(text(_x(share), bottom + 20, f"{100 * share:.0f} %", anchor="middle", fill=MUTED))
    for place, recall in enumerate(shown):
        body += _row(recall, labels[recall.truth], _TOP + _ROW * (place + 0.5))
    body.append(stroke(f"M{_x(mean):.1f} {_TOP - 6}V{bottom}", GOAL, dashed=True))
    body.append(text(_x(mean), _TOP - 12, f"balanced accuracy {percent(mean)}", anchor=_side(mean), fill=GOAL))
    return picture(_WIDTH, bottom + _BOTTOM, title, body)


def _x(share: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * share


def _side(share: float) -> str:
    """So that the words stay above the bars, at both ends of the axis."""
    return "start" if share < 0.2 else "end" if share > 0.8 else "middle"


def _row(recall: ClassRecall, label: str, y: float) -> list[str]:
    low, high = _x(recall.interval.low), _x(recall.interval.high)
    told = f"{label}: {recall.found} of {recall.n}, {percent(recall.interval.low)} to {percent(recall.interval.high)}"
    caps = "".join(f"M{end:.1f} {y - 4:.1f}V{y + 4:.1f}" for end in (low, high))
    return [
        text(_LEFT - 10, y + 4, fit(label, _LEFT - 26), anchor="end"),
        f'<rect x="{_LEFT}" y="{y - 8:.1f}" width="{_x(recall.value) - _LEFT:.1f}" height="16" fill="{LINE}" '
        f'fill-opacity="0.3"><title>{escape(told)}</title></rect>',
        stroke(f"M{low:.1f} {y:.1f}H{high:.1f}{caps}", LINE, width=1.5),
        f'<circle cx="{_x(recall.value):.1f}" cy="{y:.1f}" r="3.5" fill="{LINE}"/>',
        text(_WIDTH - _RIGHT + 74, y + 4, percent(recall.value), anchor="end", fill=INK),
        text(_WIDTH - _RIGHT + 84, y + 4, f"n = {recall.n:,}", fill=MUTED),
    ]
