"""`roadworthy models`: what is in the registry, with its measured figures."""

from typing import Annotated

import typer

from .options import JsonOption, RegistryOption


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

    from .output import emit

    entries = find(open_registry(registry), text, task=task, where=where)
    if json:
        emit(entries)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("reference", "task", "metric", "95 %", "n", "protocol", "TTS run", "verdicts"):
        table.add_column(title, overflow="fold")
    for e in entries:
        m, t, v = e.metric, e.tts, e.verdicts
        verdicts = (
            "uncertified draft" if v is None else ", ".join(k for k in ("reproduced", "generalises") if getattr(v, k))
        )
        table.add_row(
            str(e.reference),
            e.task or "",
            f"{m.name} {100 * m.value:.2f} %" if m else "not measured",
            f"{100 * m.low:.1f}–{100 * m.high:.1f}" if m else "",
            str(m.n) if m else "",
            m.protocol if m else "",
            f"{t.run:.1f} s" if t else "not measured",
            verdicts,
        )
    Console().print(table)
    if not entries:
        Console(stderr=True).print("No model matches. Import one: roadworthy import CHECKPOINT team/name --system …")
