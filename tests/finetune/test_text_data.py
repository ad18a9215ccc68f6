"""Texts tokenised once, and the data errors that only the whole table shows."""

import csv
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from roadworthy.finetune.examples import Dataset
from roadworthy.finetune.progress import silent
from roadworthy.finetune.text_data import identity, read_texts
from roadworthy.finetune.text_table import read_table
from roadworthy.finetune.token_store import TokenStore
from roadworthy.finetune.tokenizer import open_tokenizer
from roadworthy.model_cards import InputError

from .conftest import Review


def read(rows: list[Review], encoder: Path, folder: Path, labels: tuple[str, ...] | None = None) -> Dataset[TokenStore]:
    """Writes rows as a table and reads them through a cache."""
    folder.mkdir(exist_ok=True)
    with (folder / "x.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    tokenizer = open_tokenizer(encoder, max_length=48, pad=0)
    return read_texts(read_table(folder / "x.csv"), tokenizer, folder / "cache", labels=labels, report=silent)


def test_tokens_are_those_of_transformers(reviews: list[Review], encoder: Path, tmp_path: Path) -> None:
    """Real reviews: ids and mask equal to AutoTokenizer's, padding to a multiple of eight apart."""
    import torch

    data = read(reviews[:40], encoder, tmp_path / "x")
    ids, mask = data.payload.batch(torch.arange(40))
    theirs = AutoTokenizer.from_pretrained(encoder)(
        [text for text, _ in reviews[:40]],
        truncation=True,
        max_length=48,
        padding="max_length",
        return_tensors="pt",
    )
    assert torch.equal(ids, theirs["input_ids"])
    assert torch.equal(mask, theirs["attention_mask"])


def test_short_texts_are_padded_no_further_than_needed(encoder: Path, tmp_path: Path) -> None:
    """Three words take eight places, not 48."""
    import torch

    data = read([("one two three", "a"), ("four", "b")], encoder, tmp_path / "x")
    ids, mask = data.payload.batch(torch.tensor([0, 1]))
    assert ids.shape == (2, 8)
    assert mask.sum(1).tolist() == [5, 3]  # with [CLS] and [SEP]


def test_a_second_reading_is_warm(reviews: list[Review], encoder: Path, tmp_path: Path) -> None:
    """The cache is reused for the same texts, and not for others."""
    warm = [read(reviews[:n], encoder, tmp_path / "x").warm for n in (10, 10, 11)]
    assert warm == [False, True, False]


def test_texts_that_differ_in_case_and_spaces_are_one() -> None:
    """The identity is of words, not of bytes: full-width letters, case and spacing do not count; words do."""
    assert identity("Hello  World\n") == identity("hello world") == identity("ＨＥＬＬＯ world")
    assert identity("hello world") != identity("hello, world")


def test_labels_in_their_natural_order(encoder: Path, tmp_path: Path) -> None:
    """Numbers as numbers: 2 before 10."""
    rows = [(f"text {n}", str(n)) for n in (10, 2, 0)] * 2
    assert read([(f"{t} {n}", b) for n, (t, b) in enumerate(rows)], encoder, tmp_path / "x").examples.labels == (
        "0",
        "2",
        "10",
    )


def test_copies_across_parts_are_leaks(encoder: Path, tmp_path: Path) -> None:
    """A test text that was trained on in other spelling is found."""
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / "train.csv").write_text("text,label\nGood film,a\nBad film,b\nFair film,a\n")
    (folder / "test.csv").write_text("text,label\nGOOD   FILM,a\nOther,b\n")
    tokenizer = open_tokenizer(encoder, max_length=16, pad=0)
    data = read_texts(read_table(folder), tokenizer, folder / "cache", labels=None, report=silent)
    assert [e.name for e in data.examples.leaked()] == ["train.csv:1"]
    assert data.examples.exact_duplicates() == 1


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("a", "x"), ("b", "x")], "only one class in column 'label'"),
        ([("a", "x"), ("b", "X"), ("c", "y")], "the classes 'X' and 'x' in column 'label' .* differ only in case"),
        ([(f"t{n}", f"label {n}") for n in range(60)], "has 60 different values in 60 rows; expected a few classes"),
        ([("same", "x"), ("SAME", "y")], "all 2 texts in .* are one and the same"),
    ],
)
def test_classes_that_are_none(rows: list[Review], said: str, encoder: Path, tmp_path: Path) -> None:
    """What cannot be learnt from is refused before training, with the column's name."""
    with pytest.raises(InputError, match=said):
        read(rows, encoder, tmp_path / "x")


def test_a_class_that_the_model_does_not_know(encoder: Path, tmp_path: Path) -> None:
    """Measured with fixed classes, a new one is refused by name."""
    with pytest.raises(InputError, match="a class the model was not trained on: 'c'"):
        read([("one", "a"), ("two", "c")], encoder, tmp_path / "x", labels=("a", "b"))
