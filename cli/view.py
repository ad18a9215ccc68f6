"""What the live view draws: the curve, the figures, the bars, in about ten lines."""

import time
from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .curve import GOAL, draw_curve
from .watched import MAIN, MEGABYTES, Stage, Watched, clock, tell

_CURVE = 6  # lines
_LEAST = 12  # lines of a terminal that has room for a curve
_WIDEST = 100  # characters
_NARROW = 60  # below this the bars are short and say no time


class View:
    """Draws ``watched`` whenever it is asked to. ``over``: only what is worth keeping on the screen."""

    def __init__(self, watched: Watched) -> None:
        self._watched, self.over = watched, False
        self._last: list[RenderableType] = []

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        try:
            width = min(options.max_width, _WIDEST)
            self._last = list(self._drawn(width, has_room=self.over or console.height >= _LEAST))
        except Exception:
            # Drawn in a thread of its own, beside the work: a picture that failed is not worth a word to anybody.
            pass
        yield from self._last

    def _drawn(self, width: int, *, has_room: bool) -> Iterator[RenderableType]:
        watched, now = self._watched, time.monotonic()
        if has_room:
            yield from _curve(watched, width)
        if standing := watched.standing():
            yield Text(standing, style="bold", no_wrap=True, overflow="ellipsis")
        if self.over:
            return
        if pace := watched.pace(now):
            yield Text(" · ".join(pace), style="dim", no_wrap=True, overflow="ellipsis")
        yield _bars(watched.shown_stages(), width, now)


def _curve(watched: Watched, width: int) -> Iterator[Text]:
    metric, target = str(watched.facts.get("metric", "")), watched.target
    lines = draw_curve(
        watched.curve,
        target=target.threshold if target else None,
        width=width,
        height=_CURVE,
        tell=lambda value: tell(metric, value),
    )
    for line in lines:
        text = Text(line, style="cyan", no_wrap=True, overflow="crop")
        text.highlight_regex(f"{GOAL}+", "yellow")
        text.highlight_regex("^[^│┼]*[│┼]", "dim")
        yield text


def _bars(stages: dict[str, Stage], width: int, now: float) -> Table:
    table, wide = Table.grid(padding=(0, 1)), width >= _NARROW
    for name, stage in stages.items():
        left = stage.left(now)
        cells: list[RenderableType] = [
            Text(name, no_wrap=True, overflow="ellipsis"),
            ProgressBar(total=max(1, stage.total), completed=stage.done, width=max(10, width - _NARROW)),
            Text(f"{stage.done:,} of {stage.total:,}", style="dim", no_wrap=True),
        ]
        if wide:
            # How long training takes at most stands among the figures.
            words = [f"{clock(left)} left"] if left is not None and name != MAIN else []
            if name.endswith(MEGABYTES) and (rate := stage.rate(now)) is not None:
                words.insert(0, f"{rate:,.0f} MB/s")
            cells.append(Text(" · ".join(words), style="dim", no_wrap=True))
        table.add_row(*cells)
    return table
