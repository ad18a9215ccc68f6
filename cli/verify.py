"""`roadworthy verify`: measure again in a clean process."""

from pathlib import Path
from typing import Annotated

import typer

from .options import (
    DeviceOption,
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
    app.command()(verify)


def verify(
    subject: Annotated[str, typer.Argument(metavar="RUN|DIR|REF", help="A run, a snapshot folder, or a reference.")],
    data: Annotated[Path, typer.Option(help="The data; its test part is measured on.")],
    target: Annotated[str | None, typer.Option(help="The target, where the run has none.")] = None,
    show_examples: Annotated[
        int,
        typer.Option(
            min=0, max=10, help="Publish pictures of so many of the surest test errors on the card; by default none."
        ),
    ] = 0,
    device: DeviceOption = None,
    text_column: TextColumnOption = None,
    label_column: LabelColumnOption = None,
    registry: RegistryOption = None,
    key: KeyOption = None,
    json: JsonOption = False,
) -> None:
    """Measure the packaged model on the test data in a clean process, and certify it."""
    from roadworthy.finetune import verify as measure
    from roadworthy.model_cards import InputError
    from roadworthy.registry import open_registry, signing_key, trusted_keys

    from .output import emit, metric_document, metric_line, note, progress

    folder = Path(subject)
    if not is_folder(subject):
        folder = pulled(open_registry(registry), subject, trusted_keys(extra=key or ()))
        if not (folder / "certificate.json").is_file():
            raise InputError(
                f"{subject} is a draft, and a registry's files are never changed. Pull it to a folder of yours "
                f"(roadworthy pull {subject} --to DIR) and verify that."
            )
    with progress() as report:
        result = measure(
            folder,
            data=data,
            signer=signing_key(),
            target=target,
            device=device,
            options=stated(text_column=text_column, label_column=label_column) or None,
            show_examples=show_examples,
            report=report,
        )
    if json:
        emit(
            {
                "ok": result.ok,
                "reasons": result.reasons,
                "metric": metric_document(result.metric),
                "snapshot": result.snapshot,
                "certified": result.certified,
                "agreement": result.agreement,
            }
        )
    else:
        typer.echo(f"{'yes' if result.ok else 'no'}: {metric_line(result.metric)}")
        if result.agreement is not None:
            typer.echo(f"agrees with its certificate on {100 * result.agreement:.2f} % of the examples")
        for reason in result.reasons:
            typer.echo(f"  {reason}")
        if result.certified:
            note(f"Card: {result.snapshot / 'README.md'}")
    if not result.ok:
        raise typer.Exit(1)
