"""Evidence: equal evidence is equal bytes, and damage is named by its line."""

import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.model_cards import DamagedError, Row
from roadworthy.model_cards.evidence import _any_row, _classified, dump, fingerprint, fingerprint_of, load

ANSWERS = st.one_of(
    st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.lists(st.floats(min_value=0, max_value=1e4), max_size=4),
)
ROWS = st.lists(
    st.builds(
        Row,
        id=st.text("0123456789abcdef", min_size=1, max_size=4),
        truth=ANSWERS,
        prediction=ANSWERS,
        confidence=st.floats(min_value=0, max_value=1),
        log_likelihood=st.none() | st.floats(max_value=0, allow_infinity=False).map(lambda value: value + 0.0),
    ),
    max_size=12,
)
ROW = b'{"confidence":0.5,"id":"ab","prediction":1,"truth":0}'


@given(ROWS)
def test_what_is_loaded_is_what_was_dumped(rows: list[Row]) -> None:
    """The same rows, in the order of their ids."""
    loaded = load(dump(rows))
    assert [row.id for row in loaded] == sorted(row.id for row in rows)
    left = list(rows)
    for row in loaded:
        left.remove(row)
    assert left == []


@given(ROWS, st.randoms(use_true_random=False))
def test_equal_evidence_is_equal_bytes(rows: list[Row], order: random.Random) -> None:
    """In whatever order it was measured, one id measured twice included."""
    shuffled = list(rows)
    order.shuffle(shuffled)
    assert dump(shuffled) == dump(rows)


@given(ROWS)
def test_loading_and_dumping_again_changes_no_byte(rows: list[Row]) -> None:
    """The file has one form."""
    assert dump(load(dump(rows))) == dump(rows)


def test_the_form_on_disk() -> None:
    """JSON Lines with sorted keys and no blanks; what a task does not tell is left out."""
    assert dump([Row(id="ab", truth=0, prediction=1, confidence=0.5)]) == ROW + b"\n"
    told = dump([Row(id="ab", truth=0, prediction=1, confidence=0.5, log_likelihood=-0.25)])
    assert told == b'{"confidence":0.5,"id":"ab","log_likelihood":-0.25,"prediction":1,"truth":0}\n'


@pytest.mark.parametrize("wrong", [b'"-1"', b"true", b"null", b"0.5"])
def test_a_likelihood_that_is_none_is_refused(wrong: bytes) -> None:
    """A logarithm of a probability is a number of 0 or less; where there is none, the field is left out."""
    with pytest.raises(DamagedError, match=r"evidence line 1 is not a row: expected a .*log_likelihood"):
        load(b'{"confidence":0.5,"id":"ab","log_likelihood":' + wrong + b',"prediction":1,"truth":0}\n')


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"not json",
        b"[1,2]",
        b"null",
        b'{"confidence":0.5,"id":"ab","prediction":1}',
        b'{"confidence":0.5,"extra":1,"id":"ab","prediction":1,"truth":0}',
        b'{"confidence":"0.5","id":"ab","prediction":1,"truth":0}',
        b'{"confidence":true,"id":"ab","prediction":1,"truth":0}',
        b'{"confidence":NaN,"id":"ab","prediction":1,"truth":0}',
        b'{"confidence":0.5,"id":7,"prediction":1,"truth":0}',
        b'{"confidence":0.5,"id":"ab","prediction":1,"truth":0,"truth":0}',
        b'{"id":"ab","confidence":0.5,"prediction":1,"truth":0}',
        ROW + b"\r",
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_a_line_that_is_no_row_is_named_by_its_number(bad: bytes) -> None:
    """So that a reader finds it among fifty thousand."""
    with pytest.raises(DamagedError, match="evidence line 3 "):
        load(ROW + b"\n" + ROW + b"\n" + bad + b"\n" + ROW + b"\n")


NUMBERS = st.sampled_from(
    ["0", "1", "0.0", "0.5", "0.50", "00.5", "-0.5", "1e-05", "0.00001", "1.0", "0.1"]
) | st.floats(min_value=0, max_value=2).map(repr)
CLASSES = st.sampled_from(["0", "7", "-1", "07", "1.0", "999999999", "1000000000", '"a"', "null"])


@given(NUMBERS, st.sampled_from(["ab", "AB", "", 'a"b', "\u00e9"]), CLASSES, CLASSES)
def test_a_classifiers_row_is_read_as_any_other(confidence: str, identity: str, prediction: str, truth: str) -> None:
    """The short way through its one form, and the long way, agree on what is a row and what it says."""
    line = f'{{"confidence":{confidence},"id":"{identity}","prediction":{prediction},"truth":{truth}}}'.encode()
    short = _classified(line)
    try:
        long = _any_row(line, 1)
    except DamagedError:
        assert short is None
    else:
        assert short in (None, long)


def test_a_classifiers_row_takes_the_short_way() -> None:
    """Or nothing would be gained."""
    assert _classified(ROW) == Row(id="ab", truth=0, prediction=1, confidence=0.5)


def test_an_empty_file_holds_no_rows() -> None:
    """Which no metric can be computed from; that is not this module's business."""
    assert load(b"") == ()


def test_the_fingerprint_is_that_of_the_sorted_pairs() -> None:
    """SHA-256 of canonical [id, truth] lines, so that anybody can compute it."""
    expected = hashlib.sha256(b'["a",1]\n["b",0]').hexdigest()
    assert fingerprint([("b", 0), ("a", 1)]) == expected


@given(ROWS, st.randoms(use_true_random=False))
def test_the_fingerprint_ignores_order_and_predictions(rows: list[Row], order: random.Random) -> None:
    """It is the data's, not the model's; reading the file back does not change it either."""
    pairs = [(row.id, row.truth) for row in rows]
    order.shuffle(pairs)
    assert fingerprint(pairs) == fingerprint_of(rows) == fingerprint_of(load(dump(rows)))


def test_a_changed_truth_changes_the_fingerprint() -> None:
    """The same images with one label corrected are other data."""
    assert fingerprint([("a", 0), ("b", 1)]) != fingerprint([("a", 0), ("b", 0)])


def test_a_duplicate_changes_the_fingerprint() -> None:
    """A data set is a multiset."""
    assert fingerprint([("a", 0), ("a", 0)]) != fingerprint([("a", 0)])


def test_swapped_truths_change_the_fingerprint() -> None:
    """Truths belong to their examples."""
    assert fingerprint([("a", 0), ("b", 1)]) != fingerprint([("a", 1), ("b", 0)])


def test_rows_of_several_forms_in_one_file() -> None:
    """The first one's form is tried first; the others are read as they would be alone."""
    rows = [
        Row(id="aa", truth=1, prediction=0, confidence=0.5),
        Row(id="bb", truth=[0, 1], prediction=[0.25, 0.75], confidence=0.75),
        Row(id="cc", truth=[0, 1], prediction=[0.25, 0.75], confidence=0.5),
        Row(id="dd", truth="a word", prediction=None, confidence=1.0),
    ]
    for order in (rows, rows[1:], rows[2:], rows[3:]):
        assert load(dump(order)) == tuple(order)
