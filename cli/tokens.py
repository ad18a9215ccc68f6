"""`roadworthy tokens`: who may do what on a server."""

from typing import TYPE_CHECKING, Annotated

import typer

from .options import JsonOption
from .serve import TokensOption

if TYPE_CHECKING:
    from roadworthy.registry import TokenRecord

_tokens = typer.Typer(
    name="tokens",
    help="Make, list and revoke the tokens that `roadworthy serve` accepts.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.add_typer(_tokens)


@_tokens.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Whose it is: a person, or a machine.")],
    role: Annotated[
        str, typer.Option(help="read, write, promote or admin: each may what those before it may.")
    ] = "read",
    namespace: Annotated[
        list[str] | None, typer.Option(metavar="TEAM", help="Where it counts; '*' is everywhere. May be repeated.")
    ] = None,
    tokens: TokensOption = None,
    json: JsonOption = False,
) -> None:
    """Make a token and print it. It is shown once, and only its digest is kept."""
    from roadworthy.registry import create_token, default_tokens

    from .output import emit

    file = tokens or default_tokens()
    made = create_token(file, name, role=role, namespaces=namespace or ())  # type: ignore[arg-type]  # checked there
    if json:
        emit({"name": name, "token": made})
    else:
        typer.echo(made)


@_tokens.command("list")
def list_(tokens: TokensOption = None, json: JsonOption = False) -> None:
    """List the tokens: whose they are, what they may do and where, since when."""
    from dataclasses import asdict

    from roadworthy.registry import default_tokens, list_tokens

    from .output import emit

    known = list_tokens(tokens or default_tokens())
    if json:
        emit([{name: value for name, value in asdict(record).items() if name != "sha256"} for record in known])
        return
    for record in known:
        typer.echo(_line(record))
    if not known:
        typer.echo("no tokens yet; make one: roadworthy tokens create NAME --role write --namespace TEAM")


@_tokens.command()
def revoke(
    name: Annotated[str, typer.Argument(metavar="NAME")], tokens: TokensOption = None, json: JsonOption = False
) -> None:
    """End a token. A server that runs refuses it from its next request on."""
    from roadworthy.registry import default_tokens, revoke_token

    from .output import emit

    ended = revoke_token(tokens or default_tokens(), name)
    if json:
        emit({"name": ended.name, "revoked": ended.revoked})
    else:
        typer.echo(_line(ended))


def _line(record: "TokenRecord") -> str:
    """``ci                write    team, demo            since 2026-01-02T03:04:05Z``."""
    from .tame import tame

    ended = f"  revoked {record.revoked}" if record.revoked else ""
    where = ", ".join(record.namespaces)
    return tame(f"{record.name:<16}  {record.role:<7}  {where:<20}  since {record.created}{ended}")
