"""Protocols of click-through, recommendation and ranking, and the metrics that their evidence is scored by."""

from collections.abc import Callable, Mapping
from importlib import import_module
from operator import attrgetter
from typing import Any

from .errors import InputError
from .protocol_family import Comparer, Family, Protocol, Scorer


def click_through() -> Protocol:
    """ROC-AUC of the probability of a click, over the whole test part at once; equal scores count half."""
    return OF_SCORES["click-through"].first("click-through", {"ties": "half"})


def sampled_recommendation(*, negatives: int = 100, seed: int = 0) -> Protocol:
    """HR@10 of each user's test item among ``negatives`` drawn items (`candidates.draw_negatives`).

    Number and seed are in the id: 100 negatives and 999 are not comparable, nor are two draws.

    Raises:
        InputError: no negative, or a seed below 0.
    """
    if negatives < 1 or seed < 0:
        raise InputError(f"expected one negative at least and a seed of 0 or more, found {negatives} and {seed}.")
    parameters = {"duplicates": "masked", "negatives": negatives, "seed": seed, "ties": "pessimistic"}
    return OF_SCORES["recommendation-sampled"].first("recommendation-sampled", parameters)


def full_recommendation() -> Protocol:
    """HR@10 of each user's test item among the whole catalogue, the user's training items left out."""
    parameters = {"excluded": "training items", "ties": "pessimistic"}
    return OF_SCORES["recommendation-full"].first("recommendation-full", parameters)


def ranking() -> Protocol:
    """MAP@12 over whole groups; those without a relevant item are left out."""
    parameters = {"groups": "whole", "groups_without_relevant": "left out", "ties": "pessimistic"}
    return OF_SCORES["ranking"].first("ranking", parameters)


def legacy_ranking(*, batch_size: int = 131_072) -> Protocol:
    """MAP@12 as the TF2 reference of Wide & Deep counts it: groups are cut at the edges of batches.

    For a comparison with its published figures alone: it is higher than `ranking`, and depends on the order of rows.

    Raises:
        InputError: no batch of at least one row.
    """
    if batch_size < 1:
        raise InputError(f"expected a batch of one row at least, found {batch_size}.")
    parameters = {"batch_size": batch_size, "counters_begin_at": 1, "ties": "order of the data"}
    return OF_SCORES["ranking-legacy"].first("ranking-legacy", parameters)


def _of(module: str, name: str) -> Callable[..., Any]:
    """What is called ``name`` in the module beside this one, imported when it is first called.

    It needs numpy and scipy, and an audit of a classifier is over before they would have been loaded.
    """
    return lambda *given: attrgetter(name)(import_module(f".{module}", __package__))(*given)


_RECOMMENDATION: Mapping[str, Scorer] = {
    "hit_rate_at_10": _of("recommendation", "hit_rate"),
    "ndcg_at_10": _of("recommendation", "NDCG.estimate"),
}
_COMPARED: Mapping[str, Comparer] = {
    "hit_rate_at_10": _of("recommendation", "compare_hits"),
    "ndcg_at_10": _of("recommendation", "NDCG.compare"),
}

OF_SCORES: Mapping[str, Family] = {
    "click-through": Family(
        subject="click-through",
        stated=(),
        build=click_through,
        spell=lambda given: "",
        metrics={
            "auc": _of("click_through", "auc_of"),
            "average_precision": _of("click_through", "average_precision_of"),
            "log_loss": _of("click_through", "LOG_LOSS.estimate"),
        },
        comparisons={
            "auc": _of("click_through", "compare_auc_of"),
            "average_precision": _of("click_through", "compare_average_precision"),
            "log_loss": _of("click_through", "LOG_LOSS.compare"),
        },
        classification=False,
    ),
    "recommendation-sampled": Family(
        subject="recommendation",
        stated=("negatives", "seed"),
        build=sampled_recommendation,
        spell=lambda given: f"{given['negatives']}-negatives-seed-{given['seed']}",
        metrics=_RECOMMENDATION,
        comparisons=_COMPARED,
        classification=False,
    ),
    "recommendation-full": Family(
        subject="recommendation",
        stated=(),
        build=full_recommendation,
        spell=lambda given: "whole-catalogue",
        metrics=_RECOMMENDATION,
        comparisons=_COMPARED,
        classification=False,
    ),
    "ranking": Family(
        subject="ranking",
        stated=(),
        build=ranking,
        spell=lambda given: "whole-groups",
        metrics={"map_at_12": _of("ranking", "MAP.estimate")},
        comparisons={"map_at_12": _of("ranking", "MAP.compare")},
        classification=False,
    ),
    "ranking-legacy": Family(
        subject="ranking",
        stated=("batch_size",),
        build=legacy_ranking,
        spell=lambda given: f"batches-of-{given['batch_size']}",
        metrics={"legacy_map_at_12": _of("ranking", "LEGACY_MAP.estimate")},
        comparisons={"legacy_map_at_12": _of("ranking", "LEGACY_MAP.compare")},
        classification=False,
    ),
}
