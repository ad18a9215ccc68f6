"""Series: olympic means, medians and the shipped attempt, worked out by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.model_cards import Attempt, series_of
from roadworthy.model_cards.clocks import Clocks
from roadworthy.model_cards.series import nearest_median

INF = math.inf


def attempt(run: float, seed: int = 0) -> Attempt:
    """An attempt that took ``run`` seconds, a second more in total; infinity for one that gave up after 99 s."""
    met = run < INF
    took = run if met else 99.0
    return Attempt(
        seed=seed,
        clocks=Clocks(
            run=took,
            total=took + 1,
            train_only=took / 2,
            samples=640,
            epochs=1.0,
            target_met=met,
            resumed=False,
            replayed_seed=False,
            cache="cold",
        ),
    )


def attempts(*runs: float) -> list[Attempt]:
    """One attempt for each time."""
    return [attempt(run, seed) for seed, run in enumerate(runs)]


@pytest.mark.parametrize(
    ("runs", "median", "olympic"),
    [
        # Of 10 20 30 40 90 the ends go: (20 + 30 + 40) / 3.
        ((30, 10, 90, 20, 40), 30, 30),
        ((10, 11, 30), 11, 11),
        # Of four: (12 + 20) / 2 both times.
        ((20, 12, 10, 100), 16, 16),
        # The failure is the slowest and goes: (20 + 30) / 2; the median is the third of 10 20 30 inf.
        ((10, INF, 20, 30), 25, 25),
        ((10, 20, INF), 20, 20),
        # Two failures: no mean; of five the median is still the third.
        ((10, INF, 20, INF, 30), 30, None),
        # Half of the attempts failed: infinite.
        ((10, INF, 20, INF), None, None),
        ((INF, INF, INF), None, None),
        # Fewer than three attempts have no olympic mean.
        ((10, 20), 15, None),
        ((10, INF), None, None),
        ((10,), 10, None),
    ],
)
def test_median_and_olympic_mean_by_hand(runs: tuple[float, ...], median: float | None, olympic: float | None) -> None:
    """On the run clock, on the total clock (a second more), and on train_only (half)."""
    series = series_of(attempts(*runs))
    assert (series.run.median, series.run.olympic_mean) == (median, olympic)
    for found, expected in ((series.total.median, median), (series.total.olympic_mean, olympic)):
        assert found == (None if expected is None else expected + 1)
    for found, expected in ((series.train_only.median, median), (series.train_only.olympic_mean, olympic)):
        assert found == (None if expected is None else expected / 2)


@pytest.mark.parametrize(
    ("runs", "rate", "failures"), [((10, 20, 30), 1.0, 0), ((10, INF, 30, 40), 0.75, 1), ((INF, INF), 0.0, 2)]
)
def test_the_pass_rate_counts_every_attempt(runs: tuple[float, ...], rate: float, failures: int) -> None:
    """None is left out."""
    series = series_of(attempts(*runs))
    assert (series.pass_rate, series.failures, len(series.attempts)) == (rate, failures, len(runs))


@pytest.mark.parametrize(
    ("runs", "shipped"),
    [
        ((30, 10, 90, 20, 40), 1),
        ((10, 90, 31, 40, 20), 3),
        ((10, 20), 2),
        ((20, 10), 1),
        # The median is 16: 20 is 4 away, 12 is 4 away, and the slower is shipped.
        ((20, 12, 10, 100), 1),
        # Infinite: the slowest that reached the target, not the luckiest.
        ((10, INF, 20, INF), 3),
        ((INF, INF), 1),
        ((50,), 1),
    ],
)
def test_the_attempt_nearest_the_median_is_shipped(runs: tuple[float, ...], shipped: int) -> None:
    """Counting from 1."""
    assert series_of(attempts(*runs)).shipped == shipped


def test_an_attempt_that_died_early_is_a_failure() -> None:
    """Nothing was trained, so it has no clocks."""
    series = series_of([attempt(10), Attempt(seed=1, clocks=None), attempt(20), attempt(30)])
    assert series.failures == 1
    assert series.run.olympic_mean == 25


@given(st.lists(st.floats(0, 1e6) | st.just(INF), min_size=1, max_size=9))
def test_laws(runs: list[float]) -> None:
    """The means lie among the times, in any order the same; a failure is shipped only where all failed."""
    series = series_of(attempts(*runs))
    reached = [run for run in runs if run < INF]
    for figure in (series.run.median, series.run.olympic_mean):
        if figure is not None:
            assert min(reached) - 0.001 <= figure <= max(reached) + 0.001
    assert series_of(attempts(*sorted(runs))).run == series.run
    assert series.attempts[nearest_median(series.attempts) - 1].failed == (not reached)


def test_no_attempt_is_no_series() -> None:
    """There is nothing to tell."""
    with pytest.raises(ValueError, match="needs an attempt"):
        series_of([])
