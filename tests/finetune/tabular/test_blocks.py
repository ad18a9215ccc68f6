"""Files as blocks of text: one spelling in four formats; what is broken is named."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.finetune.tabular import blocks
from roadworthy.finetune.tabular.bad_rows import BadRows
from roadworthy.finetune.tabular.blocks import read_blocks
from roadworthy.finetune.tabular.content import digests
from roadworthy.finetune.tabular.values import MISSING, as_numbers, as_text, as_times, kind_of
from roadworthy.model_cards import InputError

from .conftest import Write

SPELLINGS = [
    " 1",
    "5.0",
    "5.00",
    "-5.0",
    "1.50",
    "True",
    "FALSE",
    " ?",
    "NA",
    "nan ",
    "\u3000x",
    "\x1f",
    "",
    "x y",
    "None",
]


def column(path: Path, name: str) -> list[str | None]:
    """All of a column."""
    return [value for block in read_blocks(path, BadRows()) for value in block.columns[name].to_pylist()]


def test_one_spelling_in_all_formats(flights: Any, write: Write) -> None:
    """Numbers, dates and missing values, and so the digest of a row, are the same in all four."""
    frame = flights.head(300).assign(
        distance=flights["distance"].head(300).astype(float),
        rate=np.arange(300) / 7,
        far=flights["distance"].head(300) > 1000,
    )
    frame.loc[5, "distance"] = None
    frame.loc[6, "tailnum"] = None
    found = []
    for name in ("rows.csv", "rows.tsv", "rows.jsonl", "rows.parquet"):
        # Fifteen digits, which is what pandas writes to JSON at most.
        root = write(frame.assign(rate=frame["rate"].round(9)), name, folder=name.replace(".", "-"))
        found.append(next(block.columns for block in read_blocks(root / name, BadRows())))
    for other in found[1:]:
        assert {name: values.to_pylist() for name, values in other.items()} == {
            name: values.to_pylist() for name, values in found[0].items()
        }
        assert np.array_equal(digests(other, sorted(other)), digests(found[0], sorted(other)))
    assert found[0]["distance"].to_pylist()[4:7] == [
        str(int(frame["distance"][4])),
        None,
        str(int(frame["distance"][6])),
    ]


def test_rows_with_too_many_fields(tmp_path: Path) -> None:
    """They are named by their number below the header, and the others are read."""
    path = tmp_path / "rows.csv"
    path.write_text("a,b\n1,2\n3\n4,5\n6,7,8\n")
    bad = BadRows()
    assert [block.columns["a"].to_pylist() for block in read_blocks(path, bad)] == [["1", "4"]]
    assert [(one.name, one.found) for one in bad.named] == [
        ("row 2 of rows.csv", "found 1 fields, the header has 2"),
        ("row 4 of rows.csv", "found 3 fields, the header has 2"),
    ]


def test_a_bad_row_far_down(flights: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many blocks down the file its number is right, and no other row is lost or read twice."""
    monkeypatch.setattr(blocks, "_BYTES", 2**15)
    monkeypatch.setattr(blocks, "_ROWS", 700)
    path, bad = tmp_path / "rows.csv", BadRows()
    lines = flights.to_csv(index=False).splitlines()
    lines.insert(8001, "a,b,c")
    lines.insert(9001, "1")
    path.write_text("\n".join(lines))
    found = list(read_blocks(path, bad))
    assert [value for block in found for value in block.columns["flight"].to_pylist()] == [
        str(flight) for flight in flights["flight"]
    ]
    assert [block.first for block in found] == np.cumsum([1, *map(len, found)])[:-1].tolist()
    assert len(found) > 10
    assert [one.name for one in bad.named] == ["row 8001 of rows.csv", "row 9001 of rows.csv"]


