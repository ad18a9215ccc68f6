"""Groups stay together in the splits that are made here, and are told of where a given split parts them."""

import csv
import re
import shutil
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.finetune import survey
from roadworthy.finetune.data_report import sentence
from roadworthy.finetune.groups import Grouping, compiled, group_in
from roadworthy.finetune.image_folder import list_folder
from roadworthy.finetune.split import Part, Split
from roadworthy.finetune.text_data import classes_of, examples_of
from roadworthy.finetune.text_table import read_table
from roadworthy.model_cards import InputError

from .conftest import Lay, Review

IDENTITIES = st.text("0123456789abcdef", min_size=64, max_size=64)
BY_PATIENT = Grouping(by="column", name="patient")


@given(
    st.lists(st.tuples(IDENTITIES, st.text(min_size=1, max_size=3)), max_size=50),
    st.sampled_from([frozenset[Part](), frozenset[Part]({"train", "test"})]),
)
def test_no_group_is_ever_parted(examples: list[tuple[str, str]], given_parts: frozenset[Part]) -> None:
    """In one pool, and where validation is carved out of train."""
    split = Split(given=given_parts, unit="files", content="text's", grouping=BY_PATIENT)
    parts = defaultdict(set)
    for identity, group in examples:
        parts[group].add(split.part_of("train" if given_parts else None, identity, group))
    assert all(len(found) == 1 for found in parts.values())


def test_shares_by_group_are_those_by_content() -> None:
    """Of 4,000 groups about 15 % go into test and 15 % into validation; without a group the content decides."""
    split = Split(given=frozenset(), unit="files", content="text's", grouping=BY_PATIENT)
    parts = [split.part_of(None, "f" * 64, f"patient {n}") for n in range(4000)]
    assert parts.count("test") / 4000 == pytest.approx(0.15, abs=0.02)
    assert parts.count("validation") / 4000 == pytest.approx(0.15, abs=0.02)
    assert split.part_of(None, "f" * 64) == "train"
    assert split.part_of(None, "0" * 64) == "test"


def test_the_rule_says_what_goes_by_groups() -> None:
    """In words for a card."""
    pool = Split(given=frozenset(), unit="files", content="text's", grouping=BY_PATIENT)
    assert pool.rule == ("by group, column 'patient': the group's SHA-256 puts 15% into test and 15% into validation")
    given_parts = Split(given=frozenset({"train", "test"}), unit="files", content="text's", grouping=BY_PATIENT)
    assert given_parts.rule.endswith("validation is 15% of train, by group, column 'patient'")


@pytest.mark.parametrize(
    ("pattern", "name", "group"),
    [
        (r"person(\d+)_", "person1320_bacteria_3313.jpeg", "1320"),
        (r"person(\d+)_|IM-(\d+)-", "NORMAL2-IM-0793-0001.jpeg", "0793"),
        (r"person(\d+)_", "IM-0115-0001.jpeg", None),
        (r"^(\d*)", "scan.png", None),
    ],
)
def test_a_pattern_finds_its_group(pattern: str, name: str, group: str | None) -> None:
    """The first group of it that took part; an empty one is none."""
    assert group_in(compiled(pattern), name) == group


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (r"person(\d+", "is no regular expression"),
        (r"person\d+_", "captures nothing"),
        (r"dog(\d+)", "is in no file's"),
    ],
)
def test_a_pattern_that_cannot_be_used(lay: Lay, pattern: str, said: str) -> None:
    """Said before an image is read."""
    with pytest.raises(InputError, match=said):
        list_folder(lay(), group=pattern)


def test_patients_of_the_chest_xrays(lay: Lay) -> None:
    """The persons that pandas-free counting finds in both parts' file names are those that are told."""
    data = lay(train=60, test=60)
    pattern = r"person(\d+)_"
    found = survey(data, options={"group_pattern": pattern})
    persons = {
        part: [m[1] for p in (data / part).rglob("*.jpeg") if (m := re.search(pattern, p.name))]
        for part in ("train", "test")
    }
    expected = sum(person in set(persons["train"]) for person in persons["test"])
    assert found.groups is not None
    assert found.groups.n == len({*persons["train"], *persons["test"]})
    assert found.groups.without == 240 - sum(map(len, persons.values()))
    assert len(found.groups.crossing) == expected
    assert survey(data).groups is None


def test_a_planted_patient_is_named_and_an_own_split_has_none(lay: Lay) -> None:
    """One patient in both parts; in one pool the same pattern parts nobody."""
    data = lay()
    first, second = sorted((data / "train/NORMAL").iterdir())[:2]
    shutil.move(first, data / "train/NORMAL/person9999_a.jpeg")
    shutil.move(second, data / "test/NORMAL/person9999_b.jpeg")
    found = survey(data, options={"group_pattern": r"(person9999)_"})
    assert found.groups is not None
    assert found.groups.crossing == ("test/NORMAL/person9999_b.jpeg",)
    pool = survey(lay("pool", parts=False), options={"group_pattern": r"person(\d+)_"})
    assert pool.groups is not None
    assert pool.groups.crossing == ()


def _write(path: Path, rows: list[tuple[str, str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label", "author"), *rows])


def test_authors_of_a_table(reviews: list[Review], tmp_path: Path) -> None:
    """In one pool no author is parted; a row without one goes by its text; in given files the crossing is told."""
    rows = [(text, label, f"author {n % 7}" if n % 10 else " ") for n, (text, label) in enumerate(reviews[:200])]
    _write(tmp_path / "pool.csv", rows)
    table = read_table(tmp_path / "pool.csv", group="author")
    examples = examples_of(table, classes_of(table))
    assert sum(row.group is None for row in table.rows) == 20
    assert len({e.group for e in examples.members}) == 8
    assert examples.crossing() == ()
    (tmp_path / "given").mkdir()
    _write(tmp_path / "given/train.csv", rows[:100])
    _write(tmp_path / "given/test.csv", rows[101:105])
    given_parts = examples_of(read_table(tmp_path / "given", group="author"), ("negative", "positive"))
    assert len(given_parts.crossing()) == 4
    assert "4 test texts share a group (column 'author') with training, which blocks publishing." in sentence(
        given_parts
    )


def test_a_column_that_is_not_there(reviews: list[Review], tmp_path: Path) -> None:
    """Named, with those that are."""
    _write(tmp_path / "x.csv", [(text, label, "a") for text, label in reviews[:4]])
    with pytest.raises(InputError, match=r"no column 'patient'. Found: 'text', 'label', 'author'. Give --group-column"):
        read_table(tmp_path / "x.csv", group="patient")


def test_the_other_kind_of_group_is_refused(lay: Lay, reviews: list[Review], tmp_path: Path) -> None:
    """Images have no columns, and texts no file names."""
    with pytest.raises(InputError, match="Give --group-pattern"):
        survey(lay(), options={"group_column": "patient"})
    _write(tmp_path / "x.csv", [(text, label, "a") for text, label in reviews[:4]])
    with pytest.raises(InputError, match="Give --group-column"):
        survey(tmp_path / "x.csv", options={"group_pattern": r"(\d+)"})
