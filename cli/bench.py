"""`roadworthy bench`: latency and throughput on this machine, with the accuracy that goes with them."""

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
    is_folder,
    pulled,
    stated,
)

if TYPE_CHECKING:
    from roadworthy.model_cards import PerformanceRecord
    from roadworthy.registry import Reference, Registry


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(bench)


def bench(
    subject: Annotated[str, typer.Argument(metavar="REF|DIR", help="A reference, a snapshot folder, or a run.")],
    data: Annotated[
        Path | None, typer.Option(help="The data; accuracy at each precision is measured on its test part.")
    ] = None,
    batch_sizes: Annotated[str, typer.Option(help="How many examples at once.")] = "1,8,32,128",
    precisions: Annotated[str, typer.Option(help="float32, bfloat16; float16 on a GPU.")] = "float32,bfloat16",
    seconds: Annotated[float, typer.Option(min=0.01, help="Time for each batch size at each precision.")] = 2.0,
    device: DeviceOption = None,
    text_column: TextColumnOption = None,
    label_column: LabelColumnOption = None,
    group_column: GroupColumnOption = None,
    group_pattern: GroupPatternOption = None,
    no_record: Annotated[bool, typer.Option("--no-record", help="Only look; append nothing to the registry.")] = False,
    registry: RegistryOption = None,
    key: KeyOption = None,
    json: JsonOption = False,
) -> None:
    """Time a model on this machine, measure its accuracy at each precision, record both beside its version."""
    from roadworthy.finetune import bench as measure
    from roadworthy.registry import open_registry, trusted_keys

    from .output import emit, note, progress
    from .performance import performance_document, tell

    opened, version = open_registry(registry), None
    if is_folder(subject):
        folder = Path(subject) / "candidate" if (Path(subject) / "run.json").is_file() else Path(subject)
    else:
        # An alias may move meanwhile; what is pulled, measured and recorded is one version.
        version = opened.resolve(subject).reference
        folder = pulled(opened, str(version), trusted_keys(extra=key or ()))
    with progress() as report:
        record = measure(
            folder,
            data=data,
            batch_sizes=_numbers(batch_sizes),
            precisions=[word.strip() for word in precisions.split(",")],
            device=device,
            seconds=seconds,
            options=stated(
                text_column=text_column,
                label_column=label_column,
                group_column=group_column,
                group_pattern=group_pattern,
            ),
            report=report,
        )
    number = _add(opened, version, record) if version is not None and version.version and not no_record else None
    if json:
        found = performance_document(record.performance)
        emit({"subject": str(version or folder), "recorded": number, "performance": found})
    else:
        tell(record.performance)
    if number is not None:
        note(f"Recorded as performance record {number} of {version}: roadworthy show {version}")
    elif version is not None and not no_record:
        note(f"Not recorded: {version} is an uncertified draft, and only versions keep records.")


def _add(registry: "Registry", version: "Reference", record: "PerformanceRecord") -> int:
    from roadworthy.model_cards.envelope import seal
    from roadworthy.model_cards.performance import to_statement
    from roadworthy.registry import add_performance, signing_key, trusted_keys

    envelope = seal(to_statement(record), signing_key())
    return add_performance(registry, version, envelope, trusted_keys())


def _numbers(text: str) -> list[int]:
    from roadworthy.model_cards import InputError

    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise InputError(f"cannot read the batch sizes {text!r}. Expected numbers such as 1,8,32.") from None
