"""`roadworthy publish`: through the gate into the registry."""

from pathlib import Path
from typing import Annotated

import typer

from .options import GateOption, JsonOption, KeyOption, PolicyOption, RegistryOption, policy_of
from .revoked import AllowRevokedOption


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(publish)


def publish(
    subject: Annotated[Path, typer.Argument(metavar="RUN|DIR", help="A verified run, series or snapshot folder.")],
    reference: Annotated[str, typer.Argument(metavar="REF", help="The new version: team/name@1.0.0.")],
    gate: GateOption = None,
    alias: Annotated[str, typer.Option(help="The alias to move to it.")] = "latest",
    model_sig: Annotated[
        Path | None,
        typer.Option(metavar="KEYFILE", help="Sign it for OpenSSF's tools too, with this elliptic-curve key (PEM)."),
    ] = None,
    registry: RegistryOption = None,
    key: KeyOption = None,
    policy: PolicyOption = None,
    allow_revoked: AllowRevokedOption = False,
    json: JsonOption = False,
) -> None:
    """Publish a verified snapshot as an immutable version; refused without its certificate."""
    from roadworthy.finetune.series_folder import packaged_in
    from roadworthy.model_cards import CheckError
    from roadworthy.model_cards.gate import Gate
    from roadworthy.registry import open_registry, trusted_keys
    from roadworthy.registry import publish as put

    from .output import bytes_report, emit, progress

    folder = packaged_in(subject)
    try:
        with progress() as report:
            done = put(
                open_registry(registry),
                folder,
                reference,
                keys=trusted_keys(extra=key or ()),
                policy=policy_of(policy),
                gate=Gate.parse(gate) if gate else None,
                alias=alias,
                model_key=model_sig,
                allow_revoked=allow_revoked,
                progress=bytes_report(report, f"publishing {reference} (MB)"),
                squeezing=bytes_report(report, "keeping its weights as a delta of their parent's (MB)"),
            )
    except CheckError as error:
        if json:
            emit({"ok": False, "reasons": error.reasons or (str(error),), "reference": reference})
        raise
    if json:
        emit(
            {
                "ok": True,
                "reasons": [],
                "reference": str(done.reference),
                "commit": done.manifest.commit,
                "moved": done.moved,
            }
        )
    else:
        typer.echo(f"published {done.reference} (commit {done.manifest.commit[:12]})")
