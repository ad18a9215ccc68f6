"""The live view and its lines, on consoles of their own."""

import io
import re

import pytest
from rich.console import Console

from roadworthy.cli.display import shown
from roadworthy.cli.view import _bars
from roadworthy.cli.watched import Watched, clock

EVALUATION: dict[str, float | str] = {
    "metric": "top1",
    "value": 0.919,
    "look": "validation",
    "phase": "training",
    "target": "top1>=0.92",
    "met": 0,
    "hold": 2,
    "seconds": 12.34,
    "epoch": 0.5,
    "samples": 320,
}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_a_line_for_each_evaluation_where_there_is_no_terminal() -> None:
    """A log file shows how it goes; steps and bars leave no trace in it."""
    stream = io.StringIO()
    with shown(Console(file=stream), keep=True) as report:
        report("data", 1, 1, summary="1,285 images in 2 classes.")
        report("reading images", 3, 7)
        report("training", 10, 90, loss=0.3)
        report("training", 10, 90, **EVALUATION)
        report("training", 20, 90, **{**EVALUATION, "value": 0.9271, "met": 1, "seconds": 20.0, "epoch": 1.0})
    assert stream.getvalue().splitlines() == [
        "1,285 images in 2 classes.",
        "12.3 s  epoch 0.50  top1 91.9 %  (target 92.0 %)",
        "20.0 s  epoch 1.00  top1 92.7 %  (target 92.0 %, held 1 of 2)",
    ]


def test_other_commands_say_nothing_off_a_terminal() -> None:
    """Only a run is worth lines in a log."""
    stream = io.StringIO()
    with shown(Console(file=stream), keep=False) as report:
        report("training", 10, 90, **EVALUATION)
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("width", "height", "has_curve"), [(100, 30, True), (24, 30, True), (16, 30, False), (100, 8, False)]
)
def test_what_a_terminal_shows_at_last(width: int, height: int, has_curve: bool) -> None:
    """The curve where there is room for it while it runs, and always the standing, the speed and the bar."""
    stream = Terminal()
    console = Console(file=stream, force_terminal=True, width=width, height=height, _environ={})
    with shown(console, keep=False) as report:
        report("training", 10, 90, **EVALUATION, rate=37.5, loss=0.25, memory=2.0**30, memory_total=80 * 2.0**30)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue())
    assert ("┼" in text) == has_curve
    assert "top1 91.9 %" in text
    assert all(len(line.strip("\r")) <= width for line in text.split("\n"))
    if width == 100:
        assert "top1 91.9 %, 0.1 points to go to 92.0 %" in text
        assert "0:12 · 37.5 examples/s · loss 0.250 · epoch 0.50 · 1.0 of 80 GiB on the device" in text
        assert "10 of 90" in text


def test_a_display_that_fails_does_not_stop_the_work(capsys: pytest.CaptureFixture[str]) -> None:
    """A stream that broke, facts that make no sense: the loop goes on, and one line says what happened."""

    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError("no space left on device")

    done = 0
    with shown(Console(file=Broken()), keep=True) as report:
        for _ in range(3):
            report("training", 1, 2, **EVALUATION)
            done += 1
    assert done == 3
    assert "the display failed (OSError('no space left on device')); the work went on" in capsys.readouterr().err
    with shown(Console(file=io.StringIO()), keep=True) as report:
        report("training", 1, 2, **{**EVALUATION, "target": "nonsense"})


def test_an_error_of_the_work_goes_through() -> None:
    """The display hides nothing that is not its own."""
    with pytest.raises(ZeroDivisionError), shown(Console(file=Terminal(), force_terminal=True), keep=True):
        raise ZeroDivisionError


def test_time_left_is_counted_from_the_first_step() -> None:
    """Fitting a head for a minute says nothing of how long steps take: 10 of 90 in 20 s leave 160 s."""
    watched = Watched()
    watched.take("training", 0, 90, {}, now=0.0)
    watched.take("training", 0, 90, {}, now=60.0)
    watched.take("training", 10, 90, {}, now=80.0)
    assert watched.stages["training"].left(now=80.0) == pytest.approx(160.0)
    assert watched.pace(now=80.0) == ["2:40 left at most"]


def test_a_transfer_shows_its_rate_and_the_time_left() -> None:
    """300 of 1,200 MB came in two seconds: 150 MB/s, and six seconds more."""
    watched = Watched()
    watched.take("pulling team/x (MB)", 0, 1200, {}, now=10.0)
    watched.take("pulling team/x (MB)", 300, 1200, {}, now=12.0)
    stage = watched.stages["pulling team/x (MB)"]
    assert (stage.rate(now=12.0), stage.left(now=12.0)) == (150.0, 6.0)
    drawn = Console(file=io.StringIO(), width=120)
    drawn.print(_bars(watched.stages, 120, now=12.0))
    assert "300 of 1,200" in drawn.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    assert "150 MB/s · 0:06 left" in drawn.file.getvalue()  # type: ignore[attr-defined]


def test_a_fit_on_training_examples_is_no_point_of_the_curve() -> None:
    """The curve is validation's, as on the card."""
    watched = Watched()
    watched.take("training", 0, 90, {**EVALUATION, "look": "out-of-fold"}, now=0.0)
    watched.take("training", 0, 90, dict(EVALUATION), now=1.0)
    assert watched.curve == [(12.34, 0.919)]


def test_clocks() -> None:
    """As a kitchen clock shows them."""
    assert [clock(seconds) for seconds in (0, 59.6, 725, 3600 + 62)] == ["0:00", "1:00", "12:05", "1:01:02"]
