"""Targets: metric, relation, threshold."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.model_cards import InputError, Target

TARGETS = st.builds(
    Target,
    metric=st.from_regex(r"[a-z][a-z0-9_-]{0,12}", fullmatch=True),
    relation=st.sampled_from([">=", "<="]),
    threshold=st.floats(allow_nan=False, allow_infinity=False),
)


@given(TARGETS)
def test_what_is_printed_is_parsed_as_the_same(target: Target) -> None:
    """To the last bit of the threshold."""
    assert Target.parse(str(target)) == target


@given(st.decimals(min_value=0, max_value=100, places=3))
def test_a_percentage_is_a_hundredth(share: Decimal) -> None:
    """The double nearest to the hundredth, not the nearest of a quotient."""
    assert Target.parse(f"top1>={share}%").threshold == float(f"{share / 100:f}")


@pytest.mark.parametrize("text", ["top1>=0.95", "top1 >= 95 %", " top1>=95%  ", "top1>=9.5e-1", "top1>=+.95"])
def test_the_spellings_of_one_target(text: str) -> None:
    """Blanks, percent and exponents."""
    assert Target.parse(text) == Target(metric="top1", relation=">=", threshold=0.95)


def test_a_loss_has_its_target_below() -> None:
    """Lower is better, and below zero is a number too."""
    target = Target.parse("loss<=-5.76")
    assert target.met_by(-5.76)
    assert target.met_by(-6)
    assert not target.met_by(-5.75)


def test_a_threshold_is_met_by_itself_and_not_by_its_neighbour() -> None:
    """Nothing is rounded before it is compared."""
    target = Target.parse("top1>=0.95")
    assert target.met_by(0.95)
    assert not target.met_by(math.nextafter(0.95, 0))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "top1",
        "0.95",
        "top1>0.95",
        "top1=0.95",
        "top1>=",
        "top1>=nan",
        "top1>=inf",
        "top1>=1e999",
        "top1>=1e99999999999999999999",
        "top1>=0..9",
        "top1>=0.95%%",
        "Top1>=0.95",
        "top1>=٠.٩",
        "top1>=0,95",
        "top1>=0.95; rm -rf",
    ],
)
def test_another_form_is_refused_with_an_example(text: str) -> None:
    """The message shows how a target is written."""
    with pytest.raises(InputError, match=r"cannot read the target .*top1>=0\.95"):
        Target.parse(text)
