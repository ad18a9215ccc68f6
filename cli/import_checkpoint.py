"""`roadworthy import`: a foreign checkpoint becomes an uncertified draft."""

from pathlib import Path
from typing import Annotated

import typer

from .options import EndpointOption, JsonOption, RegistryOption
from .tame import tame


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command(name="import")(import_checkpoint)


def import_checkpoint(
    checkpoint: Annotated[
        str,
        typer.Argument(
            help="A .safetensors, .pth or .pt file; a model folder of timm or transformers; or hf:org/name@revision."
        ),
    ],
    reference: Annotated[str, typer.Argument(metavar="NAME", help="team/name; the draft is team/name@main.")],
    system: Annotated[
        str | None, typer.Option(help="What a file is: a system of the catalogue, or timm:ARCHITECTURE.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Where the file comes from.")] = None,
    claim: Annotated[str | None, typer.Option(help="What its upstream claims; quoted as not verified.")] = None,
    licence: Annotated[str | None, typer.Option(help="The licence its upstream states.")] = None,
    endpoint: EndpointOption = None,
    registry: RegistryOption = None,
    json: JsonOption = False,
) -> None:
    """Scan and convert a checkpoint or a model folder into a draft."""
    import tempfile
    from dataclasses import asdict

    from roadworthy.model_cards.certificate import Upstream
    from roadworthy.registry import fetch_upstream, import_draft, open_registry

    from .output import bytes_report, emit, note, progress

    opened = open_registry(registry)
    with tempfile.TemporaryDirectory(prefix="roadworthy-import-") as aside:
        if checkpoint.startswith("hf:"):
            # Under the stock client's own bars, with rate and time left.
            fetched = fetch_upstream(checkpoint, Path(aside) / "upstream", endpoint=endpoint)
            path, upstream = fetched.path, Upstream(source=fetched.source, claim=fetched.claim, licence=fetched.licence)
        else:
            path = Path(checkpoint)
            upstream = Upstream(source=path.name, claim=None, licence=None)
        upstream = Upstream(
            source=source or upstream.source, claim=claim or upstream.claim, licence=licence or upstream.licence
        )
        with progress() as report:
            report("starting torch", 0, 1)
            from roadworthy.finetune import import_checkpoint as convert

            report("starting torch", 1, 1)
            done = convert(path, system=system, out=Path(aside) / "snapshot", upstream=upstream)
            quoted = {key: value for key, value in asdict(upstream).items() if value is not None}
            draft = import_draft(
                opened,
                done.snapshot,
                reference,
                note=quoted,
                progress=bytes_report(report, f"storing {reference} (MB)"),
            )
    if json:
        emit(
            {
                "reference": str(draft),
                "layout": done.layout,
                "parameters": done.parameters,
                "dropped": done.dropped,
                "upstream": quoted,
            }
        )
    else:
        typer.echo(f"{draft}: {done.parameters:,} parameters, converted from its {done.layout} layout")
        typer.echo(tame(f"  upstream: {upstream.source}"))
        note("It is an uncertified draft: its accuracy was not measured here.")
