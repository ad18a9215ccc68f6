"""`roadworthy gc`: the files that no version and no draft reaches."""

from datetime import timedelta
from typing import Annotated

import typer

from .options import JsonOption, RegistryOption


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(gc)


def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what there is.")] = False,
    hours: Annotated[
        float, typer.Option(min=1.0, help="How long nothing must have reached a file. The first look starts the clock.")
    ] = 24.0,
    registry: RegistryOption = None,
    json: JsonOption = False,
) -> None:
    """Remove files that no version and no draft has reached for a day. Run it twice, a day apart; or every night."""
    from dataclasses import asdict

    from roadworthy.registry import open_registry, sweep

    from .output import emit, progress

    with progress() as report:
        done = sweep(open_registry(registry), grace=timedelta(hours=hours), dry_run=dry_run, progress=report)
    if json:
        emit({"ok": True, "dry_run": dry_run, **asdict(done)})
        return
    would = "would be removed" if dry_run else "removed"
    typer.echo(f"{done.removed:,} files {would} ({done.removed_bytes / 1e6:,.1f} MB); {done.reached:,} are reached")
    if done.cleared:
        cleared = "would be cleared" if dry_run else "cleared"
        typer.echo(f"{done.cleared:,} parts and notes of uploads that nobody ended for a week {cleared}")
    if done.waiting:
        typer.echo(
            f"{done.waiting:,} files ({done.waiting_bytes / 1e6:,.1f} MB) are reached by nothing, for less than "
            f"{hours:g} hours: run it again then"
        )
