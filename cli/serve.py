"""`roadworthy serve`: the registry over HTTP, as Hub clients know it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import RegistryOption

if TYPE_CHECKING:
    from roadworthy.registry.server.running import Settings

TokensOption = Annotated[
    Path | None, typer.Option("--tokens", help="The file of tokens.", show_default="tokens.json of the user data")
]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(serve)


def serve(
    host: Annotated[str, typer.Option(help="0.0.0.0 for every interface of this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    registry: RegistryOption = None,
    tokens: TokensOption = None,
    tls_cert: Annotated[Path | None, typer.Option(help="A certificate (PEM): serve by https.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None,
    anonymous_read: Annotated[
        bool, typer.Option("--anonymous-read", help="Whoever has no token may read, from other machines too.")
    ] = False,
    protect: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ALIAS", help="Moved by tokens with the role promote alone.", show_default="latest, production"
        ),
    ] = None,
    audit_log: Annotated[
        Path | None,
        typer.Option(help="Where every write is kept.", show_default="server-log.jsonl beside the tokens"),
    ] = None,
    relay: Annotated[
        bool, typer.Option("--relay", help="Send the bytes of a bucket too, where clients cannot reach it themselves.")
    ] = False,
    rate: Annotated[float, typer.Option(min=1, help="Requests in a second that one caller may make for long.")] = 200.0,
    max_body: Annotated[int, typer.Option(min=1, help="GB in one body at most.")] = 55,
) -> None:
    """Serve the registry to roadworthy, hf, transformers and timm, until Ctrl-C.

    Needs the extra: pip install 'roadworthy[server]'
    """
    from roadworthy.model_cards.errors import InputError
    from roadworthy.registry import default_tokens, open_registry

    try:
        from roadworthy.registry.server.running import Settings
        from roadworthy.registry.server.running import serve as run
        from roadworthy.registry.server.surround import Limits
    except ImportError as error:
        raise InputError(f"cannot serve: {error.name} is not installed. pip install 'roadworthy[server]'") from error
    file = tokens or default_tokens()
    settings = Settings(
        host=host,
        port=port,
        tokens=file,
        audit=audit_log or file.with_name("server-log.jsonl"),
        anonymous_read=anonymous_read,
        certificate=tls_cert,
        key=tls_key,
        redirects=not relay,
        protected=tuple(protect or ("latest", "production")),
        limits=Limits(per_second=rate, burst=10 * rate, body=max_body * 1_000_000_000),
    )
    opened = open_registry(registry)
    if opened.location.startswith(("http://", "https://")):
        raise InputError(
            f"{opened.location} is a server's already. Expected a folder, or a bucket: s3://bucket/prefix."
        )
    run(opened, settings, ready=lambda: _greet(opened.location, settings))


def _greet(location: str, settings: "Settings") -> None:
    from roadworthy.registry import list_tokens

    from .tame import tame

    typer.echo(tame(f"serving {location} at {settings.url} (Ctrl-C stops)"))
    typer.echo(f"  export HF_ENDPOINT={settings.url}")
    if any(record.revoked is None for record in list_tokens(settings.tokens)):
        typer.echo("  export HF_TOKEN=rw_…   # what `roadworthy tokens create` printed; never one of huggingface.co")
    else:
        typer.echo("  export HF_TOKEN=$(roadworthy tokens create me --role write --namespace team)   # to push")
