"""The head on frozen features, against scikit-learn's logistic regression."""

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from torch import nn

from roadworthy.finetune.head_fit import fit, out_of_fold


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """600 handwritten digits as features and labels."""
    x, y = load_digits(return_X_y=True)
    return torch.tensor(x[:600], dtype=torch.float32), torch.tensor(y[:600])


def test_the_fit_is_penalised_logistic_regression() -> None:
    """Same objective, another solver: probabilities equal to scikit-learn's within a thousandth.

    Ours: mean loss + 0.1 |w|² / 2 on features of one scale; theirs: C · sum of losses + |w|² / 2, so C = 1 / (0.1 n).
    """
    x, y = digits()
    scaled = ((x - x.mean(0)) / (x.var(0).mean().sqrt() + 1e-6)).numpy()
    theirs = LogisticRegression(C=1 / (0.1 * len(y)), max_iter=2000, tol=1e-8).fit(scaled, y.numpy())
    ours = fit(x, y, torch.ones(10)).scores(x).softmax(1)
    assert np.abs(ours.numpy() - theirs.predict_proba(scaled)).max() < 2e-3


def test_class_weights_multiply_losses() -> None:
    """Weights of 3 for one class give what scikit-learn's class_weight gives."""
    x, y = digits()
    y = (y == 8).long()
    scaled = ((x - x.mean(0)) / (x.var(0).mean().sqrt() + 1e-6)).numpy()
    weights = torch.tensor([1.0, 3.0])
    # torch divides by the sum of the weights, scikit-learn's penalty is beside a plain sum. Of two classes it fits
    # one vector w, where ours are w / 2 and -w / 2: half the penalty.
    c = 2 / (0.1 * float(weights[y].sum()))
    theirs = LogisticRegression(C=c, max_iter=2000, tol=1e-8, class_weight={0: 1.0, 1: 3.0}).fit(scaled, y.numpy())
    ours = fit(x, y, weights).scores(x).softmax(1)
    assert np.abs(ours.numpy() - theirs.predict_proba(scaled)).max() < 2e-3


def test_out_of_fold_answers_come_from_fits_that_had_not_seen_them() -> None:
    """On labels drawn by lot there is nothing to learn: in-sample the head seems to, out of fold it does not."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, 60, generator=generator)
    y = torch.randint(0, 2, (400,), generator=generator)
    inside = (fit(x, y, torch.ones(2)).scores(x).argmax(1) == y).float().mean()
    outside = (out_of_fold(x, y, torch.ones(2)).argmax(1) == y).float().mean()
    assert inside > 0.6
    assert abs(outside - 0.5) < 0.1


def test_out_of_fold_accuracy_is_cross_validation() -> None:
    """On digits it is within a point of scikit-learn's five-fold cross-validation of the same model."""
    x, y = digits()
    scaled = ((x - x.mean(0)) / x.var(0).mean().sqrt()).numpy()
    model = LogisticRegression(C=1 / (0.1 * 480), max_iter=500)
    theirs = (cross_val_predict(model, scaled, y.numpy(), cv=PredefinedSplit(np.arange(600) % 5)) == y.numpy()).mean()
    ours = float((out_of_fold(x, y, torch.ones(10)).argmax(1) == y).float().mean())
    assert abs(ours - theirs) < 0.01


def test_the_layer_computes_the_head() -> None:
    """Copied into a linear layer, scores stay the same."""
    x, y = digits()
    head, layer = fit(x, y, torch.ones(10)), nn.Linear(64, 10)
    head.copy_to(layer)
    assert torch.allclose(layer(x), head.scores(x), atol=1e-4)
