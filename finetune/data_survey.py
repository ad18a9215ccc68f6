"""A look at a user's data before a run: everything that is wrong with it at once, and its labels held against a start.

Where a run refuses data, a survey says why and goes on.
"""

import dataclasses
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from roadworthy.model_cards import InputError
from roadworthy.model_cards.sketch import Sketch

from . import image_folder, near_images, near_texts, text_data, text_table
from .data_report import DataReport, describe
from .environment import choose_device
from .examples import Dataset, Example, Examples, Unreadable, check_distinct, check_parts
from .groups import COLUMN, PATTERN
from .image_data import survey_images
from .image_task import ImageTask
from .label_check import MISSING, LabelCheck, can_check, check_labels
from .leak_record import read_sketch
from .leak_report import NearReport, held_against, report_near
from .near import Embed, NearMethod, Printed, look_alikes, method_of
from .open_model import Opened, open_snapshot
from .progress import Report, silent
from .task import Options
from .text_task import TextTask, tokenizer_of
from .world import World

_NO_START = "no start was given; with --start REF or DIR its features tell which labels to suspect"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """``refusals``: why what can be read would be refused all the same. ``payload``: as the start's model takes it.

    ``method``, ``printed`` and ``embed`` are what near duplicates are found by, ``confirmed`` whether for sure.
    """

    examples: Examples
    sizes: Mapping[str, Sequence[float]]
    unreadable: tuple[Unreadable, ...]
    refusals: tuple[str, ...]
    payload: Any
    method: NearMethod | None = None
    printed: Printed | None = None
    embed: Embed | None = None
    confirmed: bool = True


def survey(
    data: Path | str,
    *,
    start: Path | None = None,
    against: Path | None = None,
    against_name: str | None = None,
    options: Options | None = None,
    device: str | None = None,
    report: Report = silent,
) -> DataReport:
    """Reads all of ``data``, changes nothing, and reports what a run would find.

    Args:
        data: images in a folder for each class, or a table of texts and labels.
        start: a snapshot whose frozen features the labels are checked with, and near duplicates confirmed.
        against: a certified snapshot with a sketch of its training data: which of these examples are in it?
            ``against_name`` is what the report calls it.
        options: of the task: ``image_size``, ``max_length``, ``text_column``, ``label_column``; ``group_column`` of a
            table or ``group_pattern`` of file names, to see which groups are in the test part and in another.

    Raises:
        InputError: no data there, nothing in it that can be read, a start that does not open, or no sketch to hold it
            against.

    Example:
        >>> from roadworthy.finetune import survey
        >>> found = survey("photos")
        >>> found.n, found.unreadable, found.blocking
        (110, (), ())
    """
    options = options or {}
    sketch = _sketch(against, against_name) if against is not None else None
    opened = _opened(start, options, device) if start else None
    with tempfile.TemporaryDirectory(prefix="roadworthy-data-") as aside:
        found = _look(Path(data), opened, options, Path(aside), report)
        near = _near(found, report)
        check, why = _check(found, opened, device, report)
    blocking = list(found.refusals)
    if found.unreadable:
        blocking.insert(0, f"not everything can be read ({len(found.unreadable)}); replace or remove it")
    return describe(
        found.examples,
        sizes=found.sizes,
        unreadable=found.unreadable,
        blocking=blocking,
        label_check=check,
        not_checked=why,
        near=near,
        against=held_against(found.examples, *sketch) if sketch is not None else None,
    )


def _sketch(snapshot: Path, name: str | None) -> tuple[Sketch, str]:
    sketch = read_sketch(snapshot)
    if sketch is None:
        raise InputError(
            f"{name or snapshot} has no sketch of its training data, so nothing can be held against it. Its publisher "
            "left it out (--no-sketch), or published before there were any."
        )
    return sketch, name or snapshot.name


def _near(found: _Found, report: Report) -> NearReport | str:
    """Pairs of test examples and others; or why there are none."""
    if found.method is None or found.printed is None:
        return "there is no method for this task yet"
    test = found.examples.part("test")
    others = [*found.examples.part("train"), *found.examples.part("validation")]
    pairs = look_alikes(found.method, found.printed, test, others, found.embed, report)
    return report_near(found.method, pairs, confirmed=found.confirmed)


def _opened(start: Path, options: Options, device: str | None) -> Opened:
    """A start as the options ask for it."""
    opened = open_snapshot(start, device=choose_device(device).type)
    return dataclasses.replace(opened, config=opened.task.adjusted(opened.config, options, None))


def _look(data: Path, opened: Opened | None, options: Options, aside: Path, report: Report) -> _Found:
    if opened is not None:
        if isinstance(opened.task, ImageTask):
            return _images(data, opened, options, aside, report)
        if not isinstance(opened.task, TextTask):
            return _others(data, opened, options, aside, report)
    elif _holds_images(data):
        return _images(data, None, options, aside, report)
    return _texts(data, opened, options, aside, report)


def _holds_images(data: Path) -> bool:
    if not data.is_dir():
        return False
    return not any(path.suffix.lower() in text_table.SUFFIXES for path in data.iterdir())


