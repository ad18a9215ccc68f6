"""A user's table of clicks as a data set: its rows numbered and encoded on disk, each an example with an id."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from roadworthy.finetune.examples import Dataset, check_distinct
from roadworthy.finetune.progress import Report
from roadworthy.model_cards import InputError

from .encoder import Encoder
from .row_examples import Members, RowExamples, used
from .schema_file import Overrides, find_overrides
from .source import RowSource
from .store import Store
from .store_build import read_table

OPTIONS = ("label_column", "group_column")


def stated(root: Path, options: Mapping[str, str | int], *, ranked: bool = False) -> Overrides:
    """What the file beside the data says of the columns, and the options, which win.

    ``ranked``: the group that an option names is what rows are ranked within; else whom they belong to.
    """
    named = {name.removesuffix("_column"): str(options[name]) for name in OPTIONS if name in options}
    found = find_overrides(root).with_columns(label=named.get("label"), group=named.get("group") if ranked else None)
    return found if ranked else replace(found, user=named.get("group", found.user))


def read_clicks(
    root: Path,
    cache: Path,
    *,
    encoder: Encoder | None,
    options: Mapping[str, str | int],
    to_measure: bool,
    report: Report,
) -> Dataset[Store]:
    """Reads a table of rows with a label of two values into ``cache``; what is there from the same files is used again.

    ``encoder``: that of a trained model, which the rows are then read for; else the train part teaches one.
    ``to_measure``: no category is new to the encoder, and of what the user laid out the test part alone is read.

    Raises:
        InputError: data that cannot be used; rows are named.
        StorageError: ``cache`` cannot be written.
    """
    store, warm = read_table(
        root,
        cache,
        stated=stated(root, options),
        encoder=encoder,
        grow=not to_measure,
        only_test=to_measure,
        report=report,
    )
    if store.schema.shape != "clicks" or store.label is None:
        raise InputError(
            f"{root} holds {store.schema.shape}; expected rows with a label of two values, such as clicked or not. Say "
            "which column is the label: --label-column NAME."
        )
    source = RowSource(store=store)
    examples = RowExamples(
        labels=labels_of(store.encoder),
        members=Members(source, used(source)),
        split=store.split,
        origin=str(root),
        noun="row",
        report=report,
    )
    check_distinct(examples)
    return Dataset(examples=examples, payload=store, warm=warm)


def labels_of(encoder: Encoder) -> tuple[str, str]:
    """The label's two values; the second is the one that is predicted."""
    return str(encoder.schema.negative), str(encoder.schema.positive)
