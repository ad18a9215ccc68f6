"""What a terminal is told: no control character but the line's end, and JSON stays the document that it was."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.cli.tame import tame

_ODD = st.text(
    st.sampled_from("aé−…→✓😀\n\t\x00\x07\x1b\x7f\x9b\u00ad\u200b\u202e\u2028\ue000\ud800\U000e0001"), max_size=12
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("top1 ≥ 90 % → yes ✓ 😀", "top1 ≥ 90 % → yes ✓ 😀"),
        ("two\nlines", "two\nlines"),
        ("\x1b[2J", "\\u001b[2J"),
        ("\x9b31m", "\\u009b31m"),
        ("evil\u202etxt.exe", "evil\\u202etxt.exe"),
        ("a\u2028b", "a\\u2028b"),
        ("\U000e0001", "\\udb40\\udc01"),
    ],
)
def test_what_is_told(text: str, told: str) -> None:
    """Letters, signs and emoji as they are; what commands or reverses a line as JSON escapes it."""
    assert tame(text) == told


@given(_ODD)
def test_nothing_that_is_told_is_obeyed(text: str) -> None:
    """Every line can be printed, but for blanks that are none of ASCII's."""
    for line in tame(text).split("\n"):
        assert line.isprintable()


@given(st.dictionaries(_ODD, _ODD, max_size=3))
def test_json_stays_what_it_was(document: dict[str, str]) -> None:
    """For scripts that read it."""
    assert json.loads(tame(json.dumps(document, ensure_ascii=False, indent=2))) == document
