"""One byte form for every document that is hashed or signed."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.model_cards import DamagedError
from roadworthy.model_cards.canonical import dump, parse

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_parsing_gives_back_what_was_dumped(value: Any) -> None:
    """Also beyond 2**53, where the canonical form of a double looks like an integer."""
    assert parse(dump(value), "a document") == value


@given(st.binary(max_size=12) | TEXT.map(str.encode) | VALUES.map(dump))
def test_accepted_bytes_are_their_own_canonical_form(data: bytes) -> None:
    """Whatever is accepted has no second spelling."""
    try:
        value = parse(data, "a document")
    except DamagedError:
        return
    assert dump(value) == data


def test_the_example_of_the_standard() -> None:
    """RFC 8785, section 3.2.2 and 3.2.3: its numbers, its escapes, its order of keys."""
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": '\u20ac$\u000f\u000aA\'B"\\\\"/',
        "literals": [None, True, False],
    }
    assert dump(value) == (
        b'{"literals":[null,true,false],'
        b'"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        b'"string":"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a": 1}',
        b'{"a":1}\n',
        b' {"a":1}',
        b'{"b":1,"a":1}',
        b"1.0",
        b"1e2",
        b"-0",
        b"9007199254740993",
        b'"\\u0041"',
        b'"\\/"',
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
    ],
)
def test_a_second_spelling_is_refused(data: bytes) -> None:
    """Duplicate keys, blanks, another order, numbers or letters written otherwise."""
    with pytest.raises(DamagedError, match="the thing is not"):
        parse(data, "the thing")


@pytest.mark.parametrize(
    "data",
    [b"", b"NaN", b"Infinity", b'{"a":NaN}', b"1e999", b"9" * 400, b"9" * 5000, b'"\\ud800"', b"[" * 10**5, b"\xff"],
)
def test_what_is_no_json_is_refused(data: bytes) -> None:
    """Numbers that are none, letters that are none, and nesting without end."""
    with pytest.raises(DamagedError, match="not readable JSON"):
        parse(data, "the thing")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2**53, "\ud800"])
def test_what_json_cannot_hold_is_not_dumped(value: Any) -> None:
    """Refused where it is written, not where it is read."""
    with pytest.raises(ValueError):  # noqa: PT011  # the library's own message
        dump({"a": value})


@pytest.mark.parametrize("depth", [65, 300, 600, 990, 5000])
def test_depth_is_bounded_where_it_is_read(depth: int) -> None:
    """Not by the stack, which ends sooner for whoever writes the value again: nothing that is read fails there."""
    for opened, closed in ((b"[", b"]"), (b'{"a":', b"}")):
        with pytest.raises(DamagedError, match="is not readable JSON"):
            parse(opened * depth + b"1" + closed * depth, "a document")
    allowed = b"[" * 64 + b"1" + b"]" * 64
    assert dump(parse(allowed, "a document")) == allowed
