"""A learning curve for a terminal, drawn with Braille dots: two by four of them in each character."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

GOAL = "╌"  # what the target's line is drawn with, where the curve leaves room
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # by row and column, as Unicode numbers them
_BLANK = 0x2800
_Point = tuple[float, float]


def draw_curve(
    points: Sequence[_Point], *, target: float | None, width: int, height: int, tell: Callable[[float], str]
) -> list[str]:
    """``height`` lines of at most ``width`` characters; none where there is no point or no room.

    ``points``: (seconds, value), oldest first. ``tell``: a value in words, for the axis on the left.
    """
    values = [value for _, value in points] + ([target] if target is not None else [])
    if not points or height < 3:
        return []
    low, high = _padded(min(values), max(values))
    margin = max(len(tell(value)) for value in (low, high, *values[-1:])) + 2
    columns = width - margin
    if columns < 10:
        return []
    end = max(seconds for seconds, _ in points) or 1.0

    def row(value: float) -> int:
        return round((high - value) / (high - low) * (4 * height - 1))

    places = [(round(seconds / end * (2 * columns - 1)), row(value)) for seconds, value in points]
    cells = [[_BLANK] * columns for _ in range(height)]
    for x, y in _line(places):
        cells[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
    goal = row(target) // 4 if target is not None else None
    names = {0: tell(high), height - 1: tell(low)}
    if goal is not None and target is not None:
        names[goal] = tell(target)
    return [
        f"{names.get(number, ''):>{margin - 2}} {'┼' if number == goal else '│'}{_text(line, goal == number)}"
        for number, line in enumerate(cells)
    ]


def _padded(low: float, high: float) -> _Point:
    """A little more than what is shown, so that a flat curve has a middle."""
    room = max(0.08 * (high - low), 0.004 * max(abs(low), abs(high)), 1e-6)
    return low - room, high + room


def _line(places: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Every dot on the way from place to place."""
    yield places[0]
    for (x, y), (to_x, to_y) in pairwise(places):
        steps = max(abs(to_x - x), abs(to_y - y), 1)
        for step in range(1, steps + 1):
            yield x + round((to_x - x) * step / steps), y + round((to_y - y) * step / steps)


def _text(cells: Sequence[int], is_goal: bool) -> str:
    return "".join(chr(cell) if cell != _BLANK else GOAL if is_goal else " " for cell in cells)
