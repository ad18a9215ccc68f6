"""`roadworthy import`: a foreign checkpoint becomes an uncertified draft."""

from pathlib import Path
from typing import Annotated

import typer

from .options import JsonOption, RegistryOption


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="import")(import_checkpoint)


def import_checkpoint(
    checkpoint: Annotated[
        Path, typer.Argument(help="A .safetensors, .pth or .pt file; or a model folder of timm or transformers.")
    ],
    reference: Annotated[str, typer.Argument(metavar="NAME", help="team/name; the draft is team/name@main.")],
    system: Annotated[
        str | None, typer.Option(help="What a file is: a system of the catalogue, or timm:ARCHITECTURE.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Where the file comes from.")] = None,
    claim: Annotated[str | None, typer.Option(help="What its upstream claims; quoted as not verified.")] = None,
    licence: Annotated[str | None, typer.Option(help="The licence its upstream states.")] = None,
    registry: RegistryOption = None,
    json: JsonOption = False,
) -> None:
    """Scan and convert a checkpoint or a model folder into a draft."""
    import tempfile
    from dataclasses import asdict

    from roadworthy.model_cards.certificate import Upstream
    from roadworthy.registry import import_draft, open_registry

    from .output import bytes_report, emit, note, progress

    with progress() as report, tempfile.TemporaryDirectory(prefix="roadworthy-import-") as aside:
        report("starting torch", 0, 1)
        from roadworthy.finetune import import_checkpoint as convert

        report("starting torch", 1, 1)
        upstream = Upstream(source=source or checkpoint.name, claim=claim, licence=licence)
        done = convert(checkpoint, system=system, out=Path(aside) / "snapshot", upstream=upstream)
        quoted = {key: value for key, value in asdict(upstream).items() if value is not None}
        draft = import_draft(
            open_registry(registry),
            done.snapshot,
            reference,
            note=quoted,
            progress=bytes_report(report, f"storing {reference} (MB)"),
        )
    if json:
        emit({"reference": str(draft), "layout": done.layout, "parameters": done.parameters, "dropped": done.dropped})
    else:
        typer.echo(f"{draft}: {done.parameters:,} parameters, converted from its {done.layout} layout")
        note("It is an uncertified draft: its accuracy was not measured here.")
