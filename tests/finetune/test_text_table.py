"""A user's table of texts, good and bad."""

import json
from pathlib import Path

import pandas
import pytest

from roadworthy.finetune.text_table import read_table
from roadworthy.model_cards import InputError

ROWS = [("A fine film.", "good"), ('He said "no", twice', "bad"), ("Two\nlines", "good")]


def write(path: Path, kind: str) -> Path:
    """The same three rows in each format, by pandas."""
    frame = pandas.DataFrame(ROWS, columns=["text", "label"])
    if kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "tsv":
        frame.to_csv(path, index=False, sep="\t")
    elif kind == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_parquet(path)
    return path


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_every_format_gives_the_same_rows(tmp_path: Path, kind: str) -> None:
    """What pandas wrote is read back: quotes, line breaks and all."""
    table = read_table(write(tmp_path / f"x.{kind}", kind))
    assert [(row.text, row.label) for row in table.rows] == ROWS
    assert [row.where for row in table.rows] == [f"x.{kind}:{n}" for n in (1, 2, 3)]


def test_semicolons_and_a_byte_order_mark(tmp_path: Path) -> None:
    """What a spreadsheet in much of Europe exports."""
    (tmp_path / "x.csv").write_bytes("\ufefftext;label\nJa, gern;gut\nNein;schlecht\n".encode())
    assert [(r.text, r.label) for r in read_table(tmp_path / "x.csv").rows] == [
        ("Ja, gern", "gut"),
        ("Nein", "schlecht"),
    ]


def test_columns_by_usual_names(tmp_path: Path) -> None:
    """'Review' and 'sentiment' say what they are; other columns are passed over."""
    (tmp_path / "x.csv").write_text("id,Review,sentiment\n7,fine,good\n8,poor,bad\n")
    table = read_table(tmp_path / "x.csv")
    assert (table.columns.text, table.columns.label) == ("Review", "sentiment")
    assert [(r.text, r.label) for r in table.rows] == [("fine", "good"), ("poor", "bad")]


def test_columns_that_are_named(tmp_path: Path) -> None:
    """Names that tell nothing can be given; numbers become words."""
    (tmp_path / "x.csv").write_text("a,b\nfine,1\npoor,0\n")
    assert [r.label for r in read_table(tmp_path / "x.csv", text="a", label="b").rows] == ["1", "0"]


def test_files_as_parts(tmp_path: Path) -> None:
    """train.csv and test.jsonl are parts; a readme beside them is not."""
    write(tmp_path / "train.csv", "csv")
    write(tmp_path / "test.jsonl", "jsonl")
    (tmp_path / "README.md").write_text("words")
    table = read_table(tmp_path)
    assert table.split.given == {"train", "test"}
    assert {(row.part, row.where.split(":")[0]) for row in table.rows} == {
        ("train", "train.csv"),
        ("test", "test.jsonl"),
    }


def refused(path: Path) -> str:
    """The message that data is refused with."""
    with pytest.raises(InputError) as caught:
        read_table(path)
    return str(caught.value)


def test_every_bad_row_is_named(tmp_path: Path) -> None:
    """An empty text, a missing label and a row of too many fields: all in one report, by row."""
    (tmp_path / "x.csv").write_text('text,label\nfine,good\n,bad\npoor,\n"a",good,c\n')
    message = refused(tmp_path / "x.csv")
    assert message.startswith(f"3 rows of {tmp_path / 'x.csv'} cannot be used; expected a text and a label in each.")
    assert "  row 2 of x.csv: no text in column 'text' (found '')" in message
    assert "  row 3 of x.csv: no label in column 'label' (found '')" in message
    assert "  row 4 of x.csv: found 3 fields, the header has 2" in message


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.csv", b"a,b\n1,2\n", "no column of .* is called 'text' or a word for it. Found: 'a', 'b'"),
        ("x.csv", b"text,label\n", "0 rows in"),
        ("x.csv", "text,label\ncaf\u00e9,good\n".encode("latin-1"), "line 2 of .* is not UTF-8"),
        ("x.csv", b'text,label\n"open,good\n', "is not CSV: unexpected end of data"),
        ("x.jsonl", b'{"text": "a", "label": "b"}\n{"text": \n', "line 2 of .* is not a JSON object"),
        ("x.jsonl", b"[1, 2]\n", "line 1 of .* is not a JSON object: a list, not an object"),
        ("x.parquet", b"PAR1 and then nothing", "is not a whole parquet file"),
        ("x.docx", b"PK", "is no table that can be read. Expected a file"),
    ],
)
def test_what_cannot_be_read_says_where(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    """Each kind of wrong file is called what it is, with its line where it has one."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_table(tmp_path / name)


def test_no_data(tmp_path: Path) -> None:
    """A path that is not there names itself and the expected forms."""
    assert refused(tmp_path / "nowhere").startswith(f"no data at {tmp_path / 'nowhere'}. Expected a file (.csv")


def test_json_without_a_label(tmp_path: Path) -> None:
    """A record that lacks a field is named by its row."""
    lines = [{"text": "a", "label": "x"}, {"text": "b"}, {"text": "c", "label": None}]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, lines)))
    message = refused(tmp_path / "x.jsonl")
    assert "row 2 of x.jsonl: no label in column 'label' (found None)" in message
    assert "row 3 of x.jsonl" in message
