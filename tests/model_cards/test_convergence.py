"""Convergence: the bound beside statsmodels' prediction interval, by hand, and by its rate of false alarms."""

import math
import subprocess
import sys

import numpy as np
import pytest
from statsmodels.api import OLS

from roadworthy.model_cards import InputError, compare_convergence

REFERENCE = (6400, 7040, 5760, 6400, 8320)


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("reference", [REFERENCE, (100, 200, 400, 800, 1600, 3200), tuple(range(1000, 1020))])
def test_the_bound_equals_statsmodels(reference: tuple[int, ...], confidence: float) -> None:
    """The lower end of a prediction interval for one more observation, of a regression on a constant alone."""
    logs = np.log(reference)
    frame = OLS(logs, np.ones(len(logs))).fit().get_prediction([[1.0]]).summary_frame(alpha=2 * (1 - confidence))
    found = compare_convergence(reference, 1, confidence)
    assert found.bound == pytest.approx(math.exp(frame["obs_ci_lower"].iloc[0]), abs=0.001)


def test_the_bound_by_hand() -> None:
    """Logs 0 and 1 in turn, six of them: mean 0.5, sd sqrt(0.3), t(0.95, 5) = 2.015 (any table), sqrt(7/6)."""
    found = compare_convergence([1000, 2718, 1000, 2718, 1000, 2718], 500)
    expected = 1000 * math.exp(0.5 - 2.015 * math.sqrt(0.3) * math.sqrt(7 / 6))
    assert found.bound == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("samples", "faster"), [(0, True), (100, True), (6400, False), (8320, False), (99999, False)])
def test_far_fewer_samples_are_faster(samples: int, faster: bool) -> None:
    """What lies among the reference's runs, or above, is not."""
    found = compare_convergence(REFERENCE, samples)
    assert found.faster is faster
    assert (found.reference, found.samples, found.confidence) == (REFERENCE, samples, 0.95)


def test_equal_runs_are_not_faster_than_themselves() -> None:
    """Evaluations every 640 samples may well give five equal figures; one sample fewer is faster."""
    assert not compare_convergence([640] * 5, 640).faster
    assert compare_convergence([640] * 5, 639).faster


@pytest.mark.parametrize("n", [5, 10])
@pytest.mark.parametrize("spread", [0.02, 0.2])
def test_one_honest_run_in_twenty_is_flagged(n: int, spread: float) -> None:
    """4,000 simulated references and runs of the same log-normal kind: nominally 5 %."""
    random = np.random.default_rng(20260102)
    samples = np.exp(random.normal(math.log(1e6), spread, size=(4000, n + 1))).astype(int).tolist()
    flagged = sum(compare_convergence(reference, run).faster for *reference, run in samples)
    assert 0.04 <= flagged / 4000 <= 0.06


@pytest.mark.parametrize(("reference", "samples"), [((1, 2, 3, 4), 1), ((1, 2, 3, 4, 0), 1), (REFERENCE, -1), ((), 1)])
def test_too_few_reference_runs_are_refused(reference: tuple[int, ...], samples: int) -> None:
    """With four the bound says next to nothing."""
    with pytest.raises(InputError, match="at least 5 reference runs"):
        compare_convergence(reference, samples)


def test_who_does_not_compare_does_not_load_scipy() -> None:
    """An audit without a reference answers before scipy would have been loaded."""
    code = "import sys, roadworthy.model_cards; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
