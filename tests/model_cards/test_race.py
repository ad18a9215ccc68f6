"""Races: ratios by hand, and what the report tells."""

import dataclasses
from typing import Any

import pytest

from roadworthy.model_cards import Attempt, Claim, series_of
from roadworthy.model_cards.clocks import Point
from roadworthy.model_cards.race import Contender, Race
from roadworthy.model_cards.race_report import race_report


def contender(claim: Claim, name: str, *runs: float | None, **recipe: Any) -> Contender:
    """A contender with an attempt for each time; ``None`` for one that gave up after 60 s."""
    assert claim.training is not None
    clocks = claim.training.clocks
    attempts = [
        Attempt(seed=n, clocks=dataclasses.replace(clocks, run=run or 60.0, total=70.0, target_met=run is not None))
        for n, run in enumerate(runs)
    ]
    curve = (Point(seconds=1.0, samples=1, value=0.5), Point(seconds=4.0, samples=2, value=0.9))
    return Contender(
        name=name,
        recipe={"name": name, "epochs": 5, **recipe},
        series=series_of(attempts),
        metric=claim.metric,
        curves=(curve,) * len(runs),
    )


def race_of(claim: Claim, *contenders: Contender) -> Race:
    """A race on the claim's data."""
    return Race(
        target=claim.target,
        start="team/base@1.0.0",
        data=claim.data,
        environment=claim.environment,
        contenders=contenders,
    )


def test_ratios_are_of_medians(claim: Claim) -> None:
    """Medians 10 and 25: 2.5; one that is infinite has no ratio."""
    told = race_of(
        claim, contender(claim, "a", 8, 10, 90), contender(claim, "b", 20, 30), contender(claim, "c", None, 5)
    )
    assert [told.ratio(one) for one in told.contenders] == [1.0, 2.5, None]


def test_nothing_is_compared_with_a_first_that_never_arrived(claim: Claim) -> None:
    """A finite time by an infinite one is no ratio."""
    told = race_of(claim, contender(claim, "a", None), contender(claim, "b", 20))
    assert [told.ratio(one) for one in told.contenders] == [None, None]


def test_only_what_differs_between_the_recipes(claim: Claim) -> None:
    """Not the name, and also a field that only one has."""
    told = race_of(claim, contender(claim, "a", 8, rate=1.0, seed=3), contender(claim, "b", 9, rate=2.0))
    assert told.differing() == ("rate", "seed")


def test_the_report_has_every_time(claim: Claim) -> None:
    """All raw times, failures as such, the ratio, and the interval of the last validation (Wilson, 18 of 20)."""
    text = race_report(race_of(claim, contender(claim, "a", 8, 10, 90), contender(claim, "b", 20, None, 30, rate=2.0)))
    assert text.startswith("# a against b, to `top1>=0.7` on photographs\n")
    assert "| `a` | **10.0 s** | 70.0 s | 1.00 × | 3 of 3 | top1 90.00 % (95 % 69.90 % to 97.21 %, n = 20) |" in text
    assert "| `b` | **30.0 s** | 70.0 s | 3.00 × | 2 of 3 |" in text
    assert "| `b` | 20.0 s, failed after 60.0 s, 30.0 s | 30.0 s |" in text
    assert "| rate | `None` | `2.0` |" in text
    assert "Start: team/base@1.0.0." in text


@pytest.mark.parametrize("hostile", ["a|b", "<script>", "[x](javascript:1)", "`x`\n# y"])
def test_a_name_cannot_become_markdown(claim: Claim, hostile: str) -> None:
    """Names of folders and contenders stay text: no row, link or tag comes of them."""
    from roadworthy.model_cards.page import render_page

    named = dataclasses.replace(claim, data=dataclasses.replace(claim.data, name=hostile))
    page = render_page(race_report(race_of(named, contender(claim, hostile, 8), contender(claim, "b", 9))), {})
    assert "<script" not in page
    assert "<a " not in page
    assert page.count("<h1>") == 1
    assert page.count("<tr>") == 6  # two tables, each of a head and two rows
