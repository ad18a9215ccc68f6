"""Gates: how they are written and read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.model_cards import InputError
from roadworthy.model_cards.gate import Gate

MARGINS = st.floats(min_value=0, max_value=1, exclude_min=True, exclude_max=True)
GATES = st.one_of(
    st.sampled_from([Gate(), Gate(kind="lower-bound")]),
    MARGINS.map(lambda margin: Gate(kind="non-inferior", margin=margin)),
)


@given(GATES)
def test_what_is_written_reads_as_it_was(gate: Gate) -> None:
    """Every gate, every margin, to the last bit."""
    assert Gate.parse(str(gate)) == gate


def test_half_a_point() -> None:
    """As the documentation writes it."""
    assert Gate.parse("non-inferior=0.005") == Gate(kind="non-inferior", margin=0.005)


@pytest.mark.parametrize(
    "text", ["", "points", "point=0.1", "lower-bound=0", "non-inferior", "non-inferior=", "Point", "point lower-bound"]
)
def test_anything_else_is_refused_with_the_three_forms(text: str) -> None:
    """The message shows what can be written."""
    with pytest.raises(InputError, match=r"Expected point, lower-bound, or non-inferior with a margin"):
        Gate.parse(text)


@pytest.mark.parametrize("margin", ["0", "1", "-0.005", "nan", "inf", "5%", "half"])
def test_a_margin_is_a_share(margin: str) -> None:
    """No margin at all, or one that everything would pass."""
    with pytest.raises(InputError, match="share between 0 and 1"):
        Gate.parse(f"non-inferior={margin}")
