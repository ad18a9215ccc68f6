"""Log loss beside scikit-learn's, and the entropy of the classes beside scipy's."""

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy
from sklearn import metrics

from roadworthy.model_cards import Row
from roadworthy.model_cards.log_loss import log_loss


def rows_of(truths: list[int], probabilities: list[list[float]]) -> list[Row]:
    """Evidence of a classifier that gives each class a probability."""
    return [
        Row(
            id=f"{number:04}",
            truth=truth,
            prediction=int(np.argmax(p)),
            confidence=max(p),
            log_likelihood=log(p[truth]),
        )
        for number, (truth, p) in enumerate(zip(truths, probabilities, strict=True))
    ]


def test_by_hand() -> None:
    """A truth at 1/2 and one at 1/8: (ln 2 + ln 8) / 2 = 2 ln 2. Both classes occur once: ln 2."""
    found = log_loss(rows_of([0, 1], [[0.5, 0.5], [0.875, 0.125]]))
    assert found is not None
    assert found.value == pytest.approx(2 * log(2))
    assert found.by_shares == pytest.approx(log(2))


@given(st.integers(2, 6), st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_it_is_scikit_learns(classes: int, n: int, seed: int) -> None:
    """On answers of any kind; the entropy is scipy's."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(classes, 0.5), n).clip(1e-9)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    truths = random.integers(0, classes, n)
    found = log_loss(rows_of(truths.tolist(), probabilities.tolist()))
    assert found is not None
    assert found.value == pytest.approx(metrics.log_loss(truths, probabilities, labels=range(classes)))
    assert found.by_shares == pytest.approx(entropy(np.bincount(truths)), abs=1e-12)


def test_evidence_that_does_not_say_how_likely_the_truth_was_has_none() -> None:
    """That of older versions, or of a task without probabilities."""
    told, *_ = rows_of([0], [[0.5, 0.5]])
    silent = Row(id="b", truth=0, prediction=0, confidence=0.5)
    assert log_loss([told, silent]) is None
    assert log_loss([]) is None
