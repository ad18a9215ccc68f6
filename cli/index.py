"""`roadworthy index`: the state of this machine's index of a registry, and how it is made anew."""

from typing import Annotated, Literal

import typer

from .options import JsonOption, RegistryOption
from .tame import tame


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(index)


def index(
    what: Annotated[
        Literal["state", "rebuild"], typer.Argument(help="Say what it has; or make it anew from what is stored.")
    ] = "state",
    registry: RegistryOption = None,
    json: JsonOption = False,
) -> None:
    """Say what the index behind `models` has; or make it anew. It is derived, and safe to delete."""
    import time

    from roadworthy.registry import index_state, open_registry, rebuild_index

    from .output import emit, progress_if_any

    opened, began = open_registry(registry), time.monotonic()
    with progress_if_any() as report:
        state = (rebuild_index if what == "rebuild" else index_state)(opened, progress=report)
    if json:
        emit(state)
        return
    for name, value in (
        ("index", f"{state.place} ({state.size:,} bytes)" if state.place else "in memory"),
        ("registry", opened.location),
        ("models", f"{state.models:,}, with {state.versions:,} versions and {state.drafts:,} drafts"),
        ("damaged", f"{state.damaged:,}"),
        ("log", f"read to entry {state.log_entry:,}" if state.log_entry else "none yet: listed at each look"),
        ("waiting", f"{state.waiting:,} announced and not there, as after a killed publish"),
        ("built", state.built + (f", in {time.monotonic() - began:.1f} s" if what == "rebuild" else "")),
    ):
        typer.echo(tame(f"{name:<10}{value}"))