def test_lines_within_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of a file end with rows, not with lines: as the csv module reads it."""
    monkeypatch.setattr(blocks, "_BYTES", 2**12)
    path = tmp_path / "rows.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["a", "b"], *([n, 'x\n,"y"\n' * (n % 7) + str(n)] for n in range(2000))])
    with path.open(newline="") as file:
        expected = [row["b"] for row in csv.DictReader(file)]
    assert column(path, "b") == expected


@given(st.lists(st.one_of(st.none(), st.sampled_from(SPELLINGS), st.text(max_size=4)), max_size=8))
def test_a_value_is_spelled_alike_in_any_company(values: list[str | None]) -> None:
    """What a column needs not is left out; beside a value that needs it all, the others come out the same."""
    needing = "\u00a0True N?.0"
    assert as_text(pa.array([*values, needing])).to_pylist()[:-1] == as_text(pa.array(values, pa.string())).to_pylist()
    assert [as_text(pa.array([word])).to_pylist() for word in MISSING] == [[None]] * len(MISSING)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.csv", b"a,b\n1,x\n1,caf\xe9\n", "line 3 of"),
        ("rows.csv", b"a,b\n1\xf0\n", "line 2 of"),
        ("rows.csv", b"a,b\n" + b"1,2\n" * 10**6 + b"1,\xff\n" + b"1,2\n" * 9, "line 1000002 of"),
        ("rows.csv", b"a,b\n" + b"1,\xe2\x82\xac\n" * 10**6 + b"1,\xe2\n", "line 1000002 of"),
        ("rows.csv", b"a,a\n1,2\n", "two columns called 'a'"),
        ("rows.csv", b"\n1,2\n", "begins with an empty line"),
        ("rows.jsonl", b'{"a": 1}\n[1]\n', "line 2 of"),
        ("rows.jsonl", b'{"a": 1}\n{"a": \n', "line 2 of"),
        ("rows.parquet", b"PAR1 and no more", "cannot be read"),
    ],
)
def test_broken_files(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    """Told with the file's name, and what to do."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as refused:
        list(read_blocks(tmp_path / name, BadRows()))
    assert said in str(refused.value)
    assert name in str(refused.value)


def test_a_key_that_the_first_object_has_not(tmp_path: Path) -> None:
    """JSON lines have no header: the first object is it."""
    path, bad = tmp_path / "rows.jsonl", BadRows()
    path.write_text('{"a": 1}\n{"a": true, "b": 2}\n')
    list(read_blocks(path, bad))
    assert [one.name for one in bad.named] == ["row 2 of rows.jsonl"]


def test_semicolons_and_a_mark_at_the_beginning(tmp_path: Path) -> None:
    """As spreadsheets write them."""
    path = tmp_path / "rows.csv"
    path.write_bytes('\ufeffa;b\n 1 ;"x;y"\n?;NA\n'.encode())
    assert column(path, "a") == ["1", None]
    assert column(path, "b") == ["x;y", None]


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False, width=32))))
def test_numbers_come_back(numbers: list[float | None]) -> None:
    """What a double is written as is read as the same double."""
    read, bad = as_numbers(as_text(pa.array(numbers, pa.float64())))
    assert not bad.any()
    assert np.array_equal(read, np.array([np.nan if n is None else n for n in numbers], dtype=float), equal_nan=True)


def test_what_is_no_number() -> None:
    """Words, commas, infinity, and what does not fit into 32 bits."""
    text = pa.array(["1", "1,5", "inf", "x", None, "1e39", "-2.5e-3", ".5"])
    numbers, bad = as_numbers(text)
    assert bad.tolist() == [False, True, True, True, False, True, False, False]
    assert numbers[[0, 6, 7]].tolist() == [1.0, -0.0025, 0.5]


def test_times_sort_as_they_are() -> None:
    """Against pandas: dates with and without zones, nanoseconds beyond what a double holds, fractions."""
    dates = ["2013-01-31T10:00:00Z", "2013-01-31T10:00:00.000001Z", "1969-12-31T23:59:59Z"]
    times, bad = as_times(pa.array(dates), "date")
    assert not bad.any()
    assert times.tolist() == [int(pd.Timestamp(date).value) // 1000 for date in dates]
    times, _ = as_times(pa.array(["1700000000000000001", "1700000000000000002"]), "integer")
    assert times.tolist() == [1700000000000000001, 1700000000000000002]
    times, bad = as_times(pa.array(["1.5", "1.25", None]), "number")
    assert (times[1] < times[0], bad.tolist()) == (True, [False, False, True])
    _, bad = as_times(pa.array(["2013-01-31", "31.1.2013", None]), "date")
    assert bad.tolist() == [False, True, True]


def test_kinds() -> None:
    """What all values have in common."""
    kinds = [
        kind_of(pa.array(values, pa.string())) for values in (["1", None], ["1", "1.5"], ["2013-01-31"], ["1", "x"])
    ]
    assert kinds == ["integer", "number", "date", "text"]
    assert kind_of(pa.array([None], pa.string())) == "text"


def test_a_digest_tells_columns_apart() -> None:
    """Neighbouring values do not run together, and missing is not empty text of another column."""
    rows = {"a": pa.array(["x", "xy", None, "x"]), "b": pa.array(["yz", "z", "x", None])}
    assert len({bytes(digest) for digest in digests(rows, ["a", "b"])}) == 4


def test_lists_of_one_are_what_they_hold() -> None:
    """And a list of nothing is a missing value."""
    lists = as_text(pa.array([["x"], [], ["x", "y"]], pa.list_(pa.string())))
    single = pa.array(["x", None, "x"])
    found, expected = digests({"a": lists}, ["a"]), digests({"a": single}, ["a"])
    assert np.array_equal(found[:2], expected[:2])
    assert not np.array_equal(found[2], expected[2])
