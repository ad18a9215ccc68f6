"""What a person or a script sees: progress on stderr; facts, or one JSON document, on stdout."""

import contextlib
import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .one_voice import leads
from .tame import tame

if TYPE_CHECKING:
    from roadworthy.finetune.progress import Report


def emit(document: Any) -> None:
    """One JSON document on stdout."""
    print(tame(json.dumps(document, indent=2, default=_plain, ensure_ascii=False)))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return str(value)  # paths, references, versions


def metric_document(metric: Any) -> dict[str, Any] | None:
    """The fields of a metric that scripts rely on."""
    if metric is None:
        return None
    return {name: getattr(metric, name) for name in ("name", "protocol", "value", "low", "high", "n")}


def clocks_document(clocks: Any) -> dict[str, Any] | None:
    """The three clocks, in seconds."""
    if clocks is None:
        return None
    return {name: getattr(clocks, name) for name in ("run", "total", "train_only")}


def metric_line(metric: Any, *, with_protocol: bool = True) -> str:
    """``top1 94.32 % (92.21 % to 95.90 %, n = 634, image-top1-…@1)``."""
    from roadworthy.model_cards.metric import told

    value, low, high = (told(metric.name, figure) for figure in (metric.value, metric.low, metric.high))
    under = f", {metric.protocol}" if with_protocol else ""
    return f"{metric.name} {value} ({low} to {high}, n = {metric.n}{under})"


@contextlib.contextmanager
def progress(*, keep: bool = False) -> Iterator["Report"]:
    """A live view on stderr, or a line for each evaluation where that is no terminal.

    ``keep``: what was reached stays on the screen, and is told off a terminal; by default nothing is.
    """
    from rich.console import Console

    from .display import shown

    if not leads():
        yield lambda stage, done, total, **facts: None
        return

    with shown(Console(stderr=True), keep=keep) as report:
        yield report


@contextlib.contextmanager
def progress_if_any() -> Iterator[Callable[[str, int, int], None]]:
    """The same for what is mostly done at once: nothing is drawn before the first report."""
    with contextlib.ExitStack() as stack:
        begun: list[Report] = []

        def report(stage: str, done: int, total: int) -> None:
            if not begun:
                begun.append(stack.enter_context(progress()))
            begun[0](stage, done, total)

        yield report


@contextlib.contextmanager
def and_tensorboard(report: "Report", folder: Path | None) -> Iterator["Report"]:
    """``report``, and TensorBoard events of the same facts in ``folder`` where there is one."""
    if folder is None:
        yield report
        return
    from roadworthy.finetune.progress import together
    from roadworthy.finetune.tensorboard import TensorBoard

    with TensorBoard(folder) as board:
        yield together(report, board)


def bytes_report(report: "Report", stage: str) -> Callable[[int, int], None]:
    """A report for functions that count bytes, shown in MB."""
    return lambda done, total: report(stage, done // 1_000_000, max(1, total // 1_000_000))


def write_page(snapshot: Path, page: Path) -> None:
    """Writes the card of a snapshot folder as one HTML page."""
    from roadworthy.model_cards import StorageError
    from roadworthy.model_cards.page import render_page
    from roadworthy.model_cards.snapshot import EXAMPLES

    paths = [*snapshot.glob("plots/*.svg"), *snapshot.glob(f"{EXAMPLES}/*.jpg")]
    pictures = {path.relative_to(snapshot).as_posix(): path.read_bytes() for path in paths}
    try:
        card = (snapshot / "README.md").read_text(encoding="utf-8", errors="replace")  # a draft's may be anything
        page.write_text(render_page(card, pictures), encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {page}: {error.strerror}. Choose another file.") from error


def write_new(file: Path, text: str) -> None:
    """Writes a file that is not there yet.

    Raises:
        InputError: it is there, and is not overwritten.
        StorageError: it cannot be written.
    """
    from roadworthy.model_cards import InputError, StorageError

    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        raise InputError(f"{file} is there already and is not overwritten. Choose another file.") from None
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror}. Choose another file.") from error


def note(text: str) -> None:
    """A line for people, on stderr, so that stdout stays for facts."""
    print(text, file=sys.stderr)


def print_table(head: tuple[str, ...], rows: list[tuple[Any, ...]], *, left: int, wrap: bool = False) -> None:
    """A table on stdout, the first ``left`` columns flush left and the others, figures, flush right.

    ``wrap``: cells go on in the next line where a terminal is too narrow.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, name in enumerate(head):
        table.add_column(name, justify="left" if number < left else "right", no_wrap=not wrap)
    for row in rows:
        table.add_row(*(tame(str(cell)) for cell in row))
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = 240  # a file or a pipe has no width; nothing is cut off
    with console.capture() as drawn:
        console.print(table)
    print("\n".join(line.rstrip() for line in drawn.get().splitlines()))
