"""`roadworthy push`: a certified version goes to another Hub."""

from typing import Annotated

import typer

from .options import EndpointOption, JsonOption, KeyOption, PolicyOption, RegistryOption, policy_of
from .tame import tame


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(push)


def push(
    reference: Annotated[str, typer.Argument(metavar="REF", help="The version.")],
    to: Annotated[str, typer.Argument(metavar="hf:ORG/NAME", help="The repository there; made if it is not there.")],
    private: Annotated[bool, typer.Option("--private", help="If it is made, for those alone whom you let in.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Delete what lies there and is not of this version, in the same commit.")
    ] = False,
    endpoint: EndpointOption = None,
    registry: RegistryOption = None,
    key: KeyOption = None,
    policy: PolicyOption = None,
    json: JsonOption = False,
) -> None:
    """Push a version to a Hub: one commit, checked there file by file, under the tag of its version."""
    from dataclasses import asdict

    from roadworthy.registry import open_registry, trusted_keys
    from roadworthy.registry import push as send

    from .output import bytes_report, emit, progress

    with progress() as report:
        done = send(
            open_registry(registry),
            reference,
            to,
            keys=trusted_keys(extra=key or ()),
            endpoint=endpoint,
            private=private,
            replace=replace,
            policy=policy_of(policy),
            progress=bytes_report(report, f"checking {reference} (MB)"),
        )
    if json:
        emit({"ok": True, **asdict(done), "reference": str(done.reference)})
        return
    came = "was there already" if done.was_there else f"pushed, tag {done.tag}" if done.tag else "pushed, without a tag"
    typer.echo(tame(f"{done.reference} {came}: {done.url} (commit {done.commit[:12]}, every digest as here)"))
    if done.untagged:
        typer.echo(tame(f"  no tag: {done.untagged}"))
