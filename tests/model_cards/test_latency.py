"""Latency: percentiles as numpy computes them, throughput by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.model_cards.latency import not_timed, percentile, summarise

TIMES = st.lists(st.floats(1e-6, 1e3), min_size=2, max_size=300)


@given(times=TIMES, share=st.integers(1, 99))
def test_percentiles_are_numpys(times: list[float], share: int) -> None:
    """numpy's default method, for any times in any order."""
    assert percentile(times, share) == pytest.approx(np.percentile(times, share), rel=1e-9)


@given(times=TIMES)
def test_the_median_is_not_above_the_99th(times: list[float]) -> None:
    """Whatever was timed."""
    found = summarise(times, precision="float32", batch_size=1, warmup=3)
    assert found.p50_ms is not None
    assert found.p99_ms is not None
    assert found.p50_ms <= found.p99_ms * (1 + 1e-12)


def test_throughput_by_hand() -> None:
    """Four calls of 8 examples in 0.1 + 0.2 + 0.3 + 0.4 = 1 s: 32 a second; the median lies at 250 ms."""
    found = summarise([0.4, 0.1, 0.3, 0.2], precision="bfloat16", batch_size=8, warmup=3)
    assert found.per_second == pytest.approx(32.0)
    assert found.p50_ms == pytest.approx(250.0)
    # Linear between the third and the fourth of four: position 3 * 0.99 = 2.97.
    assert found.p99_ms == pytest.approx(397.0)
    assert (found.n, found.warmup, found.batch_size, found.problem) == (4, 3, 8, None)


def test_a_cell_without_a_figure_says_why() -> None:
    """No zero stands for what was not measured."""
    cell = not_timed("out of memory", precision="float32", batch_size=4096)
    assert (cell.p50_ms, cell.p99_ms, cell.per_second, cell.n) == (None, None, None, 0)
    assert cell.problem == "out of memory"
