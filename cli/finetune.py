"""`roadworthy finetune`: a start and a data folder in, a run with a candidate out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .one_voice import finish_undisturbed, leads
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
    from roadworthy.finetune import Finetuned, FinetunedSeries


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(finetune)


def finetune(
    start: Annotated[
        str, typer.Argument(metavar="REF|SYSTEM", help="A reference, a snapshot folder, a system, or timm:NAME.")
    ],
    data: Annotated[
        Path, typer.Option(help="Images in a folder for each class, or a table of texts (csv, jsonl, parquet).")
    ],
    out: Annotated[Path, typer.Option(help="The run's folder. One that was stopped goes on.")],
    target: Annotated[str | None, typer.Option(help="Stop when this holds on validation: 'top1>=0.95'.")] = None,
    seed: Annotated[int | None, typer.Option(help="Replay a run; by default the system's entropy.")] = None,
    runs: Annotated[
        int | None, typer.Option(help="Make so many independent attempts; the one nearest the median is shipped.")
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="head-first, full; upper-layers, lora (text); changed so: 'full:learning_rate=1e-4'."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="The most epochs to train.")] = None,
    device: DeviceOption = None,
    image_size: Annotated[int | None, typer.Option(help="Crop in pixels; by default the start's.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Tokens of a text; by default the start's.")] = None,
    width: Annotated[int | None, typer.Option(help="Width of embeddings (dlrm, ncf, wide-and-deep).")] = None,
    candidates: Annotated[
        str | None, typer.Option(help="What items are ranked among (ncf): sampled, or the whole catalogue.")
    ] = None,
    text_column: TextColumnOption = None,
    label_column: LabelColumnOption = None,
    group_column: GroupColumnOption = None,
    group_pattern: GroupPatternOption = None,
    batch_size: Annotated[int | None, typer.Option(help="Examples in a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="At its peak.")] = None,
    lora_rank: Annotated[int | None, typer.Option(help="Train low-rank adapters of this rank (text).")] = None,
    find_learning_rate: Annotated[
        bool, typer.Option("--find-learning-rate", help="Range test first; its time is on the clock.")
    ] = False,
    find_micro_batch: Annotated[
        bool, typer.Option("--find-micro-batch", help="Measure the fastest micro-batch; its time is on the clock.")
    ] = False,
    checkpoint_seconds: Annotated[
        float | None, typer.Option(help="At most this much work is lost with a killed process.")
    ] = None,
    leave_out_leaked: Annotated[
        bool, typer.Option("--leave-out-leaked", help="Do not train on examples that are also in the test part.")
    ] = False,
    tensorboard: Annotated[
        Path | None, typer.Option(help="Write TensorBoard events below this folder, under the run's name.")
    ] = None,
    shard: Annotated[
        bool, typer.Option("--shard", help="Split a model too large for one device over torchrun's processes.")
    ] = False,
    tables: Annotated[
        str | None,
        typer.Option(help="Where embedding tables lie: auto, device, host (memory), split (over processes)."),
    ] = None,
    allow_revoked: AllowRevokedOption = False,
    registry: RegistryOption = None,
    key: KeyOption = None,
    json: JsonOption = False,
) -> None:
    """Fine-tune a model on your images or texts until the target holds."""
    import psutil

    from .output import and_tensorboard, progress

    origin, reference = origin_of(start, registry, key, allow_revoked=allow_revoked)
    asked: dict[str, Any] = {
        "data": data,
        "out": out,
        "target": target,
        "seed": seed,
        "device": device,
        "recipe": recipe,
        "leave_out_leaked": leave_out_leaked,
        "reference": reference,
        "image_size": image_size,
        "max_length": max_length,
        "width": width,
        "candidates": candidates,
        "text_column": text_column,
        "label_column": label_column,
        "group_column": group_column,
        "group_pattern": group_pattern,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "checkpoint_seconds": checkpoint_seconds,
        "lora_rank": lora_rank,
        "find_learning_rate": find_learning_rate or None,
        "find_micro_batch": find_micro_batch or None,
        "shard": shard or None,
        "tables": tables,
    }
    events = tensorboard / out.resolve().name if tensorboard and leads() else None
    with progress(keep=True) as shown, and_tensorboard(shown, events) as report:
        if runs is not None:
            from roadworthy.finetune import finetune_series

            series = finetune_series(origin, runs=runs, report=report, **asked)
            met = series.target_met
        else:
            report("starting torch", 0, 1)
            from roadworthy.finetune import finetune as run

            report("starting torch", 1, 1)
            result = run(origin, process_started=psutil.Process().create_time(), report=report, **asked)
            met = result.target_met
    finish_undisturbed()
    if leads():
        if runs is not None:
            _tell_series(series, data, json)
        else:
            _tell_run(result, data, json)
        if target is not None and not met:
            _tell_missed(target)
    if target is not None and not met:
        raise typer.Exit(1)


def _tell_missed(target: str) -> None:
    from .output import note

    note(f"roadworthy: the target {target} did not hold. Expected it within the epochs; give more --epochs or data.")


def _tell_run(result: "Finetuned", data: Path, json: bool) -> None:
    from .run_page import leave_run_page

    leave_run_page(result.run)
    from .output import clocks_document, emit, metric_document, metric_line, note

    if json:
        emit(
            {
                "run": result.run,
                "target_met": result.target_met,
                "metric": metric_document(result.metric),
                "tts": clocks_document(result.tts),
            }
        )
        return
    if result.metric is not None:
        typer.echo(f"validation: {metric_line(result.metric)}")
    if result.tts is not None:
        t = result.tts
        typer.echo(f"time: run {t.run:.1f} s, total {t.total:.1f} s, train only {t.train_only:.1f} s")
    typer.echo(f"run: {result.run}")
    note(f"Next: roadworthy verify {result.run} --data {data}")


def _tell_series(found: "FinetunedSeries", data: Path, json: bool) -> None:
    from .output import emit, metric_document, metric_line, note
    from .series_table import series_document, series_lines

    if json:
        emit(
            {
                "series": found.folder,
                "run": found.run,
                "target_met": found.target_met,
                "metric": metric_document(found.metric),
                "failures": found.failures,
                **series_document(found.series),
            }
        )
        return
    for line in series_lines(found.series):
        typer.echo(line)
    for number, why in found.failures.items():
        note(f"attempt {number} failed: {why}")
    if found.metric is not None:
        typer.echo(f"validation, attempt {found.series.shipped}: {metric_line(found.metric)}")
    typer.echo(f"series: {found.folder}")
    note(f"Next: roadworthy verify {found.folder} --data {data}")
