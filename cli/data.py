"""`roadworthy data`: what a run would find in your data, before it starts."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .data_leaks import leak_lines
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
    from roadworthy.finetune import DataReport

_NAMED = 8  # classes, copies and suspects named in the terminal


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(data)


def data(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Images in a folder for each class, or a table of texts.")
    ],
    start: Annotated[
        str | None,
        typer.Option(
            metavar="REF|DIR",
            help="Suspect labels by this model's frozen features (needs cleanlab), and let it confirm near duplicates.",
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="REF|DIR", help="Which of these examples was this version trained on, by its sketch?"),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report as one HTML page, pictures inside.")] = None,
    image_size: Annotated[int | None, typer.Option(help="Crop in pixels for --start; by default the start's.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Tokens of a text for --start.")] = None,
    text_column: TextColumnOption = None,
    label_column: LabelColumnOption = None,
    group_column: GroupColumnOption = None,
    group_pattern: GroupPatternOption = None,
    device: DeviceOption = None,
    registry: RegistryOption = None,
    key: KeyOption = None,
    json: JsonOption = False,
) -> None:
    """Report on your data before a run: classes, sizes, copies, near copies, leaks, unreadable files, label errors."""
    from roadworthy.finetune.series_folder import packaged_in
    from roadworthy.registry import open_registry, trusted_keys

    from .output import emit, note, progress

    def folder_of(word: str) -> Path:
        if is_folder(word):
            return packaged_in(Path(word))
        return pulled(open_registry(registry), word, trusted_keys(extra=key or ()), allow_revoked=True)

    options = stated(
        image_size=image_size,
        max_length=max_length,
        text_column=text_column,
        label_column=label_column,
        group_column=group_column,
        group_pattern=group_pattern,
    )
    if text_column is None and start is None and against is None and _shows_features(folder, options, json):
        return
    snapshot, other = (None if word is None else folder_of(word) for word in (start, against))
    with progress() as report:
        from roadworthy.finetune import survey

        found = survey(
            folder,
            start=snapshot,
            against=other,
            against_name=against,
            options=options,
            device=device,
            report=report,
        )
    if html is not None:
        from .data_page import write_data_page

        write_data_page(found, folder, html, options)
        note(f"Page: {html}")
    if json:
        emit(_document(found))
    else:
        for line in lines(found):
            typer.echo(line)
    if found.blocking:
        raise typer.Exit(1)


def _shows_features(folder: Path, options: dict[str, Any], json: bool) -> bool:
    """Reports on a table of features; whether it is one."""
    from dataclasses import asdict

    from roadworthy.finetune.tabular.preview import is_of_features, preview

    from .output import emit, progress
    from .tame import tame

    if not is_of_features(folder):
        return False
    with progress() as report:
        found = preview(folder, options, report)
    if json:
        emit({"ok": not found.blocking, **asdict(found)})
    else:
        parts = ", ".join(f"{count:,} {part}" for part, count in found.parts.items())
        for line in (f"{found.shape}: {parts} ({found.rule})", *found.columns, *(one.text for one in found.findings)):
            typer.echo(tame(line))
    if found.blocking:
        raise typer.Exit(1)
    return True


def _document(found: "DataReport") -> dict[str, Any]:
    """All facts, and whether a run would start."""
    import dataclasses

    places = {"leaks": found.leaks, "contradictions": found.contradictions}
    ids = {name: [copies.id for copies in group] for name, group in places.items()}
    return {"ok": not found.blocking, **dataclasses.asdict(found), **ids}


def lines(found: "DataReport") -> Iterator[str]:
    """The report for a terminal."""
    noun = f"{found.noun}s"
    yield f"{found.n:,} {noun} in {len(found.classes):,} classes; split {found.split_rule}"
    yield from _classes(found)
    for one in found.sizes:
        low, p5, median, p95, high = (_figure(v) for v in (one.low, one.p5, one.median, one.p95, one.high))
        if low == high:
            yield f"  {one.name}: all {low}"
            continue
        yield f"  {one.name}: {low} to {high}; 5 % below {p5}, half below {median}, 95 % below {p95}"
    yield from _copies(found)
    yield from leak_lines(found)
    yield from _suspects(found)
    if found.unreadable:
        yield f"cannot be read: {len(found.unreadable):,}"
        yield from (f"  {one.name}: {one.found}" for one in found.unreadable)
    for reason in found.blocking:
        yield f"✗ blocks training: {reason}"
    if not found.blocking:
        yield "✓ nothing blocks training"


def _figure(value: float) -> str:
    from .pages import figure

    return figure(value)


def _classes(found: "DataReport") -> Iterator[str]:
    shown = sorted(found.classes, key=lambda one: -one.train)
    if len(shown) > 2 * _NAMED:
        shown = shown[:_NAMED] + shown[-_NAMED:]
    width = max((len(one.label) for one in shown), default=0)
    yield f"  {'class':<{max(5, width)}}  {'train':>8}  {'validation':>10}  {'test':>8}"
    for one in shown:
        scarce = "  scarce" if one.label in found.scarce else ""
        yield f"  {one.label:<{max(5, width)}}  {one.train:>8,}  {one.validation:>10,}  {one.test:>8,}{scarce}"
    if len(shown) < len(found.classes):
        yield f"  the {_NAMED} largest and the {_NAMED} smallest are shown"
    if found.imbalance is not None:
        yield f"  the largest class has {found.imbalance:.1f} training {found.noun}s for each of the smallest"


def _copies(found: "DataReport") -> Iterator[str]:
    yield f"same content: {len(found.copies):,} groups of {found.noun}s" if found.copies else "same content: none"
    for one in found.copies[:_NAMED]:
        kinds = [word for word, is_so in (("contradiction", one.contradiction), ("leak", one.leak)) if is_so]
        where = " = ".join(f"{place.name} ({place.part}, {place.label})" for place in one.places)
        yield f"  {', '.join(kinds) + ': ' if kinds else ''}{where}"
    if len(found.copies) > _NAMED:
        yield f"  and {len(found.copies) - _NAMED:,} more; --json and --html have them"
    if found.leaks:
        yield f"  {len(found.leaks):,} leak into the test part: publishing is blocked unless --leave-out-leaked"
    if found.contradictions:
        yield f"  {len(found.contradictions):,} have different labels: at least one of each is wrong"


def _suspects(found: "DataReport") -> Iterator[str]:
    check = found.label_check
    if check is None:
        yield f"suspected label errors: not checked ({found.not_checked})"
        return
    yield (
        f"suspected label errors: {len(check.suspects):,} of {check.n:,}; a fitted head alone is right on "
        + ", ".join(f"{100 * one.value:.1f} % of {one.part}" for one in check.head_accuracy)
        + ", none of it seen before"
    )
    if check.weak:
        yield "  the head is hardly better than always naming the largest class: most of these are its errors"
    for one in check.suspects[:_NAMED]:
        yield f"  {one.name}: labelled {one.given}, looks like {one.suggested} ({100 * one.confidence:.1f} %)"
    if len(check.suspects) > _NAMED:
        yield f"  and {len(check.suspects) - _NAMED:,} more; --json and --html have them"
