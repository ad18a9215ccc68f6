"""The curve in a terminal: every dot where the numbers say, decoded again from Unicode's own numbering of Braille."""

from hypothesis import given
from hypothesis import strategies as st

from roadworthy.cli.curve import GOAL, draw_curve


def percent(value: float) -> str:
    """As an axis tells a share."""
    return f"{100 * value:.0f} %"


def dots(lines: list[str]) -> set[tuple[int, int]]:
    """(column, row) of every dot, from the names of the characters: BRAILLE PATTERN DOTS-1237 and so on."""
    import unicodedata

    place = {1: (0, 0), 2: (0, 1), 3: (0, 2), 4: (1, 0), 5: (1, 1), 6: (1, 2), 7: (0, 3), 8: (1, 3)}
    found = set()
    for row, line in enumerate(lines):
        plot = line[max(line.find("│"), line.find("┼")) + 1 :]
        for column, letter in enumerate(plot):
            name = unicodedata.name(letter, "")
            if name.startswith("BRAILLE PATTERN DOTS-"):
                for number in name.removeprefix("BRAILLE PATTERN DOTS-"):
                    x, y = place[int(number)]
                    found.add((2 * column + x, 4 * row + y))
    return found


def test_a_rising_curve_rises_to_the_right() -> None:
    """From the lower left to the upper right corner, and never back."""
    lines = draw_curve([(0, 0.0), (10, 1.0)], target=None, width=40, height=5, tell=percent)
    drawn = sorted(dots(lines))
    assert drawn[0][0] == 0
    assert drawn[-1][0] == max(x for x, _ in drawn)
    rows = [y for _, y in drawn]
    assert rows == sorted(rows, reverse=True)
    assert (rows[0], rows[-1]) == (18, 1)  # 20 rows of dots, 8 % of the range left free at both ends


def test_the_target_is_a_line_with_its_value() -> None:
    """Where the curve leaves room, on the row of its value, which stands on the axis."""
    lines = draw_curve([(0, 0.5), (10, 0.6)], target=0.9, width=40, height=6, tell=percent)
    (goal,) = [line for line in lines if GOAL in line]
    assert goal.startswith("90 % ┼")
    assert lines.index(goal) == 0


def test_one_point_is_a_dot() -> None:
    """The first evaluation is seen at once."""
    assert len(dots(draw_curve([(3.0, 0.4)], target=0.9, width=30, height=4, tell=percent))) == 1


def test_no_room_no_curve() -> None:
    """Narrow terminals and empty histories draw nothing."""
    assert draw_curve([], target=0.9, width=80, height=6, tell=percent) == []
    assert draw_curve([(0, 0.1)], target=0.9, width=14, height=6, tell=percent) == []


@given(
    points=st.lists(st.tuples(st.floats(0, 1e7), st.floats(-1e6, 1e6)), min_size=1, max_size=40),
    target=st.none() | st.floats(-1e6, 1e6),
    width=st.integers(0, 200),
    height=st.integers(0, 30),
)
def test_it_fits_whatever_comes(
    points: list[tuple[float, float]], target: float | None, width: int, height: int
) -> None:
    """Any history in any terminal: as many lines as there is room for, none too wide."""
    lines = draw_curve(sorted(points), target=target, width=width, height=height, tell=lambda v: f"{v:.1f}")
    assert len(lines) in (0, height)
    assert all(len(line) <= width for line in lines)
