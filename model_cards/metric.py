"""A measured figure, and how figures of its kind are told."""

from collections.abc import Mapping
from dataclasses import dataclass

from .target import Relation


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A measured figure under a named protocol; ``low`` and ``high`` bound it at ``confidence``."""

    name: str
    protocol: str
    value: float
    low: float
    high: float
    n: int
    confidence: float
    interval: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricKind:
    """What is the same for every figure of one name.

    ``hub_type`` is the Hub's name for it in a model index; a ``share`` lies between 0 and 1 and is told in percent,
    any other figure as the number it is; ``relation`` is the direction of a better figure.
    """

    hub_type: str
    share: bool
    relation: Relation


KINDS: Mapping[str, MetricKind] = {
    "top1": MetricKind(hub_type="accuracy", share=True, relation=">="),
    "accuracy": MetricKind(hub_type="accuracy", share=True, relation=">="),
    "balanced_accuracy": MetricKind(hub_type="balanced_accuracy", share=True, relation=">="),
    # Areas and gains of 0 to 1 that no count of examples is behind: told as the numbers they are.
    "auc": MetricKind(hub_type="roc_auc", share=False, relation=">="),
    "average_precision": MetricKind(hub_type="average_precision", share=False, relation=">="),
    "log_loss": MetricKind(hub_type="log_loss", share=False, relation="<="),
    "hit_rate_at_10": MetricKind(hub_type="hit_rate", share=True, relation=">="),
    "ndcg_at_10": MetricKind(hub_type="ndcg", share=False, relation=">="),
    "map_at_12": MetricKind(hub_type="map", share=False, relation=">="),
    "legacy_map_at_12": MetricKind(hub_type="map", share=False, relation=">="),
}


def kind_of(name: str) -> MetricKind:
    """The kind of the metric called ``name``; one that a third party brought is a plain number."""
    return KINDS.get(name) or MetricKind(hub_type=name, share=False, relation=">=")


def percent(share: float) -> str:
    """A share with two decimals, as cards and terminals print it."""
    return f"{100 * share:.2f} %"


def told_change(name: str, change: float) -> str:
    """A difference of two figures of the metric ``name``, signed: in points of a share, else as the number it is."""
    return f"{100 * change:+.2f} points" if kind_of(name).share else f"{change:+.4f}"


def told(name: str, value: float) -> str:
    """A figure of the metric ``name`` for people: ``93.10 %`` for a share, ``18.1000`` for a perplexity."""
    return percent(value) if kind_of(name).share else f"{value:,.4f}".replace("-", "−")
