"""`roadworthy export`: an ONNX file or a torch.export program, measured before it is kept."""

from pathlib import Path
from typing import Annotated

import typer

from .options import (
    GroupColumnOption,
    GroupPatternOption,
    JsonOption,
    KeyOption,
    LabelColumnOption,
    RegistryOption,
    TextColumnOption,
    is_folder,
    pulled,
    stated,
)


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(export)


def export(
    subject: Annotated[str, typer.Argument(metavar="REF|DIR", help="A reference, a snapshot folder, or a run.")],
    to: Annotated[str, typer.Option(help="onnx or torch-export.")],
    out: Annotated[Path, typer.Option(help="A new or empty folder.")],
    data: Annotated[Path, typer.Option(help="The data; the exported model answers its test part.")],
    target: Annotated[str | None, typer.Option(help="By default the certificate's.")] = None,
    text_column: TextColumnOption = None,
    label_column: LabelColumnOption = None,
    group_column: GroupColumnOption = None,
    group_pattern: GroupPatternOption = None,
    registry: RegistryOption = None,
    key: KeyOption = None,
    json: JsonOption = False,
) -> None:
    """Export a model, measure the exported file in a clean process, and sign what was found."""
    from typing import cast

    from roadworthy.finetune import export as write
    from roadworthy.model_cards.artefact import Format
    from roadworthy.registry import open_registry, signing_key, trusted_keys

    from .output import emit, metric_document, metric_line, note, progress
    from .performance import agreement_text

    if is_folder(subject):
        folder = Path(subject) / "candidate" if (Path(subject) / "run.json").is_file() else Path(subject)
    else:
        folder = pulled(open_registry(registry), subject, trusted_keys(extra=key or ()))
    with progress() as report:
        done = write(
            folder,
            to=cast("Format", to),
            out=out,
            data=data,
            signer=signing_key(),
            target=target,
            options=stated(
                text_column=text_column,
                label_column=label_column,
                group_column=group_column,
                group_pattern=group_pattern,
            ),
            report=report,
        )
    artefact, files = done.record.artefact, done.record.files
    if json:
        emit(
            {
                "ok": True,
                "folder": done.folder,
                "format": artefact.format,
                "opened_by": artefact.opened_by,
                "metric": metric_document(artefact.metric),
                "target": str(artefact.target),
                "agreement": artefact.agreement,
                "files": files,
            }
        )
        return
    typer.echo(f"yes: {metric_line(artefact.metric)}, run by {artefact.opened_by}")
    typer.echo(f"its certificate's evidence: {agreement_text(artefact.agreement)}")
    for file in files:
        typer.echo(f"  {file.sha256[:16]}  {file.size:>12,}  {file.path}")
    note(f"Signed: {done.folder / 'verification.json'}")
