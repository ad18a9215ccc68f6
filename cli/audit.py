"""`roadworthy audit`: replay everything that can be checked without data, GPU or torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import JsonOption, KeyOption, RegistryOption, is_folder, pulled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from securesystemslib.signer import Key


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(audit)


def audit(
    subject: Annotated[
        str, typer.Argument(metavar="DIR|REF", help="A snapshot folder, a run, a series, an export, or a reference.")
    ],
    registry: RegistryOption = None,
    key: KeyOption = None,
    json: JsonOption = False,
) -> None:
    """Check digests, signature, metric, clocks and card of a snapshot, or those of an export."""
    from roadworthy.finetune.series_folder import packaged_in
    from roadworthy.model_cards import audit as check
    from roadworthy.registry import open_registry, trusted_keys

    from .output import emit, metric_document, metric_line

    keys = trusted_keys(extra=key or ())
    folder = packaged_in(Path(subject)) if is_folder(subject) else pulled(open_registry(registry), subject, keys)
    if (folder / "verification.json").is_file():
        _audit_export(folder, keys, json)
        return
    result = check(folder, keys)
    metric = result.certificate.claim.metric if result.certificate else None
    if json:
        emit(
            {
                "ok": result.ok,
                "reasons": result.reasons,
                "checks": result.checks,
                "metric": metric_document(metric),
                "signers": result.signers,
            }
        )
    else:
        for line in result.checks:
            typer.echo(f"  ✓ {line}")
        for line in result.reasons:
            typer.echo(f"  ✗ {line}")
        typer.echo(f"{'yes' if result.ok else 'no'}: {metric_line(metric) if metric else 'nothing is proven'}")
    if not result.ok:
        raise typer.Exit(1)


def _audit_export(folder: Path, keys: "Sequence[Key]", json: bool) -> None:
    from roadworthy.model_cards.artefact import check

    from .output import emit, metric_document, metric_line

    record = check(folder, keys)  # what does not hold is an error with its reason, and exit code 1
    metric = record.artefact.metric
    if json:
        emit({"ok": True, "reasons": (), "metric": metric_document(metric), "opened_by": record.artefact.opened_by})
    else:
        typer.echo(
            f"yes: {metric_line(metric)}, run by {record.artefact.opened_by}; {len(record.files)} files as signed"
        )
