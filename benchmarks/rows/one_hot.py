"""Logistic regression on what a model of rows is given: its numbers as they are scaled, its categories one by one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression

from roadworthy.finetune.tabular.store import Store

STRENGTHS = (0.01, 0.1, 1.0, 10.0)  # scikit-learn's C; the best is chosen on validation


def features(store: Store, rows: NDArray[np.int64], *, crossed: tuple[int, int] | None = None) -> tuple[Any, Any]:
    """Sparse [rows, columns] and labels [rows]; ``crossed``: two categories whose pairs are features too."""
    numeric, ids, labels = store.batch(rows)
    sizes = np.array(store.encoder.sizes)
    columns = ids.astype(np.int64) + np.concatenate([[0], np.cumsum(sizes)[:-1]])
    parts = [csr_matrix(numeric), _ones(columns, int(sizes.sum()))]
    if crossed is not None:
        one, other = crossed
        pairs = ids[:, [one]].astype(np.int64) * sizes[other] + ids[:, [other]]
        parts.append(_ones(pairs, int(sizes[one] * sizes[other])))
    return hstack(parts, format="csr"), labels


def _ones(columns: NDArray[np.int64], width: int) -> Any:
    count, each = columns.shape
    places = np.arange(0, count * each + 1, each)
    return csr_matrix((np.ones(count * each, dtype=np.float32), columns.reshape(-1), places), shape=(count, width))


def fitted(train: tuple[Any, Any], strength: float) -> LogisticRegression:
    """By the limited-memory quasi-Newton method, to its end."""
    return LogisticRegression(C=strength, max_iter=2000).fit(*train)
