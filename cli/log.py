"""`roadworthy log verify`: whether a server's log of writes is as it was written."""

from pathlib import Path
from typing import Annotated

import typer

from .options import JsonOption

_log = typer.Typer(
    name="log",
    help="Check the log that `roadworthy serve` keeps of writes.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.add_typer(_log)


@_log.callback()
def group() -> None:
    """Check the log that `roadworthy serve` keeps of writes. (The registry's own: `roadworthy audit --all`.)"""


@_log.command()
def verify(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", show_default="server-log.jsonl of the user data")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Check that no line was changed, taken out or put in between. Keep the digest: it shows a cut end next time."""
    from dataclasses import asdict

    from roadworthy.registry import default_tokens, verify_audit_log

    from .output import emit

    head = verify_audit_log(file or default_tokens().with_name("server-log.jsonl"))
    if json:
        emit(asdict(head))
    else:
        typer.echo(f"lines in one chain: {head.lines:,}; the last one is {head.sha256 or 'none'}")
