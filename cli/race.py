"""`roadworthy race`: recipes against each other, on the same data from the same start."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import (
    DeviceOption,
    GroupColumnOption,
    GroupPatternOption,
    JsonOption,
    KeyOption,
    LabelColumnOption,
    RegistryOption,
    TextColumnOption,
    origin_of,
)
from .revoked import AllowRevokedOption

if TYPE_CHECKING:
    from roadworthy.finetune import Raced


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(race)


def race(
    contenders: Annotated[
        list[str], typer.Argument(metavar="A B…", help="Recipes: head-first, full, lora, 'full:learning_rate=1e-4'.")
    ],
    start: Annotated[str, typer.Option(metavar="REF|DIR", help="What all of them start from.")],
    data: Annotated[Path, typer.Option(help="The data, the same for all.")],
    target: Annotated[str, typer.Option(help="The race is to this, on validation: 'top1>=0.95'.")],
    out: Annotated[Path, typer.Option(help="The race's folder. One that was stopped goes on.")],
    runs: Annotated[int, typer.Option(help="Attempts of each, in turn.")] = 1,
    epochs: Annotated[int | None, typer.Option(help="The most epochs, where a contender does not say.")] = None,
    device: DeviceOption = None,
    image_size: Annotated[int | None, typer.Option(help="Crop in pixels; by default the start's.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Tokens of a text; by default the start's.")] = None,
    text_column: TextColumnOption = None,
    label_column: LabelColumnOption = None,
    group_column: GroupColumnOption = None,
    group_pattern: GroupPatternOption = None,
    allow_revoked: AllowRevokedOption = False,
    registry: RegistryOption = None,
    key: KeyOption = None,
    json: JsonOption = False,
) -> None:
    """Race recipes to one target, in turn, and draw accuracy over time with every crossing."""
    from .output import emit, progress

    origin, reference = origin_of(start, registry, key, allow_revoked=allow_revoked)
    with progress() as report:
        report("starting torch", 0, 1)
        from roadworthy.finetune import race as run

        report("starting torch", 1, 1)
        raced = run(
            contenders,
            start=origin,
            data=data,
            out=out,
            target=target,
            runs=runs,
            device=device,
            reference=reference,
            report=report,
            epochs=epochs,
            image_size=image_size,
            max_length=max_length,
            text_column=text_column,
            label_column=label_column,
            group_column=group_column,
            group_pattern=group_pattern,
        )
    if json:
        emit({"page": raced.page, "failures": raced.failures, **_document(raced)})
    else:
        _tell(raced)
    if not any(contender.series.pass_rate for contender in raced.race.contenders):
        from .output import note

        note(f"roadworthy: the target {target} did not hold for any contender. Give more --epochs or data.")
        raise typer.Exit(1)


def _document(raced: "Raced") -> dict[str, object]:
    from .output import metric_document
    from .series_table import series_document

    told = raced.race
    return {
        "target": str(told.target),
        "contenders": [
            {
                "contender": contender.name,
                "ratio": told.ratio(contender),
                "metric": metric_document(contender.metric),
                **series_document(contender.series),
            }
            for contender in told.contenders
        ],
    }


def _tell(raced: "Raced") -> None:
    from .output import metric_line, note
    from .series_table import series_lines

    told = raced.race
    for contender in told.contenders:
        ratio = told.ratio(contender)
        by_first = "" if ratio is None else f" ({ratio:.2f} × the first's median)"
        typer.echo(f"{contender.name}{by_first}")
        for line in series_lines(contender.series, shipped="middle"):
            typer.echo(f"  {line}")
        if contender.metric is not None:
            typer.echo(f"  validation when it stopped: {metric_line(contender.metric)}")
        for number, why in raced.failures[contender.name].items():
            note(f"  attempt {number} failed: {why}")
    typer.echo(f"race: {raced.page}")
