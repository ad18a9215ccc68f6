"""`roadworthy models`: what is in the registry, with its measured figures."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .options import JsonOption, KeyOption, RegistryOption, stated
from .tame import tame

if TYPE_CHECKING:
    from roadworthy.registry import Entry, Page

_PAGE = 50  # rows of the table; --json lists all unless it is told how many
_HEAD = ("reference", "metric", "95 %", "n", "TTS run", "verdicts", "task", "protocol", "hardware")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(models)


def models(
    text: Annotated[str | None, typer.Argument(help="Part of a name, a system or a data set.")] = None,
    task: Annotated[str | None, typer.Option(help="Only this task, such as image-classification.")] = None,
    system: Annotated[str | None, typer.Option(help="Only this system, such as resnet50-v1.5.")] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="Only measured figures like 'top1>=0.9', or 'tts<=60'. May be repeated.")
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="Only this protocol, or a pattern: 'image-top1-*'.")] = None,
    hardware: Annotated[str | None, typer.Option(help="Only machines whose words have this in them: H100.")] = None,
    parent: Annotated[str | None, typer.Option(metavar="REF", help="Only what comes from that.")] = None,
    since: Annotated[str | None, typer.Option(help="Only what was created on that day or later: 2026-01-31.")] = None,
    until: Annotated[str | None, typer.Option(help="Or on that day or earlier.")] = None,
    newest: Annotated[bool, typer.Option("--newest", help="Of each model its newest version alone.")] = False,
    sort: Annotated[
        Literal["name", "created", "metric", "tts"],
        typer.Option(help="Best, fastest or newest first; ranks only what is comparable, group by group."),
    ] = "name",
    reverse: Annotated[bool, typer.Option("--reverse", help="The other way round.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="How many to a page.", show_default=str(_PAGE))] = None,
    page: Annotated[int, typer.Option(min=1, help="Which page.")] = 1,
    registry: RegistryOption = None,
    key: KeyOption = None,
    json: JsonOption = False,
) -> None:
    """List the models of the registry."""
    from roadworthy.registry import find, open_registry, trusted_keys

    from .output import emit, note, progress_if_any

    size = limit or (None if json and page == 1 else _PAGE)
    with progress_if_any() as report:
        found = find(
            open_registry(registry),
            text,
            **stated(task=task, system=system, protocol=protocol, hardware=hardware, parent=parent),
            **stated(since=since, until=until),
            where=where,
            newest=newest,
            sort=sort,
            reverse=reverse,
            limit=size,
            offset=(page - 1) * (size or 0),
            keys=trusted_keys(extra=key or ()),
            progress=report,
        )
    if json:
        emit(found.entries)
        return
    if not found.total:
        note("No model matches. Import one: roadworthy import CHECKPOINT team/name --system …")
        return
    if not found.entries:
        note(f"There is no page {page}: {_count(found)} match, {size or _PAGE} to a page.")
        return
    _print(found, sort)
    if found.more or found.total > found.offset + len(found.entries):
        shown = f"{found.offset + 1:,} to {found.offset + len(found.entries):,}"
        note(f"showing {shown} of {_count(found)}: --page {page + 1}")


def _print(found: "Page", sort: str) -> None:
    """The table; where an order has several groups, each below the words that say what is comparable in it."""
    rows = [_HEAD, *map(_row, found.entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    typer.echo(tame(lines[0]))
    before: str | None = None
    for entry, line in zip(found.entries, lines[1:], strict=True):
        group = entry.times if sort == "tts" else entry.figures if sort == "metric" else before
        if group != before:
            typer.echo(tame(f"\n{group or 'not ranked: no time to a target, or the run was resumed'}"))
            before = group
        typer.echo(tame(line))
    if found.ranked > 1:
        typer.echo(f"\n{found.ranked} groups, each ranked by itself: what differs between them cannot be compared.")


def _count(found: "Page") -> str:
    return f"more than {found.total:,}" if found.more else f"{found.total:,}"


def _row(entry: "Entry") -> tuple[str, ...]:
    """One line of the table; what was not measured says so."""
    from roadworthy.model_cards.metric import told

    metric, tts, verdicts = entry.metric, entry.tts, entry.verdicts
    if entry.problem is not None:
        verdict = f"damaged: {entry.problem}"
    elif entry.revoked is not None:
        verdict = "REVOKED"
    elif verdicts is None:
        verdict = "uncertified draft"
    else:
        verdict = (
            ", ".join(name for name in ("reproduced", "generalises") if getattr(verdicts, name)) or "target missed"
        )
    return (
        entry.reference,
        f"{metric.name} {told(metric.name, metric.value)}" if metric else "not measured",
        f"{told(metric.name, metric.low)} to {told(metric.name, metric.high)}" if metric else "",
        str(metric.n) if metric else "",
        f"{tts.run:.1f} s" if tts else "not measured",
        verdict,
        entry.task or "",
        metric.protocol if metric else "",
        entry.hardware or "",
    )
