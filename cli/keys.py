"""`roadworthy keys`: who signs here, and whose signatures count."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import JsonOption

if TYPE_CHECKING:
    from roadworthy.registry import KeyRecord

WordArgument = Annotated[
    str, typer.Argument(metavar="KEYID|NAME", help="Its name, or the first four digits of its key id or more.")
]

_keys = typer.Typer(
    name="keys",
    help="Make, list, export, trust, distrust and rotate the keys that sign certificates.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.add_typer(_keys)


@_keys.command()
def new(json: JsonOption = False) -> None:
    """Make the key that signs here. (Without it, the first `verify` makes one.)"""
    from roadworthy.registry import new_key

    made = new_key()
    _tell(made, json)
    if not json:
        typer.echo("Who should believe you needs its public half: roadworthy keys export --out FILE")


@_keys.command("list")
def list_(json: JsonOption = False) -> None:
    """List your own keys, those you trust, and those you distrusted."""
    from dataclasses import asdict

    from roadworthy.registry import list_keys

    from .output import emit

    known = list_keys()
    if json:
        emit([asdict(record) for record in known])
        return
    for record in known:
        typer.echo(_line(record))
    if not known:
        typer.echo("no keys yet; make one: roadworthy keys new")


@_keys.command()
def export(
    key: Annotated[
        str | None, typer.Argument(metavar="KEYID|NAME", help="Another key than your own.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A new file, instead of stdout.")] = None,
    json: JsonOption = False,
) -> None:
    """Print the public half of your key, as PEM: what you hand to whoever should believe you."""
    from roadworthy.registry import export_key

    from .output import emit, write_new

    pem = export_key(key)
    if out is not None:
        write_new(out, pem)
    if json:
        emit({"pem": pem, "file": out})
    else:
        typer.echo(pem if out is None else out, nl=out is not None)


@_keys.command(context_settings={"ignore_unknown_options": True})  # a PEM begins with dashes
def trust(
    source: Annotated[
        str, typer.Argument(metavar="FILE|PEM", help="A public key, its PEM, or the file of a rotation.")
    ],
    name: Annotated[str | None, typer.Option(help="What policies call it; by default what its file is called.")] = None,
    json: JsonOption = False,
) -> None:
    """Count the signatures of a key from now on. Compare its key id with its owner first."""
    from roadworthy.registry import trust_key

    trusted = trust_key(source if source.startswith("-----BEGIN") else Path(source), name=name)
    _tell(trusted, json)
    if not json:
        typer.echo(f"Its whole key id, to compare with its owner: {trusted.keyid}")


@_keys.command()
def distrust(
    key: WordArgument,
    reason: Annotated[str, typer.Option(help="Why; every refusal says it.")],
    json: JsonOption = False,
) -> None:
    """Never count a signature of that key again, even if --key names it. There is no way back."""
    from roadworthy.registry import distrust_key

    _tell(distrust_key(key, reason=reason), json)


@_keys.command()
def rotate(json: JsonOption = False) -> None:
    """Make a new key that signs from now on; what the old one signed still counts."""
    from dataclasses import asdict

    from roadworthy.registry import rotate_key

    from .output import emit

    done = rotate_key()
    if json:
        emit(asdict(done))
        return
    typer.echo(_line(done.old))
    typer.echo(_line(done.new))
    if done.statement is None:
        typer.echo("The old key was distrusted, so it vouches for nobody. Hand out: roadworthy keys export")
    else:
        typer.echo(f"Who trusts the old key follows with: roadworthy keys trust {done.statement}")


def _tell(record: "KeyRecord", json: bool) -> None:
    from dataclasses import asdict

    from .output import emit

    if json:
        emit(asdict(record))
    else:
        typer.echo(_line(record))


def _line(record: "KeyRecord") -> str:
    """``trusted     f2a7c17d90b14e6a  alice             since 2026-01-02T03:04:05Z``."""
    name = record.name or "-"
    return f"{record.status:<12}{record.fingerprint}  {name:<16}  since {record.since}  {record.reason or ''}".rstrip()
