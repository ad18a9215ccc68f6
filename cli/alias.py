"""`roadworthy alias`: point an alias at a version that meets the policy."""

from typing import Annotated

import typer

from .options import JsonOption, KeyOption, PolicyOption, RegistryOption, policy_of


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(alias)


def alias(
    reference: Annotated[str, typer.Argument(metavar="REF", help="The alias: team/name@production.")],
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Where it is to point: 1.0.0.")],
    registry: RegistryOption = None,
    key: KeyOption = None,
    policy: PolicyOption = None,
    json: JsonOption = False,
) -> None:
    """Point an alias at a version; refused where the version does not meet the policy."""
    from roadworthy.registry import open_registry, promote, trusted_keys

    from .output import emit

    move = promote(
        open_registry(registry), reference, version, keys=trusted_keys(extra=key or ()), policy=policy_of(policy)
    )
    if json:
        emit({"reference": reference, "version": version, "moved": move is not None, "from": move and move.old})
    else:
        typer.echo(f"{reference} points at {version}" + ("" if move else " already"))
