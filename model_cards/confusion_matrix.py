"""The confusion matrix: which class was taken for which."""

from collections.abc import Iterator, Sequence

from .classification import check_classes
from .evidence import Row
from .svg import GOAL, LINE, MOST_CLASSES, MUTED, escape, fit, heading, picture, text

_SHADE = 0.06, 0.62  # opacity of an empty cell, and what a full one adds: dark figures stay readable on both


def confusion_matrix(rows: Sequence[Row], labels: Sequence[str], part: str = "test") -> bytes | None:
    """Counts of (truth, prediction); ``None`` where there are no classes, or too many to see.

    Raises:
        IndexError: a row's truth or prediction is not the number of a label.
    """
    n = len(labels)
    if not 0 < n <= MOST_CLASSES:
        return None
    counts = _counts(rows, n)
    digits = len(str(max(map(max, counts))))
    cell = max(min(96, 480 // n), 9 * digits + 6, 28)
    upright = all(fit(label, cell - 4) == label for label in labels)
    left, top, foot = 170, 64, 32 if upright else 116
    width, height = left + cell * n + 24, top + cell * n + foot
    title = f"Confusion matrix on the {part} data"
    body = [heading(16, title)]
    body.append(text(left, top - 8, "predicted →", fill=MUTED) + text(16, top - 8, "truth ↓", fill=MUTED))
    for i, label in enumerate(labels):
        total = sum(counts[i]) or 1
        body.append(text(left - 10, top + cell * (i + 0.5) + 4, fit(label, left - 26), anchor="end"))
        for j, count in enumerate(counts[i]):
            fill = GOAL if i != j else LINE
            px, py = left + cell * j, top + cell * i
            body.append(
                f'<rect x="{px}" y="{py}" width="{cell - 2}" height="{cell - 2}" fill="{fill}" '
                f'fill-opacity="{_SHADE[0] + _SHADE[1] * count / total:.3f}"><title>{escape(label)} → '
                f"{escape(labels[j])}: {count}</title></rect>"
                + text(px + cell / 2 - 1, py + cell / 2 + 4, str(count), anchor="middle")
            )
    body += _columns(labels, cell, left, top + cell * n + 18, upright=upright)
    return picture(width, height, title, body)


def _counts(rows: Sequence[Row], n: int) -> list[list[int]]:
    check_classes(rows, n)
    counts = [[0] * n for _ in range(n)]
    for row in rows:
        counts[row.truth][row.prediction] += 1
    return counts


def _columns(labels: Sequence[str], cell: int, left: int, below: int, *, upright: bool) -> Iterator[str]:
    for j, label in enumerate(labels):
        middle = left + cell * (j + 0.5)
        if upright:
            yield text(middle, below, label, anchor="middle")
        else:
            slant = f' transform="rotate(-40 {middle:.1f} {below:.1f})"'
            yield text(middle + 4, below, fit(label, 140), anchor="end", extra=slant)