def _others(data: Path, opened: Opened, options: Options, aside: Path, report: Report) -> _Found:
    """Data of a task that another package brought."""
    read = opened.task.read(data, opened.config, to_measure=False, options=options, cache=aside, report=report)
    method = method_of(opened.task)
    config = dataclasses.replace(opened.config, labels=read.examples.labels)
    printed = method.read(data, config, options, report) if method else None
    return _Found(
        examples=read.examples,
        sizes={},
        unreadable=(),
        refusals=_refused(check_parts, read.examples),
        payload=read.payload,
        method=method,
        printed=printed,
        embed=method.embed(printed, opened, aside / "near", report) if method and printed else None,
    )


def _images(data: Path, opened: Opened | None, options: Options, aside: Path, report: Report) -> _Found:
    if COLUMN in options:
        raise InputError(f"images in {data} have no columns. Give --group-pattern, which looks at file names.")
    listing = image_folder.look_through(data, group=str(options[PATTERN]) if PATTERN in options else None)
    resize, interpolation = near_images.SIDE, "bilinear"  # without a start the copies are only hashed
    if opened is not None:
        parameters = opened.config.protocol.parameters
        resize, interpolation = int(str(parameters["resize"])), str(parameters["interpolation"])
    read, entries, unreadable = survey_images(
        listing, aside / "pixels.bin", resize=resize, interpolation=interpolation, progress=report
    )
    return _Found(
        examples=read.examples,
        sizes={
            "width in pixels": [e.full_width for e in entries],
            "height in pixels": [e.full_height for e in entries],
            "width for each pixel of height": [e.full_width / e.full_height for e in entries],
        },
        unreadable=unreadable,
        refusals=(
            *_refused(image_folder.check_classes, listing),
            *(_refused(image_folder.check_empty, listing) or _refused(check_parts, read.examples)),
            *_refused(check_distinct, read.examples),
        ),
        payload=read.payload,
        method=near_images.PerceptualHash(),
        printed=Printed(examples=read.examples, prints=near_images.hashes_of(read.payload, len(entries), report)),
        embed=_embed(read, opened, report) if opened else None,
        confirmed=opened is not None,
    )


def _embed(read: Dataset[Any], opened: Opened, report: Report) -> Embed:
    """The start's features of images that were decoded for it."""

    def features(members: Sequence[Example]) -> NDArray[np.float32]:
        chosen = dataclasses.replace(read.examples, members=tuple(members))
        return near_images.pooled(opened, dataclasses.replace(read, examples=chosen), report)

    return features


def _texts(data: Path, opened: Opened | None, options: Options, aside: Path, report: Report) -> _Found:
    if PATTERN in options:
        raise InputError(f"the texts in {data} have no files of their own. Give --group-column, a column of the table.")
    table, unreadable = text_table.look_through(data, **text_table.columns_of(options))
    examples = text_data.examples_of(table, text_data.classes_of(table))
    refusals = (
        *_refused(text_data.check_classes, table),
        *_refused(check_parts, examples),
        *_refused(check_distinct, examples),
    )
    payload = None
    if opened is not None and not refusals:
        payload = text_data.read_texts(table, tokenizer_of(opened.config), aside, labels=None, report=report).payload
    return _Found(
        examples=examples,
        sizes={
            "characters": [len(row.text) for row in table.rows],
            "words": [len(row.text.split()) for row in table.rows],
        },
        unreadable=unreadable,
        refusals=refusals,
        payload=payload,
        method=near_texts.MinHashes(),
        printed=near_texts.printed_of(table, examples.labels, report),
    )


def _refused(check: Callable[[Any], None], what: Any) -> tuple[str, ...]:
    """What ``check`` has against it, if anything."""
    try:
        check(what)
    except InputError as error:
        return (str(error),)
    return ()


def _check(
    found: _Found, opened: Opened | None, device: str | None, report: Report
) -> tuple[LabelCheck | None, str | None]:
    """The check of the labels; or why there is none."""
    if opened is None:
        return None, _NO_START
    if not can_check():
        return None, MISSING
    if found.refusals:
        return None, "what blocks training blocks this check too"
    examples = found.examples
    config = dataclasses.replace(opened.config, labels=examples.labels)
    model: nn.Module = opened.model
    opened.task.renew_head(model, config)
    # What is not trained on is answered by one fit on all of the train part, out of fold as well.
    whole = dataclasses.replace(examples, members=tuple(_not_tested(e) for e in examples.members))
    data = Dataset(examples=whole, payload=found.payload, warm=False)
    work = opened.task.workload(data, config, None, choose_device(device))
    first_look = len(whole.part("train"))
    looks = list(work.warm_start(model, seed=0, report=report, world=World(), first_look=first_look))
    if not looks or looks[-1].held_out is None:
        return None, f"{config.architecture} has no linear head that could be fitted on frozen features"
    part_of = {example.name: example.part for example in examples.members}
    answers = looks[-1].held_out
    answers = dataclasses.replace(answers, parts=tuple(part_of[name] for name in answers.names))
    return check_labels(answers, examples.labels), None


def _not_tested(example: Example) -> Example:
    return dataclasses.replace(example, part="validation") if example.part == "test" else example
