"""Progress on stderr: a live view on a terminal; elsewhere a line for each evaluation."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from .view import View
from .watched import Facts, Watched

if TYPE_CHECKING:
    from roadworthy.finetune.progress import Report

_Say = Callable[[Facts], None]


@contextlib.contextmanager
def shown(console: Console, *, keep: bool) -> "Iterator[Report]":
    """A report that is shown on ``console``; with ``keep``, what was reached stays to be read afterwards.

    Nothing that goes wrong in here stops the operation: the display falls silent instead, and says so in the end.
    """
    broken: list[Exception] = []
    watched = Watched()
    live = _can_draw(console)
    with _live(console, watched, keep) if live else contextlib.nullcontext(_lines(console, watched, keep)) as say:

        def report(stage: str, done: int, total: int, **facts: float | str) -> None:
            if broken:
                return
            try:
                watched.take(stage, done, total, facts, time.monotonic())
                say(facts)
            except Exception as error:
                broken.append(error)

        yield report
    if broken:
        with contextlib.suppress(Exception):
            print(f"roadworthy: the display failed ({broken[0]!r}); the work went on.", file=sys.stderr)


def _can_draw(console: Console) -> bool:
    return console.is_terminal and not console.is_dumb_terminal and console.encoding.lower().startswith("utf")


def _lines(console: Console, watched: Watched, keep: bool) -> _Say:
    """Where nothing can be drawn: the summary of the data and each evaluation, on a line of its own."""

    def say(facts: Facts) -> None:
        if keep and "summary" in facts:
            print(facts["summary"], file=console.file, flush=True)
        if keep and "value" in facts:
            print(watched.line(), file=console.file, flush=True)

    return say


@contextlib.contextmanager
def _live(console: Console, watched: Watched, keep: bool) -> Iterator[_Say]:
    view = View(watched)
    # Only stderr: what is printed on stdout stays there, for whoever reads it.
    live = Live(view, console=console, refresh_per_second=4, redirect_stdout=False, vertical_overflow="crop")

    def say(facts: Facts) -> None:
        if keep and "summary" in facts:
            console.print(facts["summary"], highlight=False, markup=False)

    with contextlib.suppress(Exception):
        live.start()
    try:
        yield say
    finally:
        view.over, live.transient = keep, not (keep and watched.curve)
        with contextlib.suppress(Exception):
            live.stop()
