"""`roadworthy bundle`: a version in one file, for where no network goes; and out of it again."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import JsonOption, KeyOption, PolicyOption, RegistryOption, policy_of
from .tame import tame

if TYPE_CHECKING:
    from roadworthy.registry import Registry, Replicated


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(bundle)


def bundle(
    what: Annotated[str, typer.Argument(metavar="REF|import", help="The version to write; or `import`, to read.")],
    file: Annotated[Path, typer.Argument(metavar="FILE.tar", help="The bundle.")],
    registry: RegistryOption = None,
    key: KeyOption = None,
    policy: PolicyOption = None,
    json: JsonOption = False,
) -> None:
    """Write a version into one tar file, or import one: every byte, signature and gate is checked again."""
    from roadworthy.registry import open_registry, trusted_keys, write_bundle

    from .output import bytes_report, emit, progress

    opened, keys = open_registry(registry), trusted_keys(extra=key or ())
    if what == "import":
        _import(opened, file, keys, policy, json)
        return
    with progress() as report:
        made = write_bundle(opened, what, file, keys=keys, progress=bytes_report(report, f"bundling {what} (MB)"))
    if json:
        emit({"ok": True, "reference": str(made.reference), "commit": made.commit, "file": file})
    else:
        typer.echo(f"{file}: {made.reference} (commit {made.commit[:12]})")


def _import(to: "Registry", file: Path, keys: Any, policy: Path | None, json: bool) -> None:
    from roadworthy.model_cards import InputError
    from roadworthy.registry import Reference, open_bundle, replicate

    from .output import bytes_report, emit, progress

    source = open_bundle(file)
    references = [
        Reference(namespace, name, str(version))
        for namespace, name in source.models()
        for version in source.versions(namespace, name)
    ]
    if not references:
        raise InputError(f"{file} holds no version: expected a bundle that `roadworthy bundle REF {file}` wrote.")
    found = []
    for reference in references:
        with progress() as report:
            done = replicate(
                source,
                reference,
                to,
                keys=keys,
                policy=policy_of(policy),
                progress=bytes_report(report, f"importing {reference} (MB)"),
            )
        found.append(done)
        if not json:
            came = "was there already" if done.was_there else f"imported (commit {done.manifest.commit[:12]})"
            typer.echo(
                f"{reference} {came}; beside it {done.records} records of speed, {done.attestations} attestations, "
                f"{done.revocations} revocations"
            )
            for reason in done.left_out:
                typer.echo(tame(f"  left out: {reason}"))
    if json:
        emit({"ok": True, "imported": [_document(done) for done in found]})


def _document(done: "Replicated") -> dict[str, Any]:
    return {
        "reference": str(done.manifest.reference),
        "commit": done.manifest.commit,
        "was_there": done.was_there,
        "records": done.records,
        "attestations": done.attestations,
        "revocations": done.revocations,
        "left_out": done.left_out,
    }
