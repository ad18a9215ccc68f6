"""A classifier's rows of evidence, beside scipy's softmax."""

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from roadworthy.finetune.classification import rows
from roadworthy.finetune.examples import Example


def test_what_a_row_says_is_read_off_the_scores() -> None:
    """The most probable class, its probability, and the logarithm of the truth's; for a sure truth 0, not -0."""
    scores = np.array([[2.0, 0.5, -1.0], [0.0, 120.0, 0.0], [-90.0, 90.0, 0.0]], dtype=np.float32)
    truths = [1, 1, 0]
    examples = [Example(id=f"{i}", truth=t, part="test", name=f"{i}", row=i) for i, t in enumerate(truths)]
    found = rows(examples, torch.from_numpy(scores))
    assert [row.prediction for row in found] == [0, 1, 1]
    assert [row.confidence for row in found] == pytest.approx(softmax(scores, axis=1).max(axis=1), abs=1e-6)
    expected = log_softmax(scores.astype(np.float64), axis=1)[range(3), truths]
    assert [row.log_likelihood for row in found] == pytest.approx(expected, abs=1e-5)
    assert expected[2] == pytest.approx(-180)  # as a probability it would be 0 in single precision
    assert str(found[1].log_likelihood) == "0.0"
