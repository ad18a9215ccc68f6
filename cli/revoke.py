"""`roadworthy revoke`: a signed word that a version is not to be used, or that it is again."""

from typing import Annotated

import typer

from .options import JsonOption, KeyOption, RegistryOption
from .tame import tame


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(revoke)


def revoke(
    reference: Annotated[str, typer.Argument(metavar="REF", help="The version: team/name@1.0.0.")],
    reason: Annotated[str, typer.Option(help="Why, in a line; everybody who asks for it is told.")],
    superseded_by: Annotated[
        str | None, typer.Option("--superseded-by", metavar="VERSION|REF", help="What to take instead.")
    ] = None,
    reinstate: Annotated[bool, typer.Option("--reinstate", help="Take back that you have revoked it.")] = False,
    registry: RegistryOption = None,
    key: KeyOption = None,
    json: JsonOption = False,
) -> None:
    """Revoke a version: pulls of it refuse. It stays where it is; what is said of it is signed and logged."""
    from roadworthy.registry import open_registry, signing_key, trusted_keys
    from roadworthy.registry import revoke as say

    from .output import emit

    signer = signing_key()
    said = say(
        open_registry(registry),
        reference,
        reason=reason,
        signer=signer,
        keys=trusted_keys(extra=key or ()),
        superseded_by=superseded_by,
        reinstate=reinstate,
    )
    if json:
        emit(said)
    else:
        typer.echo(tame(str(said)))
