"""A user's ratings as a data set: who took what, and what each user's last item is ranked among.

That is drawn here, before any model: what an item was found among is part of what was measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roadworthy.finetune.examples import Dataset, check_distinct
from roadworthy.finetune.progress import Report
from roadworthy.finetune.split import PARTS, Part
from roadworthy.model_cards import InputError, Protocol
from roadworthy.model_cards.candidates import catalogue_pools, draw_negatives, drawn_pools
from roadworthy.model_cards.evidence import Answer

from .encoder import Encoder
from .interactions import Interactions, interactions
from .row_examples import Members, RowExamples
from .schema_file import find_overrides
from .source import RowSource
from .store import Store
from .store_build import read_table

SAMPLED = "recommendation-sampled"  # the family of protocols


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What the items of U users are ranked among, a line for each; ``line`` finds it by the number of the row.

    ``items`` int32 [U, N] as drawn and ``kept`` bool [U, N], which of them count; without them it is the catalogue less
    what the user took in training.
    """

    line: Mapping[int, int]
    items: NDArray[np.int32] | None
    kept: NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratings:
    """The rows, who took what in training, and the field of each part that is measured."""

    store: Store
    taken: Interactions
    fields: Mapping[Part, Field]


def read_ratings(
    root: Path, cache: Path, *, encoder: Encoder | None, protocol: Protocol, to_measure: bool, report: Report
) -> Dataset[Ratings]:
    """Reads a table of users and items into ``cache``; what is there from the same files is used again.

    ``encoder``: that of a trained model, whose users and items keep their numbers; others are new ones, or unseen where
    it is read ``to_measure``. All parts are read
    even to be measured on one: what a user took in training is not a candidate. Numbers 0 and 1, the unseen and the
    missing item, are of the catalogue too: a new item has to be found among others as well.

    Raises:
        InputError: data that cannot be used; rows are named.
        StorageError: ``cache`` cannot be written.
    """
    store, warm = read_table(
        root, cache, stated=find_overrides(root), encoder=encoder, grow=not to_measure, report=report
    )
    if store.schema.shape != "ratings":
        raise InputError(
            f"{root} holds {store.schema.shape}; expected ratings: a column of users and one of items. Say which they "
            'are in schema.toml: user = "NAME", item = "NAME".'
        )
    taken = interactions(store)
    seen = np.bincount(taken.items, minlength=store.encoder.sizes[1])
    fields: dict[Part, Field] = {}
    told: dict[int, Answer] = {}
    rows = {"train": store.rows("train")}
    for part in PARTS[1:]:
        found = store.rows(part)
        # By their digests, so that the order of the files changes no draw.
        rows[part] = found[np.lexsort(np.asarray(store.digest)[found].T[::-1])] if len(found) else found
        fields[part], truths = _field(store, rows[part], taken, protocol, seen)
        told.update(zip(rows[part].tolist(), truths, strict=True))
    source = RowSource(store=store, told=told)
    examples = RowExamples(
        labels=(),
        members=Members(source, np.concatenate([rows[part] for part in PARTS])),
        split=store.split,
        origin=str(root),
        noun="rating",
        report=report,
    )
    check_distinct(examples)
    return Dataset(examples=examples, payload=Ratings(store=store, taken=taken, fields=fields), warm=warm)


def _field(
    store: Store, rows: NDArray[np.int64], taken: Interactions, protocol: Protocol, seen: NDArray[np.int64]
) -> tuple[Field, list[dict[str, int | str]]]:
    """The field of the users of ``rows``, and what it is for the evidence."""
    users, test = (np.asarray(store.ids)[rows, place].astype(np.int64) for place in (0, 1))
    starts, ends = taken.indptr[users], taken.indptr[users + 1]
    indptr = np.concatenate([[0], np.cumsum(ends - starts)]).astype(np.int64)
    items = np.concatenate([taken.items[a:b] for a, b in zip(starts, ends, strict=True)] or [taken.items[:0]])
    place = _by_popularity(seen)
    count, line = store.encoder.sizes[1], {row: number for number, row in enumerate(rows.tolist())}
    if protocol.family == SAMPLED:
        drawn = draw_negatives(
            indptr,
            items.astype(np.int64),
            test,
            n_items=count,
            negatives=int(str(protocol.parameters["negatives"])),
            seed=int(str(protocol.parameters["seed"])),
        )
        field = Field(line=line, items=drawn.items, kept=drawn.kept)
        counts, pools = drawn.kept.sum(axis=1), drawn_pools(drawn)
        popular = (drawn.kept & (place[drawn.items] < place[test][:, None])).sum(axis=1)
    else:
        field = Field(line=line, items=None, kept=None)
        counts, pools = catalogue_pools(indptr, items.astype(np.int64), test, n_items=count)
        owner = np.repeat(np.arange(len(test)), ends - starts)
        popular = place[test] - np.bincount(owner, place[items] < place[test][owner], minlength=len(test)).astype(int)
    figures = zip(counts.tolist(), pools, popular.tolist(), seen[test].tolist(), strict=True)
    names = ("candidates", "pool", "popular", "seen")
    return field, [dict(zip(names, one, strict=True)) for one in figures]


def _by_popularity(seen: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each item, [items], from 0, the most frequent first; among equals the lower number."""
    place = np.empty(len(seen), dtype=np.int64)
    place[np.argsort(-seen, kind="stable")] = np.arange(len(seen))
    return place
