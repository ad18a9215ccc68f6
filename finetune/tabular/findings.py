"""What is odd about a table, though each of its rows can be used: leaks, copies, time that runs backwards."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from roadworthy.finetune.split import PARTS

from .contents import among
from .row_split import NUMBER
from .source import RowSource
from .store import Store
from .vocabulary import UNSEEN

_TOO_GOOD = 0.999  # AUC of one feature alone: no honest one is so good
_LOOKED_AT = 200_000  # training rows that a single feature is judged on


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``kind``: "leak" (a feature that tells the label), "copies", "time", or "unseen"; ``text`` for people."""

    kind: Literal["leak", "copies", "time", "unseen"]
    text: str


def findings(store: Store) -> tuple[Finding, ...]:
    """All that is found, the worst first."""
    return (*_telling(store), *_copies(store), *_backwards(store), *_unseen(store))


def copied(store: Store) -> NDArray[np.int64]:
    """Rows to train or stop on whose content is also in the test part: int64, sorted."""
    seen = np.flatnonzero(np.asarray(store.part) < NUMBER["test"]).astype(np.int64)
    return seen[among(RowSource(store=store), seen, store.rows("test"))]


def single_feature_auc(store: Store) -> dict[str, float]:
    """How well each feature alone tells the label, 0.5 to 1, on rows of the train part.

    A number by its rank; a category by the share of positives that the other half of the rows has for it, so that
    values which occur once tell nothing.
    """
    if store.label is None:
        return {}
    rows = store.rows("train")
    rows = rows[:: max(1, len(rows) // _LOOKED_AT)]
    label = np.asarray(store.label[rows]).astype(bool)
    if label.all() or not label.any():
        return {}
    found, at = {}, 0
    for name, scale in zip(store.schema.numeric, store.encoder.scales, strict=True):
        found[name] = max(_auc(store.numeric[rows, at + n], label) for n in range(scale.width))
        at += scale.width
    half = np.arange(len(rows)) % 2 == 0
    for (one, first), words in zip(store.schema.slots, store.encoder.vocabularies, strict=True):
        found[one.name] = _category_auc(np.asarray(store.ids[rows, first]), words.size, label, half)
    return found


def _category_auc(ids: NDArray[np.int32], size: int, label: NDArray[np.bool_], half: NDArray[np.bool_]) -> float:
    scores = np.zeros(len(ids))
    for learned in (half, ~half):
        seen = np.bincount(ids[learned], minlength=size)
        positive = np.bincount(ids[learned], weights=label[learned], minlength=size)
        base = label[learned].mean() if learned.any() else 0.5
        scores[~learned] = ((positive + base) / (seen + 1))[ids[~learned]]
    parts = [_auc(scores[part], label[part]) for part in (half, ~half) if 0 < label[part].sum() < part.sum()]
    return min(parts, default=0.5)


def _auc(score: NDArray[np.floating], label: NDArray[np.bool_]) -> float:
    """Mann and Whitney's, ties as halves, whichever way round."""
    positives = int(label.sum())
    ranks = float(rankdata(score)[label].sum()) - positives * (positives + 1) / 2
    auc = ranks / (positives * (len(label) - positives))
    return max(auc, 1 - auc)


def _telling(store: Store) -> Iterator[Finding]:
    for name, auc in single_feature_auc(store).items():
        if auc > _TOO_GOOD:
            yield Finding(
                kind="leak",
                text=f"column {name!r} alone tells the label (AUC {auc:.4f} in the train part). Is it known only "
                f'afterwards? Then leave it out: ignored = ["{name}"] in schema.toml.',
            )


def _copies(store: Store) -> Iterator[Finding]:
    rows = copied(store)
    if len(rows):
        yield Finding(
            kind="copies",
            text=f"{len(rows):,} rows to train or stop on are also in the test part, the first {store.where(rows[0])}.",
        )


def _backwards(store: Store) -> Iterator[Finding]:
    """Where the split is not by time: how much of the test part lies before what is trained on."""
    if store.time is None or store.split.by == "last" or not (store.split.given or store.split.by != "time"):
        return
    train, test = (np.asarray(store.time[store.rows(part)]) for part in ("train", "test"))
    if not len(train) or not len(test):
        return
    share = float(np.mean(test < train.max()))
    if share:
        yield Finding(
            kind="time",
            text=f"{share:.1%} of the test rows lie before the latest train row by {store.schema.timestamp!r}: the "
            f"model learns from what came later ({store.split.rule}).",
        )


def _unseen(store: Store) -> Iterator[Finding]:
    """Categories that training does not know, where they are more than a tenth of the test part."""
    test = store.rows(PARTS[-1])
    for one, first in store.schema.slots if len(test) else ():
        ids = np.asarray(store.ids[test, first])
        share = float(np.mean(ids == UNSEEN))
        if share > 0.1:
            yield Finding(
                kind="unseen",
                text=f"{share:.1%} of the test rows have a value in {one.name!r} that the train part has fewer than "
                f"{one.min_count} times.",
            )
