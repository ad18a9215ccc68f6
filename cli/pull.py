"""`roadworthy pull`: verified bytes into the Hub cache, or into a folder."""

from pathlib import Path
from typing import Annotated

import typer

from .options import JsonOption, KeyOption, PolicyOption, RegistryOption, policy_of
from .revoked import AllowRevokedOption, warned


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(pull)


def pull(
    reference: Annotated[str, typer.Argument(metavar="REF", help="team/name@1.0.0 or team/name@alias.")],
    to: Annotated[Path | None, typer.Option(help="A folder for plain files, instead of the Hub cache.")] = None,
    registry: RegistryOption = None,
    key: KeyOption = None,
    policy: PolicyOption = None,
    allow_revoked: AllowRevokedOption = False,
    json: JsonOption = False,
) -> None:
    """Pull a version; every byte is checked. Prints the path of the snapshot."""
    from roadworthy.registry import open_registry, trusted_keys
    from roadworthy.registry import pull as fetch

    from .output import bytes_report, emit, progress

    with warned(), progress() as report:
        path = fetch(
            open_registry(registry),
            reference,
            to=to,
            keys=trusted_keys(extra=key or ()),
            policy=policy_of(policy),
            allow_revoked=allow_revoked,
            progress=bytes_report(report, f"pulling {reference} (MB)"),
        )
    if json:
        emit({"reference": reference, "path": path})
    else:
        typer.echo(path)
