"""`roadworthy models`: what is in the registry, with its measured figures."""

from typing import TYPE_CHECKING, Annotated

import typer

from .options import JsonOption, RegistryOption
from .tame import tame

if TYPE_CHECKING:
    from roadworthy.registry import Entry


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(models)


def models(
    text: Annotated[str | None, typer.Argument(help="Part of a name, a system or a data set.")] = None,
    task: Annotated[str | None, typer.Option(help="Only this task, such as image-classification.")] = None,
    where: Annotated[str | None, typer.Option(help="Only measured figures like 'top1>=0.9'.")] = None,
    registry: RegistryOption = None,
    json: JsonOption = False,
) -> None:
    """List the models of the registry."""
    from roadworthy.registry import models as find
    from roadworthy.registry import open_registry

    from .output import emit, note

    entries = find(open_registry(registry), text, task=task, where=where)
    if json:
        emit(entries)
        return
    if not entries:
        note("No model matches. Import one: roadworthy import CHECKPOINT team/name --system …")
        return
    rows = [("reference", "metric", "95 %", "n", "TTS run", "verdicts", "task", "protocol"), *map(_row, entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        typer.echo(tame("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()))


def _row(entry: "Entry") -> tuple[str, ...]:
    """One line of the table; what was not measured says so."""
    from roadworthy.model_cards.metric import told

    metric, tts, verdicts = entry.metric, entry.tts, entry.verdicts
    if entry.problem is not None:
        verdict = f"damaged: {entry.problem}"
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
    )
