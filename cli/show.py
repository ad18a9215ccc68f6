"""`roadworthy show`: one version, its figures, its files, its certificate."""

from pathlib import Path
from typing import Annotated

import typer

from .options import JsonOption, KeyOption, RegistryOption, pulled
from .revoked import revoked_lines
from .tame import tame


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(show)


def show(
    reference: Annotated[str, typer.Argument(metavar="REF", help="team/name@1.0.0 or team/name@alias.")],
    html: Annotated[Path | None, typer.Option(help="Write the card as one HTML page, pictures inside.")] = None,
    registry: RegistryOption = None,
    key: KeyOption = None,
    json: JsonOption = False,
) -> None:
    """Show one version: metric, time-to-solution, data, parent, files, who measured it, performance records."""
    from dataclasses import asdict

    from roadworthy.registry import open_registry, parties, revocation, trusted_keys
    from roadworthy.registry import performance as records_of
    from roadworthy.registry import show as find

    from .attestations import parties_document, tell_parties
    from .output import emit, metric_line, note, write_page
    from .performance import recorded_document, tell_recorded

    opened, keys = open_registry(registry), trusted_keys(extra=key or ())
    details = find(opened, reference)
    records = records_of(opened, details.reference, keys)
    measured_by = parties(opened, details.reference, keys)
    if html is not None:
        write_page(pulled(opened, reference, keys, allow_revoked=True), html)
        note(f"Card: {html}")
    if json:
        performance = [recorded_document(recorded) for recorded in records]
        revoked = revocation(opened, details.reference, keys)
        emit({**asdict(details), **parties_document(measured_by), "performance": performance, "revoked": revoked})
        return
    lines = [
        ("reference", str(details.reference)),
        *revoked_lines(opened, details.reference, keys),
        ("system", details.system or "unknown"),
        ("task", details.task or ""),
    ]
    lines.append(("metric", metric_line(details.metric) if details.metric else "not measured (uncertified draft)"))
    t = details.tts
    tts = f"run {t.run:.1f} s, total {t.total:.1f} s, train only {t.train_only:.1f} s" if t else "not measured"
    lines.append(("time-to-solution", tts))
    if details.verdicts is not None:
        v = details.verdicts
        lines.append(("verdicts", f"reproduced: {_yes(v.reproduced)}, generalises: {_yes(v.generalises)}"))
    if details.certificate is not None:
        for waiver in details.certificate["waivers"]:
            by = f"{waiver['by']!r}, key {waiver['keyid'][:16]}"
            lines.append(("waived", f"{waiver['kind']}, by {by}: {waiver['reason']!r}"))
    lines.append(("parent", str(details.parent) if details.parent else "none"))
    lines.append(("created", details.created or ""))
    for name, value in (details.note or {}).items():
        lines.append((f"upstream {name}", f"{value} (not verified here)" if name == "claim" else value))
    for name, value in lines:
        typer.echo(tame(f"{name:<18}{value}"))
    for file in details.files:
        typer.echo(tame(f"{'':<18}{file.sha256[:16]}  {file.size:>12,}  {file.path}"))
    if measured_by:
        typer.echo("")
        tell_parties(measured_by)
    for recorded in records:
        typer.echo("")
        tell_recorded(recorded)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
